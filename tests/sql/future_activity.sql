-- An activity dated in the future gives a record that starts to count on its day.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('meeting'), ('note');
INSERT INTO leadscore.rule (rule_id, name, kind, activity_types, points, relevant_for, decay, max_counted, inactive_for) VALUES
    (1, 'Call', 'activity', '{call}', 10, '10 days', 'none', NULL, NULL),
    (2, 'Meeting', 'activity', '{meeting}', 100, NULL, 'none', 1, NULL),
    (3, 'Silence', 'inactivity', '{note}', -1, NULL, 'none', NULL, '30 days');
-- The last run is years ahead of this server's clock.
SELECT scored_on FROM leadscore_recompute('2199-05-09 12:00');
INSERT INTO leadscore.person (person_id, kind, since) VALUES
    (1, 'candidate', '2199-05-01'), (2, 'candidate', '2199-05-01'), (3, 'candidate', '2199-04-10');
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES
    (1, 1, 'call', '2199-05-09'), (2, 1, 'call', '2199-05-10'),       -- today, tomorrow
    (3, 2, 'meeting', '2199-05-01'), (4, 2, 'meeting', '2199-05-12'), -- the second takes the place of the first on the 12th
    (5, 3, 'note', '2199-05-11');
-- 1: the call of today. 2: the meeting of 1 May. 3: known since 10 April, so a penalty is due on 10 May.
SELECT person_id, score, last_activity_at FROM leadscore.person ORDER BY 1;
SELECT person_id, activity_id, points, counts_from, counts_until FROM leadscore.score_record ORDER BY 1, 2;
SELECT * FROM leadscore.verify();
-- 10 May: 1 has both calls; 3 is silent since 30 days, until the note of tomorrow.
SELECT scored_on FROM leadscore_recompute('2199-05-10 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;
-- 11 May: the note is there.
SELECT scored_on FROM leadscore_recompute('2199-05-11 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;
-- 12 May: 2 still has one meeting's points, of the newer one.
SELECT scored_on, records_removed FROM leadscore_recompute('2199-05-12 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT person_id, activity_id, points, counts_from, counts_until FROM leadscore.score_record ORDER BY 1, 2;
-- 20 May: the window of the call of 10 May ends, that of 9 May has ended. Silence of 1 and 2 is due on 31 May: 1 May + 30 days.
SELECT scored_on FROM leadscore_recompute('2199-05-20 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;
-- Cancelled before its day, it gives nothing: tomorrow's call is deleted, the day after tomorrow's is moved to a year later.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (11, 1, 'call', '2199-05-21'), (12, 1, 'call', '2199-05-22');
DELETE FROM leadscore.activity WHERE activity_id = 11;
UPDATE leadscore.activity SET occurred_at = '2200-05-22' WHERE activity_id = 12;
SELECT scored_on FROM leadscore_recompute('2199-05-22 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;
-- Registered late, when its day is past: the run of the 22nd counts it at once.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (13, 1, 'call', '2199-05-20');
SELECT person_id, score FROM leadscore.person WHERE person_id = 1;
-- What a run of years ago finds in the future of the clock waits for its day, in a statement of many rows too.
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) SELECT 100 + g, 3, 'call', '2199-07-01' FROM generate_series(1, 40) g;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
-- 1 July: 3 has 40 calls, and a penalty as its note of 11 May is more than 30 days ago: 399; 1 has a penalty too; 2 a meeting and a penalty.
SELECT scored_on FROM leadscore_recompute('2199-07-01 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();
