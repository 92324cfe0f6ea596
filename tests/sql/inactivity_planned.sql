-- With excused_by_planned a silence that ends with an activity, be it one that is only planned, gives no penalties; without it they count until then.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('appointment'), ('note');
INSERT INTO leadscore.rule (rule_id, name, kind, activity_types, filter, points, inactive_for, repeat_every, excused_by_planned) VALUES
    (1, 'Excused', 'inactivity', '{appointment}', NULL, -1, '10 days', '10 days', true), (2, 'Not excused', 'inactivity', '{appointment}', NULL, -100, '10 days', NULL, false),
    (3, 'By what is firm', 'inactivity', '{appointment}', '$.firm == true', -10000, '10 days', NULL, true);
SELECT scored_on = leadscore.scoring_day() AS today FROM leadscore_recompute();
-- All days are counted from today.
INSERT INTO leadscore.person (person_id, kind, since) SELECT n, 'candidate', leadscore.scoring_day() - 25 FROM generate_series(1, 3) n;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
-- Planned in five days, and something else.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (1, 1, 'appointment', leadscore.scoring_day() + 5), (2, 2, 'note', leadscore.scoring_day() + 5);
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT rule, points, counts, counts_from - leadscore.scoring_day() AS from_day, counts_until - leadscore.scoring_day() AS until_day,
       regexp_replace(why, '\d{4}-\d\d-\d\d', '…') AS why FROM leadscore.explain(1);
SELECT leadscore.score_at(1, leadscore.scoring_day() + 5) AS "-10000", leadscore.score_at(1, leadscore.scoring_day() + 15) AS "-10101";
-- Made firm, moved further away, to yesterday, to another person, and away altogether.
UPDATE leadscore.activity SET attributes = '{"firm": true}' WHERE activity_id = 1;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
UPDATE leadscore.activity SET occurred_at = leadscore.scoring_day() + 500 WHERE activity_id = 1;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
UPDATE leadscore.activity SET occurred_at = leadscore.scoring_day() - 1 WHERE activity_id = 1;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
UPDATE leadscore.activity SET occurred_at = leadscore.scoring_day() - 20 WHERE activity_id = 1;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
UPDATE leadscore.activity SET person_id = 3, occurred_at = leadscore.scoring_day() + 1 WHERE activity_id = 1;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();
DELETE FROM leadscore.activity WHERE activity_id = 1;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
-- The planned day comes and goes: silence begins anew on it.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at, attributes) VALUES (4, 1, 'appointment', leadscore.scoring_day() + 3, '{"firm": true}');
SELECT day - leadscore.scoring_day() AS day, score FROM leadscore.forecast(1, leadscore.scoring_day() + 30);
SELECT FROM leadscore_recompute(now() + interval '12 days');
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT FROM leadscore_recompute(now() + interval '13 days');
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();
-- Who is known only from a later day on is not silent before.
SELECT FROM leadscore_recompute();
UPDATE leadscore.person SET since = leadscore.scoring_day() + 2 WHERE person_id = 2;
SELECT score, leadscore.score_at(2, leadscore.scoring_day() + 11) AS "0", leadscore.score_at(2, leadscore.scoring_day() + 12) AS "-10101" FROM leadscore.person WHERE person_id = 2;
SELECT * FROM leadscore.verify();
