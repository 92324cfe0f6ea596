-- forget_person(): nothing of the person remains in any table of leadscore.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id bigint PRIMARY KEY, name text, state text, score int, category text);
CREATE TABLE call (id bigint PRIMARY KEY, candidate_id bigint, at timestamptz, vip boolean, note text);
SELECT leadscore.attach_person('candidate', 'candidate', status => 'state', score => 'score', category => 'category');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{vip}');
-- Words that are nowhere else.
INSERT INTO candidate (id, name, state) VALUES (4711, 'Quintessa', 'zugzwang'), (4712, 'Other', 'new'), (4713, 'Double', 'zugzwang');
INSERT INTO call VALUES (1, 4711, '2026-02-01', true), (2, 4711, '2026-02-02', NULL), (3, 4712, '2026-02-03', NULL), (4, 4713, '2026-02-03', NULL);
RESET ROLE;
INSERT INTO leadscore.rule (name, kind, points, inactive_for, repeat_every) VALUES ('Silence', 'inactivity', -1, '5 days', '1 month');
SELECT scored_on FROM leadscore_recompute('2026-03-02 12:00');
SELECT leadscore.adjust(p.person_id, 50, 'gobbledygook', '2026-02-01') > 0 AS adjusted FROM leadscore.person p WHERE external_id = '4711';
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes) SELECT person_id, 'visit', '2026-02-05', '{"page": "gobbledygook"}' FROM leadscore.person WHERE external_id = '4711';
SELECT leadscore.merge_person((SELECT person_id FROM leadscore.person WHERE external_id = '4713'), (SELECT person_id FROM leadscore.person WHERE external_id = '4711'));
CREATE TEMP TABLE ids AS SELECT person_id FROM leadscore.person WHERE external_id = '4711';
CREATE FUNCTION pg_temp.traces() RETURNS TABLE (place text, n bigint) LANGUAGE plpgsql AS $$
DECLARE
    t regclass;
BEGIN
    FOR t IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'leadscore'::regnamespace AND c.relkind = 'r' ORDER BY c.relname LOOP
        RETURN QUERY EXECUTE format('SELECT %L, count(*) FROM %s t WHERE to_jsonb(t)->>''person_id'' IN (SELECT person_id::text FROM ids) OR t::text ~ ''4711|4713|zugzwang|gobbledygook|Quintessa'' HAVING count(*) > 0', t::text, t);
    END LOOP;
END $$;
SELECT * FROM pg_temp.traces();
-- The application's own rows first.
SET ROLE regress_application;
BEGIN;
DELETE FROM call WHERE candidate_id IN (4711, 4713);
RESET ROLE;
SELECT leadscore.forget_person(person_id) FROM ids;
SET ROLE regress_application;
DELETE FROM candidate WHERE id IN (4711, 4713);
COMMIT;
RESET ROLE;
SELECT * FROM pg_temp.traces();
SELECT external_id, score FROM leadscore.person;
SELECT * FROM leadscore.verify();
SELECT records_added, records_removed, persons_changed FROM leadscore_recompute('2026-03-02 12:00', true);
-- The candidate is deleted with the calls still there: what waits for it goes with forget_person, or with the calls.
SET ROLE regress_application;
INSERT INTO candidate (id, state) VALUES (4711, 'zugzwang');
INSERT INTO call VALUES (10, 4711, '2026-02-01');
RESET ROLE;
TRUNCATE ids;
INSERT INTO ids SELECT person_id FROM leadscore.person WHERE external_id = '4711';
SELECT leadscore.forget_person(person_id) FROM ids;
SELECT * FROM pg_temp.traces();
-- The rows of the application are still there, which verify() says.
SELECT item, stored FROM leadscore.verify() ORDER BY item;
DELETE FROM app.call WHERE id = 10;
DELETE FROM app.candidate WHERE id = 4711;
SELECT * FROM pg_temp.traces();
SELECT * FROM leadscore.verify();
-- Deleting the candidate alone forgets all but what waits for it, which goes with the application's own rows.
INSERT INTO app.candidate (id, state) VALUES (4711, 'zugzwang');
INSERT INTO app.call VALUES (11, 4711, '2026-02-01');
TRUNCATE ids;
INSERT INTO ids SELECT person_id FROM leadscore.person WHERE external_id = '4711';
DELETE FROM app.candidate WHERE id = 4711;
SELECT * FROM pg_temp.traces();
DELETE FROM app.call WHERE id = 11;
SELECT * FROM pg_temp.traces();
SELECT leadscore.forget_person(999);
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.forget_person(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.verify();
