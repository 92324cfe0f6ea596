-- A role that may only insert activities can do so and is scored, and can do nothing else.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (name, kind, points, inactive_for) VALUES ('Call', 'activity', 10, NULL), ('Silence', 'inactivity', -1, '10 days');
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 10);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, since) VALUES (1, 'candidate', '2020-01-01'), (2, 'candidate', '2020-01-01');
RESET ROLE;
CREATE ROLE regress_website;
-- Without USAGE on the schema there is nothing.
SET ROLE regress_website;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', '2026-02-25');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
GRANT USAGE ON SCHEMA leadscore TO regress_website;
GRANT INSERT ON leadscore.activity TO regress_website;
SET ROLE regress_website;
-- One, a few and many: 42 calls of 1, and 1 of 2.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', '2026-02-25');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', '2026-02-25'), (2, 'call', '2026-02-25');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT 1, 'call', '2026-02-25' FROM generate_series(1, 40);
-- Its errors are those of everybody.
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (1, 'no such type');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (3, 'call');
\echo :LAST_ERROR_SQLSTATE
-- Nothing else is its business.
SELECT * FROM leadscore.activity;
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.activity SET person_id = 2;
\echo :LAST_ERROR_SQLSTATE
DELETE FROM leadscore.activity;
\echo :LAST_ERROR_SQLSTATE
TRUNCATE leadscore.activity;
\echo :LAST_ERROR_SQLSTATE
SELECT score FROM leadscore.person;
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.person SET score = 100;
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.score_record (person_id, points, counts_from) VALUES (1, 100, '2026-03-01');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points) VALUES ('Mine', 100);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore_recompute();
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.adjust(1, 100, 'Mine');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.unadjust(1);
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.score_at(1, '2026-03-01');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.verify();
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.export_config();
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"rules": []}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.load_preset('recruitment');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.schedule();
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.unschedule();
\echo :LAST_ERROR_SQLSTATE
-- Nor are internal functions that write.
SELECT leadscore._forget_configuration();
\echo :LAST_ERROR_SQLSTATE
-- A trigger function cannot be put on a table of one's own.
CREATE TEMP TABLE activity (person_id bigint, activity_type text);
CREATE TRIGGER mine AFTER INSERT ON activity REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION leadscore._activity_inserted();
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
SELECT person_id, score, category FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();

-- With INSERT on persons alone, too; silent since 2020 costs a point at once.
GRANT INSERT ON leadscore.person TO regress_website;
SET ROLE regress_website;
INSERT INTO leadscore.person (person_id, kind, since) VALUES (3, 'candidate', '2020-01-01');
-- With UPDATE of one column, that column: and it rescores, here as a rule that is for active persons alone now.
RESET ROLE;
UPDATE leadscore.rule SET statuses = '{active}' WHERE name = 'Silence';
GRANT UPDATE (status), SELECT (person_id) ON leadscore.person TO regress_website;
SELECT person_id, score, category FROM leadscore.person WHERE person_id = 3;
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
SET ROLE regress_website;
UPDATE leadscore.person SET status = 'active' WHERE person_id = 3;
UPDATE leadscore.person SET score = 5 WHERE person_id = 3;
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
SELECT person_id, score, category FROM leadscore.person WHERE person_id = 3;
SELECT * FROM leadscore.verify();
DROP OWNED BY regress_website;
DROP ROLE regress_website;
