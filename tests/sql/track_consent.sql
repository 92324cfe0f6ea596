-- Nothing is stored without consent, and withdrawing it removes what was stored, with its points, at once.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
RESET ROLE;
INSERT INTO leadscore.activity_type VALUES ('job_view'), ('website_visit'), ('application');
INSERT INTO leadscore.rule (name, activity_types, points) VALUES ('Job view', '{job_view}', 10), ('Visit', '{website_visit}', 1), ('Application', '{application}', 100);
INSERT INTO leadscore.person (person_id, kind, external_id) VALUES (1, 'candidate', 'a'), (2, 'candidate', 'b'), (3, 'contact', 'a');
CREATE FUNCTION pg_temp.ago(hours int) RETURNS text LANGUAGE sql RETURN to_char((now() - hours * interval '1 hour') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"');
CREATE VIEW pg_temp.stored AS
SELECT (SELECT count(*) FROM leadscore.visitor) AS visitors, (SELECT count(*) FROM leadscore.event) AS events, (SELECT count(*) FROM leadscore.visitor_person) AS ties,
       (SELECT count(*) FROM leadscore.activity) AS activities, (SELECT array_agg(score ORDER BY person_id) FROM leadscore.person) AS scores;
-- No word, or no: nothing.
SELECT leadscore.track('[{"event": "jobview", "visitor": "v1"}, {"event": "jobview", "person": "candidate:a"}, {"type": "identify", "anonymousId": "v1", "userId": "candidate:a"}]') -> 'left_out' AS left_out;
SELECT leadscore.track('{"event": "jobview", "visitor": "v1", "consent": false}') AS result;
SELECT * FROM pg_temp.stored;
-- A yes holds for that visitor from then on, not for before.
SELECT leadscore.track(jsonb_build_array(jsonb_build_object('event', 'jobview', 'visitor', 'v1', 'at', pg_temp.ago(5)),
    jsonb_build_object('event', 'jobview', 'visitor', 'v1', 'at', pg_temp.ago(4), 'consent', 'granted'), jsonb_build_object('event', 'jobview', 'visitor', 'v1', 'at', pg_temp.ago(3)),
    jsonb_build_object('event', 'jobview', 'visitor', 'v2', 'at', pg_temp.ago(3)))) - 'refused' AS result;
SELECT leadscore.track(jsonb_build_object('event', 'jobview', 'visitor', 'v1', 'at', pg_temp.ago(2))) -> 'taken' AS taken;
SELECT leadscore.track('{"type": "identify", "anonymousId": "v1", "userId": "candidate:a"}') -> 'taken' AS taken;
SELECT * FROM pg_temp.stored;
-- The withdrawal, in the transaction of its own; and it can be rolled back like anything else.
BEGIN;
SELECT leadscore.track('{"type": "track", "event": "Segment Consent Preference Updated", "anonymousId": "v1", "context": {"consent": {"categoryPreferences": {"Analytics": false}}}}') -> 'withdrawn' AS withdrawn;
SELECT * FROM pg_temp.stored;
SELECT person_id, refused FROM leadscore.person_consent;
ROLLBACK;
SELECT * FROM pg_temp.stored;
-- The person was identified, so the refusal holds for all that the person does: here on a second device.
SELECT leadscore.track('[{"event": "jobview", "visitor": "telephone", "consent": true}, {"type": "identify", "anonymousId": "telephone", "userId": "candidate:a"}, {"event": "jobview", "visitor": "telephone"}]') -> 'taken' AS taken;
SELECT * FROM pg_temp.stored;
SELECT leadscore.track('{"event": "consent", "visitor": "v1", "consent": false}') -> 'withdrawn' AS withdrawn;
SELECT * FROM pg_temp.stored;
SELECT leadscore.track('[{"event": "jobview", "visitor": "telephone"}, {"event": "jobview", "person": "candidate:a"}]') -> 'left_out' -> 'without_consent' AS without_consent;
SELECT * FROM leadscore.verify();
-- What was before the refusal stays out, whatever it says; a new consent counts from then on.
SELECT leadscore.track(jsonb_build_object('event', 'jobview', 'person', 'candidate:a', 'consent', true, 'at', pg_temp.ago(1))) -> 'left_out' -> 'without_consent' AS without_consent;
SELECT pg_sleep(0.01);
SELECT leadscore.track('{"event": "jobview", "person": "candidate:a", "consent": true}') -> 'taken' AS taken;
SELECT leadscore.track('{"event": "jobview", "person": "candidate:a"}') -> 'taken' AS taken;
SELECT * FROM pg_temp.stored;
-- The order in one array is that of time, not of places.
SELECT leadscore.track(jsonb_build_array(jsonb_build_object('event', 'x', 'visitor', 'v7', 'at', pg_temp.ago(2), 'consent', false),
    jsonb_build_object('event', 'jobview', 'visitor', 'v7', 'at', pg_temp.ago(3), 'consent', true), jsonb_build_object('event', 'jobview', 'visitor', 'v7', 'at', pg_temp.ago(1), 'consent', true))) - 'refused' AS result;
SELECT count(*) FROM leadscore.event JOIN leadscore.visitor USING (visitor_id) WHERE anonymous_id = 'v7';
-- Which category decides is a setting.
UPDATE leadscore.track_settings SET consent_category = 'Analytics';
SELECT leadscore.track('{"type": "page", "anonymousId": "v8", "context": {"consent": {"categoryPreferences": {"Analytics": true, "Advertising": false}}}}') -> 'taken' AS taken;
-- And where the website itself asks, none is needed; a no is a no all the same.
UPDATE leadscore.track_settings SET consent_required = false;
SELECT leadscore.track('{"event": "jobview", "visitor": "v9"}') -> 'taken' AS taken;
SELECT leadscore.track('{"event": "jobview", "visitor": "v9", "consent": false}') -> 'withdrawn' AS withdrawn;
SELECT count(*) FROM leadscore.visitor WHERE anonymous_id = 'v9';
UPDATE leadscore.track_settings SET consent_required = true, consent_category = NULL;

-- By the application, for a person.
SELECT leadscore.set_consent(2, true);
SELECT leadscore.track('[{"type": "identify", "anonymousId": "v10", "userId": "candidate:b"}, {"event": "jobview", "visitor": "v10"}]') -> 'taken' AS taken;
SELECT leadscore.set_consent(2, false);
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT leadscore.set_consent(99, false);
SELECT leadscore.set_consent(2, NULL, '2026-01-01');
SELECT leadscore.set_consent(2, true, '9999-01-01');
SELECT * FROM leadscore.verify();
