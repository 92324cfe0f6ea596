-- An activity that cannot be is refused with its whole statement, and nothing is changed.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('visit');
INSERT INTO leadscore.rule (name, activity_types, points) VALUES ('Call', '{call}', 2147483647);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, since) VALUES (1, 'candidate', '2020-01-01');
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (1001, 1, 'call', '2026-02-10');
CREATE TEMP VIEW as_it_was AS SELECT (SELECT count(*) FROM leadscore.activity) AS activities, (SELECT count(*) FROM leadscore.score_record) AS records, score, last_activity_at FROM leadscore.person;
TABLE as_it_was;
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (1, 'no such type');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (1, 'it''s');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (77, 'call');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', 'infinity');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', '-infinity');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', '0001-12-31 BC');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', '10000-01-01');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', NULL);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.activity (activity_id, person_id, activity_type) VALUES (1002, NULL, 'call');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.activity (activity_id, person_id, activity_type) VALUES (1001, 1, 'call');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
TABLE as_it_was;
-- One among a few, and one among many.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type) SELECT 2000 + g, 1, CASE g WHEN 3 THEN 'no such type' ELSE 'call' END FROM generate_series(1, 5) g;
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.activity (activity_id, person_id, activity_type) SELECT 2000 + g, CASE g WHEN 3 THEN 77 ELSE 1 END, 'call' FROM generate_series(1, 5) g;
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.activity (activity_id, person_id, activity_type) SELECT 2000 + g, 1, CASE g WHEN 30 THEN 'no such type' ELSE 'call' END FROM generate_series(1, 50) g;
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.activity (activity_id, person_id, activity_type) SELECT 2000 + g, CASE g WHEN 30 THEN 77 ELSE 1 END, 'call' FROM generate_series(1, 50) g;
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) SELECT 2000 + g, 1, 'call', CASE g WHEN 30 THEN timestamptz 'infinity' ELSE '2026-02-10' END FROM generate_series(1, 50) g;
\echo :LAST_ERROR_SQLSTATE
TABLE as_it_was;
-- A type that is in use stays.
DELETE FROM leadscore.activity_type WHERE activity_type = 'call';
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.activity_type SET activity_type = 'telephone' WHERE activity_type = 'call';
\echo :LAST_ERROR_SQLSTATE
DELETE FROM leadscore.activity;
DELETE FROM leadscore.activity_type WHERE activity_type = 'call';
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
INSERT INTO leadscore.activity_type VALUES ('');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
SELECT activity_type FROM leadscore.activity_type ORDER BY 1;
DELETE FROM leadscore.activity_type WHERE activity_type = 'visit';
-- A sum of points beyond bigint: one by one, and as a set. Only the owner can bring a score there.
RESET ROLE;
UPDATE leadscore.person SET score = 9223372036854775807 - 5;
SET ROLE regress_application;
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (3000, 1, 'call', '2026-02-10');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY sqlstate
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) SELECT 3000 + g, 1, 'call', '2026-02-10' FROM generate_series(1, 50) g;
TABLE as_it_was;
