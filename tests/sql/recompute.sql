-- leadscore_recompute() brings everything to a day and returns what changed.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (name, kind, points, relevant_for, inactive_for) VALUES ('Call', 'activity', 10, '10 days', NULL);
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 10);
-- The first run of a database derives everything anew; there is nothing.
SELECT * FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, since) VALUES (1, 'candidate', '2026-02-01'), (2, 'candidate', '2026-02-01'), (3, 'candidate', '2026-02-01');
-- Until 7 and until 9 March.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (1, 1, 'call', '2026-02-25'), (2, 2, 'call', '2026-02-27');
SELECT person_id, score, category FROM leadscore.person ORDER BY 1;
-- Again the same day, and a day on which nothing is due.
SELECT * FROM leadscore_recompute('2026-03-01 23:59:59');
SELECT * FROM leadscore_recompute('2026-03-02 00:00');
-- 7 March: the first one's record, score and category.
SELECT * FROM leadscore_recompute('2026-03-07 12:00');
SELECT person_id, score, category FROM leadscore.person ORDER BY 1;
-- An earlier day is as good: what was over counts again.
SELECT * FROM leadscore_recompute('2026-03-02 12:00');
SELECT person_id, score, category FROM leadscore.person ORDER BY 1;
-- Before both calls: their records wait for their days.
SELECT * FROM leadscore_recompute('2026-02-20 12:00');
SELECT person_id, score, category FROM leadscore.person ORDER BY 1;
SELECT person_id, counts_from, counts_until FROM leadscore.score_record ORDER BY 1;
SELECT * FROM leadscore.verify();
-- 26 February: the first begins. 10 March: both are over, the second without ever having counted in a run of now.
SELECT * FROM leadscore_recompute('2026-02-26 12:00');
SELECT * FROM leadscore_recompute('2026-03-10 12:00');
SELECT person_id, score, category FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();
-- Anew, there is nothing to change.
SELECT * FROM leadscore_recompute('2026-03-10 12:00', true);
SELECT * FROM leadscore_recompute(full_rebuild => true, as_of => '2026-03-10 12:00');
-- Rolled back, the run has not been.
BEGIN;
SELECT * FROM leadscore_recompute('2026-03-02 12:00');
ROLLBACK;
SELECT person_id, score, category FROM leadscore.person ORDER BY 1;
-- What is no moment is refused.
SELECT * FROM leadscore_recompute(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore_recompute('infinity');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore_recompute('-infinity');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore_recompute('10000-01-01');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore_recompute('2026-03-02', NULL);
\echo :LAST_ERROR_SQLSTATE
-- Each run that was committed has its row.
SELECT scored_on, full_rebuild, records_added, records_removed, persons_changed, categories_changed,
       run_id > lag(run_id, 1, 0::bigint) OVER (ORDER BY run_id) AS later, started_at <= finished_at AND finished_at <= clock_timestamp() AS in_time
FROM leadscore.run ORDER BY run_id;
-- Without arguments it is the local day of now.
SELECT scored_on = leadscore.scoring_day(now()) AS today FROM leadscore_recompute();
UPDATE leadscore.settings SET time_zone = 'Pacific/Kiritimati';
SELECT scored_on = (now() AT TIME ZONE 'Pacific/Kiritimati')::date AS today FROM leadscore_recompute();
