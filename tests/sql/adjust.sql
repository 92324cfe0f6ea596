-- leadscore.adjust() gives points with a reason from a day until a day, and leadscore.unadjust() takes them back.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (name, points) VALUES ('Call', 10);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, since) VALUES (1, 'candidate', '2020-01-01'), (2, 'candidate', '2020-01-01');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', '2026-02-10');
SELECT leadscore.adjust(1, 5, 'Met at a fair', '2026-02-01') AS fair \gset
SELECT leadscore.adjust(1, -3, 'On holiday', '2026-03-01', '2026-03-03') AS holiday \gset
SELECT leadscore.adjust(1, 100, 'Over already', '2026-02-01', '2026-03-01') AS over \gset
SELECT leadscore.adjust(1, 1000, 'From the second', '2199-03-02') AS later \gset
SELECT score FROM leadscore.person WHERE person_id = 1;   -- 10 + 5 - 3
SELECT points, reason, from_day, until_day, adjusted_by = session_user AS by_me, recorded_at <= now() AS by_now FROM leadscore.adjustment ORDER BY adjustment_id;
SELECT points, counts_from, counts_until, rule_id, activity_id FROM leadscore.score_record WHERE adjustment_id IS NOT NULL ORDER BY adjustment_id;
SELECT scored_on FROM leadscore_recompute('2026-03-02 12:00');
SELECT score FROM leadscore.person WHERE person_id = 1;   -- the same
SELECT scored_on FROM leadscore_recompute('2026-03-03 12:00');
SELECT score FROM leadscore.person WHERE person_id = 1;   -- 10 + 5
SELECT scored_on FROM leadscore_recompute('2199-03-02 12:00');
SELECT score FROM leadscore.person WHERE person_id = 1;   -- 10 + 5 + 1000
SELECT leadscore.unadjust(:later);
SELECT score FROM leadscore.person WHERE person_id = 1;
SELECT leadscore.score_at(1, '2026-02-01') AS "105", leadscore.score_at(1, '2026-03-01') AS "12", leadscore.score_at(1, '2026-03-03') AS "15";
SELECT * FROM leadscore.verify();
-- Without a day it counts from today, as something that has happened since the last run.
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
SELECT leadscore.adjust(2, 7, 'Called back') AS today \gset
SELECT score FROM leadscore.person WHERE person_id = 2;
SELECT from_day = leadscore.scoring_day() AS from_today, until_day FROM leadscore.adjustment WHERE person_id = 2;
SELECT * FROM leadscore.verify();
-- In a transaction that is rolled back it is not made.
BEGIN;
SELECT leadscore.adjust(1, 500, 'By mistake', '2026-03-01') IS NOT NULL AS adjusted;
SELECT score FROM leadscore.person WHERE person_id = 1;
ROLLBACK;
SELECT score FROM leadscore.person WHERE person_id = 1;
SELECT leadscore.unadjust(:fair);
SELECT score FROM leadscore.person WHERE person_id = 1;
-- What makes no sense is refused.
SELECT leadscore.unadjust(:fair) IS NULL;
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.unadjust(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.adjust(3, 5, 'Nobody', '2026-03-01');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.adjust(NULL, 5, 'Nobody', '2026-03-01');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.adjust(1, 0, 'Nothing', '2026-03-01');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.adjust(1, NULL, 'Nothing', '2026-03-01');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.adjust(1, 5, NULL, '2026-03-01');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.adjust(1, 5, ' ', '2026-03-01');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.adjust(1, 5, 'Empty', '2026-03-01', '2026-03-01');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.adjust(1, 5, 'Infinite', '-infinity', '2026-03-01');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.adjust(1, 5, 'Infinite', '2026-03-01', 'infinity');
\echo :LAST_ERROR_SQLSTATE
SELECT person_id, points, reason FROM leadscore.adjustment ORDER BY adjustment_id;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();
