-- Events in both shapes, alone, in arrays and in a batch, become activities of the same kind.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
RESET ROLE;
INSERT INTO leadscore.activity_type VALUES ('job_view'), ('website_visit'), ('application');
INSERT INTO leadscore.rule (name, activity_types, points) VALUES ('Job view', '{job_view}', 10), ('Visit', '{website_visit}', 1), ('Application', '{application}', 100);
INSERT INTO leadscore.person (person_id, kind, external_id) VALUES (1, 'candidate', 'a'), (2, 'candidate', 'b'), (3, 'contact', 'a');
-- The pixel's shape, and Segment's.
SELECT leadscore.track('{"event": "jobview", "visitor": "v1", "person": "candidate:a", "consent": true, "job": 12, "customer": "acme", "url": "https://example.org/jobs/12?email=a@example.org#top"}');
SELECT leadscore.track('[{"type": "track", "event": "jobview", "userId": "candidate:a", "context": {"consent": {"categoryPreferences": {"Analytics": true}}, "page": {"url": "https://example.org/jobs/12?x=1"}}, "properties": {"job": "12", "search": "?x=1", "ip": "192.0.2.1"}},
                         {"type": "page", "userId": "candidate:a", "properties": {"title": "Home"}}]');
SELECT leadscore.track('{"sentAt": "2026-03-01T12:00:00Z", "batch": [{"type": "page", "userId": "candidate:a"}, {"event": "conversion", "person": "candidate:a"}]}');
SELECT leadscore.track('[]');
SELECT person_id, activity_type, attributes FROM leadscore.activity ORDER BY activity_id;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
-- What is stored has neither address nor program.
SELECT event, named, person_id, properties FROM leadscore.event ORDER BY event_id;

-- Names lead to types as the business wants it; what leads nowhere is not stored.
SELECT * FROM leadscore.event_mapping ORDER BY event;
SELECT leadscore.track('[{"event": "newsletter", "person": "candidate:b", "consent": true}, {"event": "apply-start", "person": "candidate:b", "consent": true}]') -> 'left_out' -> 'unmapped' AS unmapped;
INSERT INTO leadscore.event_type (event, activity_type) VALUES ('newsletter', 'website_visit'), ('pageview', NULL);
SELECT leadscore.track('[{"event": "newsletter", "person": "candidate:b", "consent": true}, {"event": "pageview", "person": "candidate:b", "consent": true}]') - 'refused' AS result;
INSERT INTO leadscore.event_type (event, activity_type) VALUES ('lunch', 'no such type');
\echo :LAST_ERROR_SQLSTATE
SELECT person_id, score FROM leadscore.person ORDER BY 1;
-- A user id without a kind, where the settings have one.
UPDATE leadscore.track_settings SET default_kind = 'contact';
SELECT leadscore.track('{"type": "track", "event": "jobview", "userId": "a", "context": {"consent": true}}') -> 'taken' AS taken;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();
