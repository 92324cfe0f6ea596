-- With linear decay a record is worth round(points x (e - D) / (e - d)), half away from zero.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('complaint'), ('meeting');
INSERT INTO leadscore.rule (name, activity_types, points, relevant_for, decay) VALUES
    ('Call', '{call}', 10, '4 days', 'linear'),
    ('Complaint', '{complaint}', -10, '4 days', 'linear'),
    ('Meeting', '{meeting}', 7, '1 month', 'linear');
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, since) VALUES (1, 'candidate', '2020-01-01'), (2, 'candidate', '2020-01-01'), (3, 'candidate', '2020-01-01');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', '2026-03-01 23:00'), (2, 'complaint', '2026-03-01 01:00');
-- 1 March, 4 of 4 days left: 10 and -10.
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT person_id, points, counts_from, counts_until FROM leadscore.score_record ORDER BY 1;
-- 2 March, 3 of 4: 7.5 is 8, -7.5 is -8.
SELECT scored_on, records_removed, persons_changed FROM leadscore_recompute('2026-03-02 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;
-- 3 March, 2 of 4: 5 and -5. Registered only today, with an activity of the same day, it gives the same: 10 and -10.
SELECT scored_on, records_removed, persons_changed FROM leadscore_recompute('2026-03-03 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', '2026-03-01 23:00'), (2, 'complaint', '2026-03-01 01:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;
-- As a set: of 40 calls and 40 complaints of 2 March 3 of 4 days are left: 10 + 40 x 8 and -10 - 40 x 8.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at)
SELECT p, t, '2026-03-02 12:00' FROM (VALUES (1, 'call'), (2, 'complaint')) v(p, t), generate_series(1, 40);
SELECT person_id, score FROM leadscore.person ORDER BY 1;
-- 4 March: two with 1 of 4 (2.5 is 3), 40 with 2 of 4 (5): 206 and -206. Each record is rounded by itself.
SELECT scored_on, records_removed, persons_changed FROM leadscore_recompute('2026-03-04 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();
-- 5 March: two are over, 40 have 1 of 4: 120 and -120. 6 March: nothing.
SELECT scored_on, records_removed, persons_changed FROM leadscore_recompute('2026-03-05 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT scored_on, records_removed, persons_changed FROM leadscore_recompute('2026-03-06 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;
-- A month from 31 January is 28 days: on 14 February 14 are left, 3.5 is 4; on the 13th 15, 3.75 is 4; on the 15th 13, 3.25 is 3;
-- on 26 February 2, 0.5 is 1; on the 27th 1, 0.25 is 0.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (3, 'meeting', '2026-01-31');
SELECT leadscore.score_at(3, '2026-01-30') AS "0", leadscore.score_at(3, '2026-01-31') AS "7", leadscore.score_at(3, '2026-02-13') AS "4",
       leadscore.score_at(3, '2026-02-14') AS "4", leadscore.score_at(3, '2026-02-15') AS "3", leadscore.score_at(3, '2026-02-26') AS "1",
       leadscore.score_at(3, '2026-02-27') AS "0", leadscore.score_at(3, '2026-02-28') AS "0";
-- The largest points there are do not overflow on the way: half of 2147483647 is 1073741823.5, away from zero 1073741824.
UPDATE leadscore.rule SET points = 2147483647 WHERE name = 'Call';
UPDATE leadscore.rule SET points = -2147483648 WHERE name = 'Complaint';
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (3, 'call', '2026-03-04');
SELECT score FROM leadscore.person WHERE person_id = 3;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (3, 'complaint', '2026-03-04');
SELECT score FROM leadscore.person WHERE person_id = 3;   -- 1073741824 - 1073741824
SELECT scored_on FROM leadscore_recompute('2026-03-06 12:00');
SELECT * FROM leadscore.verify();
