-- With halving a record loses half of its worth with each half_life: round(points / 2^k), half away from zero.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('complaint'), ('meeting'), ('letter');
INSERT INTO leadscore.rule (rule_id, name, activity_types, points, relevant_for, decay, half_life, max_counted) VALUES
    (1, 'Call', '{call}', 10, NULL, 'halving', '2 days', NULL), (2, 'Complaint', '{complaint}', -5, '5 days', 'halving', '1 day', NULL),
    (3, 'Meeting', '{meeting}', 80, NULL, 'halving', '1 month', NULL), (4, 'Letter', '{letter}', 7, '10 days', 'halving', '3 days', 1);
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 5);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, since) SELECT n, 'candidate', '2020-01-01' FROM generate_series(1, 4) n;
-- 10, 5 from 3 March, 2.5 is 3 from 5 March, 1.25 is 1 from 7 March, 0.6 is 1 from 9 March, 0.3 is 0 from 11 March.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (1, 1, 'call', '2026-03-01 23:00');
SELECT * FROM leadscore.forecast(1, '9999-12-31');
SELECT person_id, falls_on, falls_to_score FROM leadscore.cooling(30);
-- -5, -2.5 is -3, -1.25 is -1, -0.6 is -1, -0.3 is 0 on the last day of its window.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (2, 2, 'complaint', '2026-03-01 23:00');
SELECT * FROM leadscore.history(2, '2026-02-28', '2026-03-10');
-- Months are of the calendar and counted from the first day: 31 January, 28 February, 31 March, 30 April.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (3, 3, 'meeting', '2026-01-31');
SELECT * FROM leadscore.history(3, '2026-01-30', '2027-01-01');
SELECT score FROM leadscore.person WHERE person_id = 3;
-- Each night brings every one to its day, and only who is worth less is written.
SELECT scored_on, records_removed, persons_changed FROM leadscore_recompute('2026-03-02 12:00');
SELECT scored_on, records_removed, persons_changed FROM leadscore_recompute('2026-03-03 12:00');
SELECT person_id, score, category FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();
-- A missed week changes nothing; an earlier day is as it was.
SELECT scored_on, records_removed, persons_changed FROM leadscore_recompute('2026-03-11 12:00');
SELECT person_id, score, category FROM leadscore.person ORDER BY 1;
SELECT scored_on, persons_changed FROM leadscore_recompute('2026-03-05 12:00');
SELECT person_id, score, category FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();
-- Entered late, by itself and as a set, each has what is left of it: of 40 complaints of 3 March a quarter, -1 each.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (4, 'call', '2026-03-03');
SELECT score AS "5" FROM leadscore.person WHERE person_id = 4;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT 4, 'complaint', '2026-03-03' FROM generate_series(1, 40);
SELECT score AS "-35" FROM leadscore.person WHERE person_id = 4;
-- The newest letter alone counts, and has its own age.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (101, 3, 'letter', '2026-03-01'), (102, 3, 'letter', '2026-03-05');
SELECT leadscore.score_at(3, '2026-03-04') - 40 AS "4", leadscore.score_at(3, '2026-03-05') - 40 AS "7", leadscore.score_at(3, '2026-03-08') - 40 AS "4",
       leadscore.score_at(3, '2026-03-14') - 40 AS "1", leadscore.score_at(3, '2026-03-15') - 40 AS "0";
SELECT activity_id, points, counts, counts_from, counts_until, why FROM leadscore.explain(3);
-- The largest points: half of them in either direction, 1 after 31 half-lives and after 32 nothing of what is positive.
UPDATE leadscore.rule SET points = 2147483647 WHERE rule_id = 1;
UPDATE leadscore.rule SET points = -2147483648, relevant_for = NULL, half_life = '2 days' WHERE rule_id = 2;
INSERT INTO leadscore.person (person_id, kind, since) VALUES (5, 'candidate', '0001-01-01');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (5, 'call', '0001-01-01'), (5, 'complaint', '9999-12-29');
SELECT on_day, leadscore.score_at(5, on_day) FROM unnest('{0001-01-01,0001-01-03,0001-03-04,0001-03-05,0001-03-06,9999-12-29,9999-12-31}'::date[]) on_day;
SELECT scored_on FROM leadscore_recompute('2026-03-05 12:00');
SELECT * FROM leadscore.verify();
