-- Triggers that came with the structure of a table, and whose number is another table's here: as after a restore of the structure
-- alone, where tables are attached in another order. They do nothing, and keep no score from being written back.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE company (id int PRIMARY KEY, score int);
CREATE TABLE candidate (id int PRIMARY KEY, score int);
CREATE TABLE call (id int PRIMARY KEY, candidate_id int, at timestamptz);
SELECT leadscore.attach_person('company', 'company', score => 'score');
SELECT leadscore.attach_person('candidate', 'candidate', score => 'score');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at');
RESET ROLE;
SELECT replace(replace(pg_get_triggerdef(t.oid), ' company ', ' ' || r.name || ' '), 'app.company', 'app.' || r.name)
FROM pg_trigger t, (VALUES ('candidate'), ('call')) r(name)
WHERE t.tgrelid = 'app.company'::regclass AND t.tgname LIKE '%leadscore%' AND t.tgname NOT LIKE '%columns' \gexec
SELECT tgrelid::regclass, count(*) FROM pg_trigger WHERE tgname LIKE '%leadscore%' GROUP BY 1 ORDER BY 1::text;
SET ROLE regress_application;
BEGIN;
INSERT INTO candidate VALUES (1), (2);
INSERT INTO call VALUES (1, 1, '2026-02-01');
UPDATE candidate SET id = 3 WHERE id = 2;
INSERT INTO call VALUES (2, 3, '2026-02-01'), (3, 3, '2026-02-01');
COMMIT;
TABLE candidate ORDER BY id;
RESET ROLE;
SELECT kind, external_id, score FROM leadscore.person ORDER BY kind, external_id;
SELECT item FROM leadscore.verify();
-- doctor() names them, and the command that drops them.
\set findings 'SELECT severity, finding, detail, remedy FROM leadscore.doctor() WHERE finding LIKE ''%of no attached table'''
:findings;
SELECT remedy FROM leadscore.doctor() WHERE finding LIKE '%of no attached table' \gexec
:findings;
SELECT tgrelid::regclass, count(*) FROM pg_trigger WHERE tgname LIKE '%leadscore%' GROUP BY 1 ORDER BY 1::text;
-- Triggers of a number that is nobody's, and of a table that is attached no more.
SELECT leadscore.detach('app.call');
CREATE TRIGGER leadscore_9_row AFTER INSERT ON app.candidate FOR EACH ROW EXECUTE FUNCTION leadscore._source_row_changed('9');
CREATE TRIGGER leadscore_reached AFTER INSERT ON app.call FOR EACH STATEMENT EXECUTE FUNCTION leadscore._reached_changed();
:findings;
