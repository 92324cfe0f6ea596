-- verify() finds what went past the triggers, and resync() mends it.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id bigint PRIMARY KEY, name text, state text, score int, category text);
CREATE TABLE call (id bigint PRIMARY KEY, candidate_id bigint, at timestamptz, vip boolean, note text);
SELECT leadscore.attach_person('candidate', 'candidate', status => 'state', score => 'score', category => 'category');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{vip}');
-- One by one, so that the persons are numbered in this order.
DO $$ BEGIN FOR g IN 1..6 LOOP INSERT INTO candidate (id, state) VALUES (g, 'new'); END LOOP; END $$;
INSERT INTO call SELECT g, g % 6 + 1, '2026-02-01' FROM generate_series(1, 12) g;
INSERT INTO call VALUES (100, 99, '2026-02-01'), (101, 99, '2026-02-01');
:verify
-- As a replica no trigger fires.
RESET ROLE;
CREATE TEMP TABLE before AS SELECT person_id, external_id FROM leadscore.person;
SET session_replication_role = replica;
INSERT INTO app.candidate (id) VALUES (7);
UPDATE app.candidate SET state = 'active' WHERE id = 2;
DELETE FROM app.candidate WHERE id = 3;
INSERT INTO app.call VALUES (13, 1, '2026-02-10'), (14, 7, '2026-02-10'), (15, 98, '2026-02-10');
UPDATE app.call SET candidate_id = 2 WHERE id = 4;
UPDATE app.call SET at = '2026-02-20', vip = true WHERE id = 5;
UPDATE app.call SET at = '2026-02-20', vip = true, candidate_id = 97 WHERE id = 100;
UPDATE app.call SET id = 60 WHERE id = 6;
DELETE FROM app.call WHERE id IN (7, 101);
UPDATE app.candidate SET score = 1, category = 'x' WHERE id = 4;
RESET session_replication_role;
SELECT item, stored, derived FROM (SELECT item, regexp_replace(stored, ', since.*', '') AS stored, regexp_replace(derived, ', since.*', '') AS derived FROM leadscore.verify()) v ORDER BY item;
SELECT leadscore.resync('app.candidate');
SELECT leadscore.resync('app.call');
SELECT * FROM leadscore.verify();
SELECT id, score, category FROM app.candidate ORDER BY id;
SELECT source_key, external_id, occurred_at, attributes FROM leadscore.waiting ORDER BY 1;
SELECT records_added, records_removed, persons_changed FROM leadscore_recompute('2026-03-01 12:00', true);
-- Where all is in step it changes nothing.
CREATE TEMP VIEW places AS SELECT 'person' AS of, ctid AS place, xmin AS writer FROM leadscore.person UNION ALL SELECT 'activity', ctid, xmin FROM leadscore.activity
UNION ALL SELECT 'record', ctid, xmin FROM leadscore.score_record UNION ALL SELECT 'waiting', ctid, xmin FROM leadscore.waiting UNION ALL SELECT 'candidate', ctid, xmin FROM app.candidate;
CREATE TEMP TABLE stored AS SELECT * FROM places;
SELECT leadscore.resync();
SELECT of, count(*) FROM (TABLE places EXCEPT TABLE stored) w GROUP BY of;
-- leadscore's own tables: resync() without a table.
SET session_replication_role = replica;
DELETE FROM leadscore.score_record WHERE person_id = (SELECT person_id FROM leadscore.person WHERE external_id = '1');
UPDATE leadscore.person SET score = 12345, category = 'hot' WHERE external_id = '2';
DELETE FROM leadscore.activity WHERE source_key = '1';
RESET session_replication_role;
SELECT count(*) > 3 AS found FROM leadscore.verify();
SELECT leadscore.resync();
SELECT * FROM leadscore.verify();
SELECT id, score, category FROM app.candidate ORDER BY id;
-- A table that is not attached, and none.
CREATE TABLE app.other (id int);
SELECT leadscore.resync('app.other');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.resync('app.nothing');
\echo :LAST_ERROR_SQLSTATE
-- A row that cannot be taken is named; once it is mended, so is the rest.
SET session_replication_role = replica;
INSERT INTO app.call VALUES (50, 1, 'infinity'), (51, 1, '2026-02-01');
RESET session_replication_role;
SELECT item, stored, derived FROM leadscore.verify();
SELECT leadscore.resync('app.call');
\echo :LAST_ERROR_SQLSTATE
UPDATE app.call SET at = '2026-02-01' WHERE id = 50;
SELECT leadscore.resync('app.call');
SELECT * FROM leadscore.verify();
SELECT id, score FROM app.candidate WHERE id = 1;
-- Triggers that were disabled and enabled again in the midst of it leave nothing stale behind.
ALTER TABLE app.call DISABLE TRIGGER leadscore_2_statement;
UPDATE app.call SET candidate_id = 5 WHERE id = 50;
ALTER TABLE app.call ENABLE TRIGGER leadscore_2_statement;
ALTER TABLE app.call DISABLE TRIGGER USER;
UPDATE app.call SET candidate_id = 6 WHERE id = 50;
ALTER TABLE app.call ENABLE TRIGGER USER;
SELECT leadscore.resync('app.call');
INSERT INTO app.call VALUES (52, 1, '2026-02-01');
SELECT * FROM leadscore.verify();
