-- A message that was seen gives nothing again.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
RESET ROLE;
INSERT INTO leadscore.activity_type VALUES ('job_view'), ('website_visit'), ('application');
INSERT INTO leadscore.rule (name, activity_types, points) VALUES ('Job view', '{job_view}', 10), ('Visit', '{website_visit}', 1), ('Application', '{application}', 100);
INSERT INTO leadscore.person (person_id, kind, external_id) VALUES (1, 'candidate', 'a'), (2, 'candidate', 'b'), (3, 'contact', 'a');
SELECT leadscore.track('{"event": "jobview", "person": "candidate:a", "id": "m1", "consent": true}') AS result;
SELECT leadscore.track('{"event": "jobview", "person": "candidate:a", "id": "m1", "consent": true}') AS result;
-- In one array too, and with another content or person: the id decides.
SELECT leadscore.track('[{"event": "jobview", "person": "candidate:b", "id": "m2", "consent": true}, {"event": "pageview", "person": "candidate:b", "id": "m2"}, {"event": "jobview", "person": "candidate:b", "id": "m1"}]') - 'refused' AS result;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
-- A try that was rolled back was none.
BEGIN;
SELECT leadscore.track('{"event": "jobview", "person": "candidate:a", "id": "m3"}') -> 'taken' AS taken;
ROLLBACK;
SELECT leadscore.track('{"event": "jobview", "person": "candidate:a", "id": "m3"}') -> 'taken' AS taken;
-- An event without an id is one of its own each time.
SELECT leadscore.track('[{"event": "pageview", "person": "candidate:a"}, {"event": "pageview", "person": "candidate:a"}]') -> 'taken' AS taken;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();
