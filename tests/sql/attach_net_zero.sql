-- A row that is deleted and inserted again in one transaction changes nothing.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id bigint PRIMARY KEY, name text, state text, score int, category text);
CREATE TABLE call (id bigint PRIMARY KEY, candidate_id bigint, at timestamptz, vip boolean, note text);
SELECT leadscore.attach_person('candidate', 'candidate', status => 'state', score => 'score', category => 'category');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{vip}');
INSERT INTO candidate (id, state) VALUES (1, 'new'), (2, 'new');
INSERT INTO call VALUES (1, 1, '2026-02-01', NULL), (2, 1, '2026-02-02', true);
SELECT leadscore.adjust((SELECT person_id FROM leadscore.person WHERE external_id = '1'), 5, 'Met at a fair', '2026-02-01') IS NOT NULL AS adjusted;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT person_id, 'visit', '2026-02-01' FROM leadscore.person WHERE external_id = '1';
SELECT id, score, category FROM candidate ORDER BY id;
RESET ROLE;
CREATE TEMP TABLE before AS SELECT 'person' AS of, person_id, external_id, score FROM leadscore.person;
GRANT ALL ON before TO regress_application;
SET ROLE regress_application;
-- The rows come back in the same transaction.
BEGIN;
DELETE FROM call WHERE id = 1;
INSERT INTO call VALUES (1, 1, '2026-02-01');
COMMIT;
SELECT id, score, category FROM candidate ORDER BY id;
:verify
BEGIN;
DELETE FROM candidate WHERE id = 1;
SELECT external_id, score FROM leadscore.person ORDER BY 1;
INSERT INTO candidate (id, state) VALUES (1, 'new');
COMMIT;
SELECT id, score, category FROM candidate ORDER BY id;
SELECT count(*) AS same FROM leadscore.person JOIN before USING (person_id, external_id, score);
SELECT reason, points FROM leadscore.adjustment;
:verify
-- All of a table, replaced as an import does it.
BEGIN;
CREATE TEMP TABLE import AS TABLE candidate;
CREATE TEMP TABLE import_call AS TABLE call;
DELETE FROM candidate;
DELETE FROM call;
INSERT INTO call TABLE import_call;
INSERT INTO candidate TABLE import;
COMMIT;
SELECT id, score, category FROM candidate ORDER BY id;
SELECT count(*) AS same FROM leadscore.person JOIN before USING (person_id, external_id, score);
:verify
BEGIN;
TRUNCATE candidate, call;
INSERT INTO candidate TABLE import;
INSERT INTO call TABLE import_call;
COMMIT;
SELECT id, score, category FROM candidate ORDER BY id;
SELECT count(*) AS same FROM leadscore.person JOIN before USING (person_id, external_id, score);
:verify
-- Whatever the transaction says of constraints.
BEGIN;
SET CONSTRAINTS ALL IMMEDIATE;
DELETE FROM candidate;
INSERT INTO candidate TABLE import;
TRUNCATE candidate;
INSERT INTO candidate TABLE import;
COMMIT;
SELECT id, score, category FROM candidate ORDER BY id;
SELECT count(*) AS same FROM leadscore.person JOIN before USING (person_id, external_id, score);
:verify
-- Within one statement.
WITH gone AS (DELETE FROM candidate WHERE id = 1 RETURNING *) INSERT INTO candidate SELECT id + 10, name, state, score, category FROM gone;
WITH gone AS (DELETE FROM call RETURNING *) INSERT INTO call SELECT id + 10, 11, at, vip FROM gone;
SELECT id, score, category FROM candidate ORDER BY id;
:verify
-- Back and forth.
BEGIN;
UPDATE call SET candidate_id = 2;
UPDATE call SET candidate_id = 11;
COMMIT;
SELECT id, score, category FROM candidate ORDER BY id;
:verify
-- In two transactions the person is another one: what the application did not register is gone with the first.
DELETE FROM candidate WHERE id = 2;
INSERT INTO candidate (id, state) VALUES (2, 'new');
SELECT count(*) AS same FROM leadscore.person JOIN before USING (person_id) WHERE before.external_id = '2';
:verify
