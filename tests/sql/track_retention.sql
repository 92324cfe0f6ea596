-- Raw events go after a time; points stay, and consent can still be withdrawn.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
RESET ROLE;
INSERT INTO leadscore.activity_type VALUES ('job_view'), ('website_visit'), ('application');
INSERT INTO leadscore.rule (name, activity_types, points) VALUES ('Job view', '{job_view}', 10), ('Visit', '{website_visit}', 1), ('Application', '{application}', 100);
INSERT INTO leadscore.person (person_id, kind, external_id) VALUES (1, 'candidate', 'a'), (2, 'candidate', 'b'), (3, 'contact', 'a');
SELECT leadscore.track('[{"event": "jobview", "visitor": "v1", "consent": true, "id": "m1", "job": "12"}, {"type": "identify", "anonymousId": "v1", "userId": "candidate:a"}, {"event": "jobview", "visitor": "v2", "consent": true, "id": "m2"}]') -> 'taken' AS taken;
SELECT * FROM leadscore.purge_visits();
SELECT * FROM leadscore.purge_visits(now() + interval '179 days');
SELECT * FROM leadscore.purge_visits(now() + interval '181 days');
SELECT * FROM leadscore.purge_visits(now() + interval '181 days');
SELECT message_id, event, properties, person_id FROM leadscore.event;
SELECT anonymous_id FROM leadscore.visitor;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT leadscore.track('{"event": "consent", "visitor": "v1", "consent": false}') -> 'withdrawn' AS withdrawn;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT count(*) FROM leadscore.event;
SELECT leadscore.purge_visits('infinity');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.verify();
-- An INSERT of settings replaces them, as a restore does; without a row the defaults hold.
INSERT INTO leadscore.track_settings (retention) VALUES ('90 days');
SELECT consent_required, retention FROM leadscore.track_settings;
DELETE FROM leadscore.track_settings;
SELECT leadscore.track('{"event": "jobview", "visitor": "v1"}') -> 'left_out' -> 'without_consent' AS without_consent;
