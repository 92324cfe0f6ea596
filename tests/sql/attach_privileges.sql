-- Roles that write to attached tables need no right on leadscore, and get none; only owners attach.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id bigint PRIMARY KEY, name text, state text, score int, category text);
CREATE TABLE call (id bigint PRIMARY KEY, candidate_id bigint, at timestamptz, vip boolean, note text);
SELECT leadscore.attach_person('candidate', 'candidate', status => 'state', score => 'score', category => 'category');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{vip}');
RESET ROLE;
-- A clerk has rights on the application's tables and none on leadscore.
CREATE ROLE regress_clerk;
GRANT USAGE ON SCHEMA app TO regress_clerk;
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON app.candidate, app.call TO regress_clerk;
SET ROLE regress_clerk;
INSERT INTO candidate (id) VALUES (1), (2);
INSERT INTO call VALUES (1, 1, '2026-02-01');
INSERT INTO call SELECT g, 1, '2026-02-01' FROM generate_series(2, 50) g;
UPDATE call SET candidate_id = 2 WHERE id = 50;
DELETE FROM call WHERE id = 49;
SELECT id, score, category FROM candidate ORDER BY id;
-- It can neither read nor change anything of leadscore.
SELECT * FROM leadscore.person;
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_person('candidate', 'candidate');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
GRANT USAGE ON SCHEMA leadscore TO regress_clerk;
SET ROLE regress_clerk;
SELECT * FROM leadscore.person;
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.source;
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.waiting;
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.waiting SELECT;
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.person_alias VALUES ('candidate', '9', 1);
\echo :LAST_ERROR_SQLSTATE
-- Who does not own a table can neither attach nor detach it.
SELECT leadscore.attach_person('candidate', 'person');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.detach('call');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.resync('call');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.merge_person(1, 2);
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.forget_person(1);
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore._source_rows(1);
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore._write_back('{1}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore._take_persons(1, '{1}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore._source_changed();
\echo :LAST_ERROR_SQLSTATE
-- A table of its own is no way to the persons of others: not to those of another's table, nor to those without one.
RESET ROLE;
GRANT CREATE ON SCHEMA app TO regress_clerk;
INSERT INTO leadscore.person (kind, external_id, status) VALUES ('lead', '7', 'new');
SET ROLE regress_clerk;
CREATE TABLE mine (id int PRIMARY KEY, person int, state text, score int);
INSERT INTO mine VALUES (7, 1, 'mine');
SELECT leadscore.attach_person('mine', 'lead', status => 'state', score => 'score');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_activity('mine', 'call', person => 'person', person_kind => 'candidate');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_activity('mine', 'call', person => 'id', person_kind => 'lead');
\echo :LAST_ERROR_SQLSTATE
-- A kind of its own is, and who owns the persons' table, or may register activities anyway, attaches others to them.
SELECT leadscore.attach_person('mine', 'own', status => 'state', score => 'score');
SELECT leadscore.detach('mine');
CREATE TABLE mine_2 (id int PRIMARY KEY, person int);
SELECT leadscore.attach_activity('mine_2', 'call', person => 'person', person_kind => 'own');
SELECT leadscore.detach('mine_2', keep => false);
RESET ROLE;
GRANT INSERT (person_id, activity_type) ON leadscore.activity TO regress_clerk;
SET ROLE regress_clerk;
SELECT leadscore.attach_activity('mine_2', 'call', person => 'person', person_kind => 'candidate');
SELECT leadscore.detach('mine_2', keep => false);
SELECT leadscore.attach_person('mine', 'own', status => 'state', score => 'score');
SELECT leadscore.detach('mine', keep => false);
RESET ROLE;
SELECT kind, external_id, status, score FROM leadscore.person ORDER BY 1, 2;
-- The catalogs are nobody's to attach, nor is leadscore's own.
RESET ROLE;
SELECT leadscore.attach_person('pg_catalog.pg_class', 'class', key => 'oid');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_person('leadscore.person', 'person');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_person('leadscore.rule', 'rule');
\echo :LAST_ERROR_SQLSTATE
-- Rights on some columns are enough for what is done with them.
REVOKE ALL ON app.candidate, app.call FROM regress_clerk;
GRANT INSERT (id, candidate_id, at), UPDATE (note) ON app.call TO regress_clerk;
SET ROLE regress_clerk;
INSERT INTO call (id, candidate_id, at) VALUES (60, 2, '2026-02-01');
UPDATE call SET note = 'x';
RESET ROLE;
SELECT id, score, category FROM app.candidate ORDER BY id;
SELECT * FROM leadscore.verify();
DROP OWNED BY regress_clerk;
DROP ROLE regress_clerk;
