-- An edit of rules takes effect at the next run; new activities score by the rules as they stand.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('note');
INSERT INTO leadscore.rule (rule_id, name, activity_types, points) VALUES (1, 'Call', '{call}', 10);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, since) VALUES (1, 'candidate', '2020-01-01'), (2, 'candidate', '2020-01-01');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', '2026-02-10'), (2, 'call', '2026-02-10'), (2, 'note', '2026-02-10');
SELECT person_id, score FROM leadscore.person ORDER BY 1;   -- 10 and 10
-- More points: nothing now, 20 for a new call, 20 for each after the run.
UPDATE leadscore.rule SET points = 20;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', '2026-02-11');
SELECT person_id, score FROM leadscore.person ORDER BY 1;   -- 30 and 10
SELECT scored_on, records_added, records_removed, persons_changed FROM leadscore_recompute('2026-03-01 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;   -- 40 and 20
-- A new rule: its 1 for the new note alone, until the run.
INSERT INTO leadscore.rule (rule_id, name, activity_types, points) VALUES (2, 'Note', '{note}', 1);
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'note', '2026-02-11');
SELECT person_id, score FROM leadscore.person ORDER BY 1;   -- 41 and 20
SELECT scored_on, records_added, records_removed, persons_changed FROM leadscore_recompute('2026-03-01 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;   -- 41 and 21
-- Switched off: new calls give nothing, the old ones go at the run.
UPDATE leadscore.rule SET enabled = false WHERE rule_id = 1;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT 1, 'call', '2026-02-12' FROM generate_series(1, 40);
SELECT person_id, score FROM leadscore.person ORDER BY 1;   -- 41 and 21
SELECT scored_on, records_added, records_removed, persons_changed FROM leadscore_recompute('2026-03-01 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;   -- 1 and 1
-- Switched on again: 42 and 1 calls.
UPDATE leadscore.rule SET enabled = true WHERE rule_id = 1;
SELECT scored_on, records_added, records_removed, persons_changed FROM leadscore_recompute('2026-03-01 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;   -- 841 and 21
-- Deleted.
DELETE FROM leadscore.rule WHERE rule_id = 1;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT scored_on, records_added, records_removed, persons_changed FROM leadscore_recompute('2026-03-01 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;   -- 1 and 1
-- A silence rule counts from the run on, and is cleared when an activity is registered.
INSERT INTO leadscore.rule (rule_id, name, kind, points, inactive_for) VALUES (3, 'Silence', 'inactivity', -1000, '10 days');
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT scored_on, records_added, records_removed, persons_changed FROM leadscore_recompute('2026-03-01 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;   -- -999 and -999
-- Only the first run, and those after an edit that concerns everybody, derived everything anew.
SELECT scored_on, records_added, records_removed, persons_changed FROM leadscore_recompute('2026-03-01 12:00');
SELECT full_rebuild FROM leadscore.run ORDER BY run_id;
-- An edit that is rolled back is none. The note of today clears the penalty: 1 + 1.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'note', '2026-03-01');
SELECT person_id, score FROM leadscore.person ORDER BY 1;   -- 2 and -999
BEGIN;
UPDATE leadscore.rule SET points = 5000 WHERE rule_id = 2;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'note', '2026-03-01');
SELECT person_id, score FROM leadscore.person ORDER BY 1;   -- 2 + 5000 and -999
ROLLBACK;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'note', '2026-03-01');
SELECT person_id, score FROM leadscore.person ORDER BY 1;   -- 3 and -999
BEGIN;
SAVEPOINT before;
UPDATE leadscore.rule SET points = 5000 WHERE rule_id = 2;
ROLLBACK TO before;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'note', '2026-03-01');
COMMIT;
SELECT person_id, score FROM leadscore.person ORDER BY 1;   -- 4 and -999
SELECT * FROM leadscore.verify();
