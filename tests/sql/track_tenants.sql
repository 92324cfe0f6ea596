-- Events of a tenant's website: keys of persons, ids of visitors and of messages are those of the tenant, or of nobody.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
RESET ROLE;
INSERT INTO leadscore.activity_type VALUES ('job_view');
INSERT INTO leadscore.rule (name, activity_types, points) VALUES ('Job view', '{job_view}', 10);
INSERT INTO leadscore.person (person_id, tenant, kind, external_id) VALUES (1, 'acme', 'candidate', 'a'), (2, 'other', 'candidate', 'a'), (3, NULL, 'candidate', 'a');
CREATE FUNCTION pg_temp.track(event jsonb, tenant text) RETURNS text LANGUAGE sql
BEGIN ATOMIC
    SELECT concat(r ->> 'taken', ' taken, ', r #>> '{left_out,seen_before}', ' seen before, ', r ->> 'withdrawn', ' withdrawn') FROM leadscore.track(event, tenant) r;
END;
\set persons 'SELECT p.person_id, p.tenant, p.score FROM leadscore.person p ORDER BY 1;'
-- The same key is three persons.
SELECT t, pg_temp.track('{"event": "jobview", "person": "candidate:a", "consent": true, "id": "m1"}', t) FROM (VALUES (1, 'acme'), (2, 'other'), (3, NULL)) v(n, t) ORDER BY n;
:persons
-- A message is seen before by the same website alone.
SELECT pg_temp.track('{"event": "jobview", "person": "candidate:a", "consent": true, "id": "m1"}', 'acme');
SELECT pg_temp.track('{"event": "jobview", "person": "candidate:a", "consent": true, "id": "m2"}', 'acme');
:persons
-- So is a visitor: who it is on one website says nothing of another's.
SELECT t, pg_temp.track('{"event": "jobview", "visitor": "v1", "consent": true}', t) FROM (VALUES (1, 'acme'), (2, 'other'), (3, NULL)) v(n, t) ORDER BY n;
SELECT count(*), count(DISTINCT visitor_id) FROM leadscore.visitor;
SELECT pg_temp.track('{"event": "identify", "visitor": "v1", "person": "candidate:a", "consent": true}', 'other');
:persons
SELECT pg_temp.track('[{"event": "jobview", "visitor": "v2", "consent": true}, {"event": "alias", "visitor": "v1", "previous": "v2", "consent": true}]', 'acme');
SELECT pg_temp.track('{"event": "alias", "visitor": "v1", "previous": "v2", "consent": true}', 'other');
:persons
-- Who is not there yet is waited for within the tenant.
SELECT t, pg_temp.track('[{"event": "jobview", "person": "candidate:b", "consent": true}, {"event": "identify", "visitor": "v3", "person": "candidate:b", "consent": true},
                          {"event": "jobview", "visitor": "v3", "consent": true}]', t) FROM (VALUES ('acme'), ('other')) v(t);
INSERT INTO leadscore.person (person_id, tenant, kind, external_id) VALUES (4, NULL, 'candidate', 'b');
INSERT INTO leadscore.person (person_id, tenant, kind, external_id) VALUES (5, 'other', 'candidate', 'b');
:persons
-- A withdrawal takes what one website stored.
SELECT pg_temp.track('[{"event": "jobview", "person": "candidate:b", "consent": false}, {"event": "jobview", "visitor": "v1", "consent": false}]', 'acme');
INSERT INTO leadscore.person (person_id, tenant, kind, external_id) VALUES (6, 'acme', 'candidate', 'b');
:persons
SELECT pg_temp.track('{"event": "jobview", "visitor": "v3", "person": "candidate:b", "consent": false}', 'other');
:persons
-- Erasure of a person leaves what waits for the same key elsewhere.
SELECT pg_temp.track('{"event": "jobview", "person": "candidate:c", "consent": true}', 'acme');
INSERT INTO leadscore.person (person_id, tenant, kind, external_id) VALUES (7, 'other', 'candidate', 'c');
SELECT leadscore.forget_person(7);
SELECT tenant, count(*) FROM leadscore.event WHERE external_id = 'c' GROUP BY tenant;
SELECT leadscore.track('{"event": "jobview", "person": "candidate:a", "consent": true}', '');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.verify();
