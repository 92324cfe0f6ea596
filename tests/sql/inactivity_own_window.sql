-- With relevant_for a penalty counts for that long, whether or not activity resumes.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (name, kind, points, inactive_for, repeat_every, relevant_for) VALUES
    ('Silence', 'inactivity', -10, '30 days', '10 days', '14 days');
SELECT scored_on FROM leadscore_recompute('2026-02-12 12:00');
INSERT INTO leadscore.person (person_id, kind, since) VALUES (1, 'candidate', '2026-01-01'), (2, 'candidate', '2026-01-01'), (3, 'candidate', '2026-01-01');
-- Due on 31 January (until 14 February), 10 February (until 24 February), 20 February (until 6 March), 2 March and so on.
SELECT person_id, score FROM leadscore.person ORDER BY 1;   -- two each
SELECT points, counts_from, counts_until FROM leadscore.score_record WHERE person_id = 1 ORDER BY 2;
-- A call of 5 February: what was due before stays until its window ends, and what would have been due on the 10th is not.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (2, 'call', '2026-02-05');
-- A call of today leaves both, and there is no third on the 20th.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (3, 'call', '2026-02-12');
SELECT person_id, score FROM leadscore.person ORDER BY 1;   -- -20, -10, -20
SELECT * FROM leadscore.verify();
-- 14 February: the first ones end.
SELECT scored_on FROM leadscore_recompute('2026-02-14 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;   -- -10, 0, -10
SELECT scored_on FROM leadscore_recompute('2026-02-20 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;   -- -20, 0, -10
SELECT scored_on FROM leadscore_recompute('2026-02-24 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;   -- -10, 0, 0
-- 2 falls silent from 5 February: due 30 days later, on 7 March; 3 from 12 February: on 14 March. 1: 20 February has ended on
-- 6 March, 2 March counts.
SELECT scored_on FROM leadscore_recompute('2026-03-07 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;   -- -10, -10, 0
SELECT scored_on FROM leadscore_recompute('2026-03-14 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;   -- 1: 2 and 12 March, -20; 2: -10; 3: -10
-- Months of nights missed: all stand as if none had been. 31 January + n x 10 days: 30 June and 10 July fall in the last 14 days for 1;
-- 7 March + n x 10 days: 5 July, and 25 June is over on the 9th; 14 March + n x 10 days: 2 July.
SELECT scored_on FROM leadscore_recompute('2026-07-10 12:00');
SELECT person_id, points, counts_from, counts_until FROM leadscore.score_record WHERE counts_from <= '2026-07-10' ORDER BY 1, 3;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();
