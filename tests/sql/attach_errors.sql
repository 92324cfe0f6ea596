-- What cannot be attached, and rows that cannot be taken: refused at once, whole, with a reason and a way out.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id bigint PRIMARY KEY, name text, state text, score int, category text);
CREATE TABLE call (id bigint PRIMARY KEY, candidate_id bigint, at timestamptz, vip boolean, note text);
CREATE TABLE composite (a int, b int, at date, PRIMARY KEY (a, b));
CREATE VIEW seen AS TABLE call;
CREATE MATERIALIZED VIEW kept AS TABLE call;
CREATE SEQUENCE counter;
-- What is no table.
SELECT leadscore.attach_activity('seen', 'call', person => 'candidate_id', person_kind => 'candidate');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_activity('kept', 'call', person => 'candidate_id', person_kind => 'candidate');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_person('counter', 'candidate');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_person('candidate_pkey', 'candidate');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_person('nothing', 'candidate');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_person(NULL, 'candidate');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_person(123456789, 'candidate');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE away (id int, candidate_id bigint) SERVER elsewhere;
SELECT leadscore.attach_activity('away', 'call', person => 'candidate_id', person_kind => 'candidate', key => 'id');
\echo :LAST_ERROR_SQLSTATE
DROP FOREIGN DATA WRAPPER nowhere CASCADE;
SET ROLE regress_application;
CREATE TEMP TABLE mine (id int PRIMARY KEY);
SELECT leadscore.attach_person('mine', 'candidate');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
SELECT leadscore.attach_person('leadscore.person', 'candidate');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_person('pg_class', 'candidate', key => 'oid');
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_application;
-- Columns that are not there, are of another type, or play two parts.
SELECT leadscore.attach_person('candidate', 'candidate', status => 'stat');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_person('candidate', 'candidate', key => 'nr');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_person('candidate', 'candidate', status => 'ctid');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_person('candidate', 'candidate', since => 'state');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_person('candidate', 'candidate', score => 'state');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_person('candidate', 'candidate', category => 'score');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_person('candidate', 'candidate', status => 'category', category => 'category');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_activity('call', 'call', person => 'candidate', person_kind => 'candidate');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_activity('call', 'call', person => 'at', person_kind => 'candidate');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'note');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', attributes => '{note, nothing}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', attributes => '{note, NULL, note}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_activity('call', activity_type_column => 'kind', person => 'candidate_id', person_kind => 'candidate');
\echo :LAST_ERROR_SQLSTATE
-- What is missing or said twice.
SELECT leadscore.attach_person('candidate', NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_person('candidate', '');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_activity('call', 'call', person_kind => 'candidate');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_activity('call', person => 'candidate_id', person_kind => 'candidate');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_activity('call', 'call', activity_type_column => 'note', person => 'candidate_id', person_kind => 'candidate');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_activity('call', 'telex', person => 'candidate_id', person_kind => 'candidate');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_activity('composite', 'call', person => 'a', person_kind => 'candidate', key => 'b, nothing');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_activity('composite', 'call', person => 'a', person_kind => 'candidate', key => 'b');
\echo :LAST_ERROR_SQLSTATE
-- only_when.
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', only_when => '["done"]');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', only_when => '"done"');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', only_when => '{"state": "done"}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', only_when => '{"note": {"is": "done"}}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', only_when => '{"note": ["done", ["late"]]}');
\echo :LAST_ERROR_SQLSTATE
-- Rows that are there and cannot be taken: nothing at all is attached.
INSERT INTO call VALUES (1, 1, '2026-02-01'), (2, 1, 'infinity');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at');
\echo :LAST_ERROR_SQLSTATE
UPDATE call SET at = '0044-03-15 BC' WHERE id = 2;
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at');
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE known (id int PRIMARY KEY, since date);
INSERT INTO known VALUES (1, '-infinity');
SELECT leadscore.attach_person('known', 'known', since => 'since');
\echo :LAST_ERROR_SQLSTATE
SELECT (SELECT count(*) FROM leadscore.source), (SELECT count(*) FROM leadscore.person), (SELECT count(*) FROM leadscore.activity), (SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%leadscore%');
DELETE FROM call;
DELETE FROM known;
SELECT leadscore.attach_person('candidate', 'candidate', status => 'state', score => 'score', category => 'category');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{vip}');
SELECT leadscore.attach_person('known', 'known', since => 'since');
-- Twice, and a kind that has a table.
SELECT leadscore.attach_person('candidate', 'other');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_activity('call', 'visit', person => 'candidate_id', person_kind => 'candidate');
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE second (id int PRIMARY KEY);
SELECT leadscore.attach_person('second', 'candidate');
\echo :LAST_ERROR_SQLSTATE
-- Rows that come afterwards: the statement fails as a whole and says which row, why and what to do.
INSERT INTO candidate (id) VALUES (1);
INSERT INTO call VALUES (1, 1, '2026-02-01'), (2, 1, '-infinity');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO call SELECT g, 1, CASE g WHEN 39 THEN 'infinity'::timestamptz ELSE '2026-02-01' END FROM generate_series(1, 40) g;
\echo :LAST_ERROR_SQLSTATE
INSERT INTO known VALUES (2, 'infinity');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO known VALUES (2, '10000-01-01');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO call VALUES (3, 1, '2026-02-01');
UPDATE call SET at = 'infinity';
\echo :LAST_ERROR_SQLSTATE
-- A sum that the column cannot hold.
RESET ROLE;
SELECT leadscore.adjust((SELECT person_id FROM leadscore.person WHERE kind = 'candidate'), 2147483647, 'Much', '2026-02-01');
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_application;
SELECT id, score FROM candidate;
SELECT count(*) FROM leadscore.activity;
:verify
