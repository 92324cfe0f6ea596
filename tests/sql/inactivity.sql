-- A penalty is due after a silence of inactive_for; the next matching activity clears it at once.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('note');
INSERT INTO leadscore.rule (name, kind, activity_types, points, inactive_for) VALUES ('Silence', 'inactivity', '{call}', -10, '30 days');
SELECT scored_on FROM leadscore_recompute('2026-01-30 12:00');
INSERT INTO leadscore.person (person_id, kind, since) VALUES
    (1, 'candidate', '2026-01-01 23:00'),   -- due on 31 January
    (2, 'candidate', '2026-01-20'),         -- due on 19 February
    (3, 'candidate', '2025-06-01');         -- due since 1 July: at once
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT person_id, activity_id, points, counts_from, counts_until FROM leadscore.score_record ORDER BY 1;
SELECT scored_on, records_added, records_removed, persons_changed FROM leadscore_recompute('2026-01-31 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;
-- Three weeks later it is one penalty still for 1 and 3; 2 has one since 19 February.
SELECT scored_on, records_added, records_removed, persons_changed FROM leadscore_recompute('2026-02-20 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;
-- A note is no call: nothing changes. A call clears, in the same statement, also one registered days late, and undone it is undone.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'note', '2026-02-20');
SELECT person_id, score FROM leadscore.person WHERE person_id = 1;
BEGIN;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', '2026-02-20');
SELECT person_id, score FROM leadscore.person WHERE person_id = 1;
ROLLBACK;
SELECT person_id, score FROM leadscore.person WHERE person_id = 1;
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (1001, 1, 'call', '2026-02-15');
SELECT person_id, score FROM leadscore.person WHERE person_id = 1;
SELECT * FROM leadscore.verify();
-- From 15 February the next one is due 30 days later, on 17 March.
SELECT scored_on FROM leadscore_recompute('2026-03-16 12:00');
SELECT person_id, score FROM leadscore.person WHERE person_id = 1;
SELECT scored_on FROM leadscore_recompute('2026-03-17 12:00');
SELECT person_id, score FROM leadscore.person WHERE person_id = 1;
-- A call on the day on which it is due comes in time.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (1002, 1, 'call', '2026-03-17 23:59');
SELECT person_id, score FROM leadscore.person WHERE person_id = 1;
SELECT leadscore.score_at(1, '2026-03-17') AS "0", leadscore.score_at(1, '2026-02-14') AS "-10", leadscore.score_at(1, '2026-02-15') AS "0";
-- Deleted, it leaves the silence since 15 February; changed into a note, too.
DELETE FROM leadscore.activity WHERE activity_id = 1002;
SELECT person_id, score FROM leadscore.person WHERE person_id = 1;
UPDATE leadscore.activity SET activity_type = 'note' WHERE activity_id = 1001;
SELECT counts_from FROM leadscore.score_record WHERE person_id = 1;   -- 1 January + 30 days again
-- An old call changes nothing for the last silence: known since 20 January, 2 stays at -10; before since is a touch day as well.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (2, 'call', '2025-12-01');
SELECT person_id, score FROM leadscore.person WHERE person_id = 2;
-- Its silence of 1 December was due on 31 December and ended on 20 January.
SELECT leadscore.score_at(2, '2025-12-30') AS "0", leadscore.score_at(2, '2025-12-31') AS "-10", leadscore.score_at(2, '2026-01-19') AS "-10", leadscore.score_at(2, '2026-01-20') AS "0";
-- since moves the silence: from 16 February it is due on 18 March, tomorrow.
UPDATE leadscore.person SET since = '2026-02-16' WHERE person_id = 2;
SELECT person_id, score FROM leadscore.person WHERE person_id = 2;
SELECT scored_on FROM leadscore_recompute('2026-03-18 12:00');
SELECT person_id, score FROM leadscore.person WHERE person_id = 2;
SELECT * FROM leadscore.verify();
-- An inactivity rule without activity types is about any activity, and one for a status applies while a person has it.
UPDATE leadscore.rule SET activity_types = NULL, statuses = '{open}';
SELECT scored_on FROM leadscore_recompute('2026-03-18 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;
-- 1 has a note of 20 February: due on 22 March. 2, known since 16 February, and 3 are silent for long: -10 each.
UPDATE leadscore.person SET status = 'open';
SELECT person_id, score FROM leadscore.person ORDER BY 1;
-- All three are noted in one statement of many rows.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT 1 + g % 3, 'note', '2026-03-18' FROM generate_series(1, 60) g;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();
