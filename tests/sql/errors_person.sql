-- A person that cannot be is refused, and nothing is changed.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, external_id, since) VALUES (1, 'candidate', 'C1', '2020-01-01'), (2, 'contact', 'C1', '2020-01-01');
INSERT INTO leadscore.person (person_id, kind, since) VALUES (3, 'candidate', 'infinity');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.person (person_id, kind, since) VALUES (3, 'candidate', '-infinity');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.person (person_id, kind, since) VALUES (3, 'candidate', '10000-01-01');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
INSERT INTO leadscore.person (person_id, kind, since) VALUES (3, 'candidate', NULL);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.person (person_id, kind) VALUES (3, NULL);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.person (person_id, kind) VALUES (3, '');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.person (person_id, kind, external_id) VALUES (3, 'candidate', 'C1');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.person (person_id, kind) VALUES (1, 'candidate');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
UPDATE leadscore.person SET since = 'infinity' WHERE person_id = 1;
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.person SET person_id = 7 WHERE person_id = 1;
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.person SET external_id = 'C1', kind = 'candidate' WHERE person_id = 2;
\echo :LAST_ERROR_SQLSTATE
SELECT person_id, kind, external_id, since FROM leadscore.person ORDER BY 1;
-- To itself is no change.
UPDATE leadscore.person SET person_id = person_id, since = since;
-- What leadscore writes it writes itself: a new person starts without points, whatever is given.
INSERT INTO leadscore.person (person_id, kind, since, score, category, last_activity_at) VALUES (4, 'candidate', '2020-01-01', 99, 'hot', '2026-02-01');
SELECT person_id, score, category, last_activity_at FROM leadscore.person WHERE person_id = 4;
-- score_at() needs a person and a day.
SELECT leadscore.score_at(77, '2026-03-01');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.score_at(NULL, '2026-03-01');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.score_at(1, NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.score_at(1, 'infinity');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.verify();
