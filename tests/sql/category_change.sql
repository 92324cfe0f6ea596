-- Each real change of a category leaves one row, in the transaction that makes it.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('note');
INSERT INTO leadscore.rule (name, activity_types, points, relevant_for) VALUES ('Call', '{call}', 10, '10 days');
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 10), ('hot', 20);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
CREATE TEMP VIEW change AS SELECT person_id, from_category, to_category, score, scored_on FROM leadscore.category_change ORDER BY change_id;
-- The first assignment is no change.
INSERT INTO leadscore.person (person_id, kind, since) VALUES (1, 'candidate', '2020-01-01'), (2, 'candidate', '2020-01-01'), (3, 'candidate', '2020-01-01');
SELECT * FROM change;
-- Nor is an activity that gives nothing, or one after which the category is the same.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'note', '2026-02-25');
SELECT * FROM change;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', '2026-02-25');   -- 10: warm
SELECT * FROM change;
-- Two bands in one statement are one change: 30, hot. Another call leaves it hot.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', '2026-02-26'), (2, 'call', '2026-02-25'), (2, 'call', '2026-02-26');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', '2026-02-26');
SELECT * FROM change;
-- What is rolled back leaves none: neither a transaction nor a savepoint.
BEGIN;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (3, 'call', '2026-02-25');
SELECT count(*) FROM change;
ROLLBACK;
BEGIN;
SAVEPOINT before;
DELETE FROM leadscore.activity WHERE person_id = 1;
SELECT count(*) FROM change;
ROLLBACK TO before;
COMMIT;
SELECT count(*) FROM change;
-- Each statement for itself: there and back in one transaction are two changes, and the time is the transaction's.
BEGIN;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (3, 'call', '2026-02-25');
DELETE FROM leadscore.activity WHERE person_id = 3;
SELECT from_category, to_category, score, scored_on, changed_at = now() AS now FROM leadscore.category_change WHERE person_id = 3 ORDER BY change_id;
COMMIT;
-- A night: on 7 March the calls of 25 February end; 1 keeps two of 26 February and stays hot, 2 keeps one: warm.
SELECT scored_on, categories_changed FROM leadscore_recompute('2026-03-07 12:00');
SELECT * FROM change OFFSET 4;
-- The next night has no change of category for 1 and 2 until the 8th, when all is over: cold.
SELECT scored_on, categories_changed FROM leadscore_recompute('2026-03-07 12:00');
SELECT scored_on, categories_changed FROM leadscore_recompute('2026-03-08 12:00');
SELECT * FROM change OFFSET 5;
-- A full rebuild that finds all as it is writes none.
SELECT scored_on, persons_changed, categories_changed FROM leadscore_recompute('2026-03-08 12:00', full_rebuild => true);
SELECT count(*) FROM change;
-- As a set: 40 calls are one change a person.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT g % 2 + 1, 'call', '2026-03-08' FROM generate_series(1, 40) g;
SELECT * FROM change OFFSET 7;
-- A manual adjustment and a status change, too.
SELECT leadscore.adjust(3, 10, 'Met at a fair', '2026-03-08') IS NOT NULL AS adjusted;
SELECT * FROM change OFFSET 9;
