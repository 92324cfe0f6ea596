-- The owner of an attached table may execute leadscore's row trigger function: in whatever trigger it is put, it ends no
-- backend, and makes nothing of what did not happen.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id bigint PRIMARY KEY, score int);
CREATE TABLE call (id bigint PRIMARY KEY, candidate_id bigint, at timestamptz);
SELECT leadscore.attach_person('candidate', 'candidate', score => 'score');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at');
INSERT INTO candidate VALUES (1);
INSERT INTO call VALUES (1, 1, '2026-02-01');
-- Where there is no row that has changed, it says so.
CREATE TRIGGER "For'ged" AFTER INSERT OR UPDATE OR DELETE ON call FOR EACH STATEMENT EXECUTE FUNCTION leadscore._source_row_changed('2');
INSERT INTO call VALUES (2, 1, '2026-02-01');
\echo :LAST_ERROR_SQLSTATE
UPDATE call SET at = '2026-02-02';
\echo :LAST_ERROR_SQLSTATE
DELETE FROM call;
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER "For'ged" ON call;
CREATE TRIGGER forged BEFORE INSERT OR UPDATE OR DELETE ON call FOR EACH STATEMENT EXECUTE FUNCTION leadscore._source_row_changed('2');
INSERT INTO call VALUES (2, 1, '2026-02-01');
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER forged ON call;
CREATE TRIGGER forged BEFORE INSERT OR UPDATE OR DELETE ON call FOR EACH ROW EXECUTE FUNCTION leadscore._source_row_changed('2');
INSERT INTO call VALUES (2, 1, '2026-02-01');
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER forged ON call;
CREATE TRIGGER forged AFTER TRUNCATE ON call FOR EACH STATEMENT EXECUTE FUNCTION leadscore._source_row_changed('2');
TRUNCATE call;
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER forged ON call;
SELECT count(*) FROM call;
:verify
-- A second time for the same change, or for a table that it is not on, it adds nothing.
CREATE TRIGGER forged AFTER INSERT OR UPDATE OR DELETE ON call FOR EACH ROW EXECUTE FUNCTION leadscore._source_row_changed('2');
CREATE TRIGGER forged_2 AFTER INSERT OR UPDATE OR DELETE ON call FOR EACH ROW EXECUTE FUNCTION leadscore._source_row_changed('1');
CREATE TRIGGER forged_3 AFTER INSERT OR UPDATE OR DELETE ON call FOR EACH ROW EXECUTE FUNCTION leadscore._source_row_changed();
CREATE TRIGGER forged_4 AFTER INSERT OR UPDATE OR DELETE ON call FOR EACH ROW EXECUTE FUNCTION leadscore._source_row_changed('99999999999999999999', 'x');
CREATE CONSTRAINT TRIGGER forged_5 AFTER INSERT OR UPDATE OR DELETE ON call DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION leadscore._source_row_changed('2');
INSERT INTO call VALUES (2, 1, '2026-02-01'), (3, 1, '2026-02-01');
UPDATE call SET at = '2026-02-02' WHERE id < 3;
DELETE FROM call WHERE id = 3;
TABLE candidate;
SELECT count(*) FROM leadscore.activity;
:verify
