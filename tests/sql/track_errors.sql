-- One bad event in an array is reported with its place and the reason, and does not lose the others.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
RESET ROLE;
INSERT INTO leadscore.activity_type VALUES ('job_view'), ('website_visit'), ('application');
INSERT INTO leadscore.rule (name, activity_types, points) VALUES ('Job view', '{job_view}', 10), ('Visit', '{website_visit}', 1), ('Application', '{application}', 100);
INSERT INTO leadscore.person (person_id, kind, external_id) VALUES (1, 'candidate', 'a'), (2, 'candidate', 'b'), (3, 'contact', 'a');
SELECT jsonb_array_elements(leadscore.track(
 '[{"event": "jobview", "person": "candidate:a", "consent": true},
   null, 7, "jobview", [], {}, {"type": "group", "userId": "candidate:a"}, {"type": "track", "userId": "candidate:a"}, {"event": "", "visitor": "v"},
   {"event": "jobview"}, {"event": "jobview", "visitor": ""}, {"event": "jobview", "visitor": {"a": 1}}, {"event": "jobview", "person": "12"}, {"event": "jobview", "person": ":12"},
   {"event": "jobview", "visitor": "v", "at": "yesterday"}, {"event": "jobview", "visitor": "v", "consent": "maybe"}, {"type": "page", "anonymousId": "v", "context": {"consent": {"categoryPreferences": {"Ads": 1}}}},
   {"type": "page", "anonymousId": "v", "context": {"ip": "10.0.0"}}, {"type": "page", "anonymousId": "v", "properties": [1]}, {"type": "identify", "anonymousId": "v"}, {"type": "alias", "anonymousId": "v"},
   {"event": "jobview", "person": "candidate:a"}]') -> 'refused') AS refused;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT leadscore.track(jsonb_build_object('event', 'jobview', 'visitor', repeat('v', 256))) -> 'refused' -> 0 ->> 'reason' AS reason;
SELECT leadscore.track(jsonb_build_object('event', 'jobview', 'visitor', 'v', 'properties', jsonb_build_object('text', repeat('v', 20000)))) -> 'refused' -> 0 ->> 'reason' AS reason;
SELECT leadscore.track(jsonb_build_array(jsonb_build_object('event', 'jobview', 'visitor', 'v', 'properties', (repeat('{"a":', 1000) || '1' || repeat('}', 1000))::jsonb), '{"event": "jobview", "person": "candidate:a"}'::jsonb)) AS result;
-- What is no event at all.
SELECT leadscore.track(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.track('"jobview"');
SELECT leadscore.track('{"batch": 7}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.track('{"batch": null}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.verify();
