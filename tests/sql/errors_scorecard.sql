-- Scorecards that make no sense together are refused, and nothing is changed; main is always there.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
-- In a fresh database, before anything else is registered, too.
INSERT INTO leadscore.scorecard (scorecard, part_of) VALUES ('web', 'all');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.scorecard (scorecard, part_of, max_score) VALUES ('web', 'main', 40), ('clicks', 'web', NULL), ('fit', NULL, 20);
CREATE TEMP VIEW as_it_was AS SELECT scorecard, part_of, min_score, max_score FROM leadscore.scorecard ORDER BY scorecard COLLATE "C";
TABLE as_it_was;
-- Cycles, of one, two and more.
UPDATE leadscore.scorecard SET part_of = 'main' WHERE scorecard = 'main';
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.scorecard SET part_of = 'web' WHERE scorecard = 'main';
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.scorecard SET part_of = 'clicks' WHERE scorecard = 'web';
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.scorecard (scorecard, part_of) VALUES ('a', 'b'), ('b', 'a');
\echo :LAST_ERROR_SQLSTATE
-- In one statement the order plays no part.
INSERT INTO leadscore.scorecard (scorecard, part_of) VALUES ('part', 'whole'), ('whole', NULL);
DELETE FROM leadscore.scorecard WHERE scorecard IN ('part', 'whole');
-- Limits, names.
UPDATE leadscore.scorecard SET min_score = 41 WHERE scorecard = 'web';
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
INSERT INTO leadscore.scorecard (scorecard) VALUES ('');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.scorecard (scorecard) VALUES ('fit');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.scorecard (scorecard) VALUES ('main');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
-- main stays, and names stay.
DELETE FROM leadscore.scorecard WHERE scorecard = 'main';
\echo :LAST_ERROR_SQLSTATE
DELETE FROM leadscore.scorecard;
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.scorecard SET scorecard = 'warmth' WHERE scorecard = 'main';
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.scorecard SET scorecard = 'profile' WHERE scorecard = 'fit';
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
TRUNCATE leadscore.scorecard;
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_application;
-- What others are part of, or belong to, stays.
DELETE FROM leadscore.scorecard WHERE scorecard = 'web';
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, scorecard, points) VALUES ('Senior', 'fit', 5);
DELETE FROM leadscore.scorecard WHERE scorecard = 'fit';
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.rule SET scorecard = 'main';
INSERT INTO leadscore.category (scorecard, name) VALUES ('fit', 'low');
DELETE FROM leadscore.scorecard WHERE scorecard = 'fit';
\echo :LAST_ERROR_SQLSTATE
DELETE FROM leadscore.category;
RESET ROLE;
INSERT INTO leadscore.person (person_id, kind) VALUES (1, 'candidate');
INSERT INTO leadscore.adjustment (adjustment_id, person_id, points, reason, from_day, scorecard) VALUES (7, 1, 1, 'x', '2026-01-01', 'fit');
SET ROLE regress_application;
DELETE FROM leadscore.scorecard WHERE scorecard = 'fit';
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
DELETE FROM leadscore.adjustment;
SET ROLE regress_application;
TABLE as_it_was;
-- Nothing of it is named any more.
DELETE FROM leadscore.scorecard WHERE scorecard = 'fit';
DELETE FROM leadscore.scorecard WHERE scorecard IN ('web', 'clicks');
UPDATE leadscore.scorecard SET min_score = 0, max_score = 100, description = 'How warm somebody is' WHERE scorecard = 'main';
TABLE as_it_was;
-- A dump brings main with its limits, in any order with the others, to where the install script put one.
RESET ROLE;
CREATE TEMP TABLE dumped AS SELECT * FROM leadscore.scorecard;
DROP OWNED BY regress_application;
DROP EXTENSION leadscore;
CREATE EXTENSION leadscore;
INSERT INTO leadscore.scorecard VALUES ('part', 'main', NULL, 7, NULL, '2026-01-01 12:00');
INSERT INTO leadscore.scorecard SELECT * FROM dumped;
INSERT INTO leadscore.scorecard VALUES ('part of part', 'whole', NULL, NULL, NULL, '2026-01-01 12:00');
INSERT INTO leadscore.scorecard VALUES ('whole', 'part', NULL, NULL, NULL, '2026-01-01 12:00');
SELECT scorecard, part_of, min_score, max_score, description FROM leadscore.scorecard ORDER BY 1;
SELECT count(*) FROM leadscore.scorecard c JOIN dumped d USING (scorecard) WHERE c.recorded_at = d.recorded_at;
