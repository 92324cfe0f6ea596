-- The sender's clock is corrected, and dates far away are refused.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
RESET ROLE;
INSERT INTO leadscore.activity_type VALUES ('job_view'), ('website_visit'), ('application');
INSERT INTO leadscore.rule (name, activity_types, points) VALUES ('Job view', '{job_view}', 10), ('Visit', '{website_visit}', 1), ('Application', '{application}', 100);
INSERT INTO leadscore.person (person_id, kind, external_id) VALUES (1, 'candidate', 'a'), (2, 'candidate', 'b'), (3, 'contact', 'a');
CREATE FUNCTION pg_temp.at(shift interval) RETURNS text LANGUAGE sql RETURN to_char((now() + shift) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
BEGIN;
SELECT leadscore.set_consent(1, true, now() - interval '20 days');
-- A clock that is two years slow: viewed five minutes before it was sent.
SELECT leadscore.track(jsonb_build_object('type', 'track', 'event', 'jobview', 'userId', 'candidate:a', 'timestamp', pg_temp.at('-2 years -5 minutes'), 'sentAt', pg_temp.at('-2 years'))) -> 'taken' AS taken;
-- In a batch the batch says when it was sent; a collector that received it says when that was.
SELECT leadscore.track(jsonb_build_object('sentAt', pg_temp.at('1 day'), 'batch', jsonb_build_array(
    jsonb_build_object('type', 'track', 'event', 'jobview', 'userId', 'candidate:a', 'timestamp', pg_temp.at('1 day -10 minutes'))))) -> 'taken' AS taken;
SELECT leadscore.track(jsonb_build_object('type', 'track', 'event', 'jobview', 'userId', 'candidate:a', 'originalTimestamp', pg_temp.at('-1 hour'), 'sentAt', pg_temp.at('-1 hour'), 'receivedAt', pg_temp.at('-15 minutes'))) -> 'taken' AS taken;
-- Corrected already.
SELECT leadscore.track(jsonb_build_object('type', 'track', 'event', 'jobview', 'userId', 'candidate:a', 'timestamp', pg_temp.at('-20 minutes'), 'originalTimestamp', pg_temp.at('-1 year'), 'sentAt', pg_temp.at('-1 year'))) -> 'taken' AS taken;
SELECT now() - occurred_at AS ago FROM leadscore.activity ORDER BY activity_id;
COMMIT;
UPDATE leadscore.track_settings SET max_past = '10 days', max_future = '0';
SELECT leadscore.track(jsonb_build_array(jsonb_build_object('event', 'jobview', 'person', 'candidate:a', 'at', pg_temp.at('-9 days')),
    jsonb_build_object('event', 'jobview', 'person', 'candidate:a', 'at', pg_temp.at('-11 days')), jsonb_build_object('event', 'jobview', 'person', 'candidate:a', 'at', pg_temp.at('1 minute')))) -> 'taken' AS taken;
SELECT leadscore.track('[{"event": "jobview", "person": "candidate:a", "at": "1999-12-31T23:00:00Z"}, {"event": "jobview", "person": "candidate:a", "at": "3000-01-01T00:00:00+01:00"}]') -> 'refused' AS refused;
SELECT leadscore.track('[{"event": "jobview", "person": "candidate:a", "at": "infinity"}, {"event": "jobview", "person": "candidate:a", "at": 1e300}, {"event": "jobview", "person": "candidate:a", "at": "+12345-01-01T00:00:00Z"}]') -> 'refused' AS refused;
UPDATE leadscore.track_settings SET retention = '5 days';
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.verify();
