-- A category that would overlap another one is refused, and nothing is changed.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.category (category_id, person_kind, name, min_score) VALUES (101, NULL, 'cold', NULL), (102, NULL, 'warm', 10), (103, 'contact', 'known', NULL), (104, 'contact', 'good', 10);
-- A second lowest one, for all kinds and for one.
INSERT INTO leadscore.category (name) VALUES ('freezing');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.category (person_kind, name) VALUES ('contact', 'unknown');
\echo :LAST_ERROR_SQLSTATE
-- The same bound.
INSERT INTO leadscore.category (name, min_score) VALUES ('tepid', 10);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.category (person_kind, name, min_score) VALUES ('contact', 'better', 10);
\echo :LAST_ERROR_SQLSTATE
-- By an edit, and within one statement.
UPDATE leadscore.category SET min_score = NULL WHERE category_id = 102;
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.category (name, min_score) VALUES ('hot', 20), ('hotter', 20);
\echo :LAST_ERROR_SQLSTATE
-- The same name, no name, an empty kind.
\set VERBOSITY terse
INSERT INTO leadscore.category (name, min_score) VALUES ('warm', 30);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.category (name, min_score) VALUES ('', 30);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.category (name, min_score) VALUES (NULL, 30);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.category (person_kind, name, min_score) VALUES ('', 'hot', 30);
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
SELECT category_id, person_kind, name, min_score FROM leadscore.category ORDER BY 1;
-- The same name and bound for another kind is no overlap.
INSERT INTO leadscore.category (category_id, person_kind, name, min_score) VALUES (105, 'client', 'cold', NULL), (106, 'client', 'warm', 10);
SELECT count(*) FROM leadscore.category;
-- Another scorecard and another tenant have bands of their own, and the same rules for them.
INSERT INTO leadscore.scorecard (scorecard) VALUES ('fit');
INSERT INTO leadscore.category (category_id, tenant, scorecard, name, min_score) VALUES
    (107, NULL, 'fit', 'cold', NULL), (108, 'acme', 'main', 'cold', NULL), (109, 'acme', 'fit', 'cold', NULL), (110, 'acme', 'fit', 'warm', 10);
INSERT INTO leadscore.category (scorecard, name) VALUES ('fit', 'poor');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.category (tenant, name) VALUES ('acme', 'poor');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.category (tenant, scorecard, name, min_score) VALUES ('acme', 'fit', 'good', 10);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.category (scorecard, name, min_score) VALUES ('fat', 'good', 10);
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.category SET scorecard = 'fat' WHERE category_id = 110;
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
INSERT INTO leadscore.category (tenant, name, min_score) VALUES ('', 'good', 10);
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM leadscore.category;
