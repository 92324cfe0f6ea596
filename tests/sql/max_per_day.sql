-- With max_per_day = m only the newest m records of a rule remain of a person's local day.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('note');
INSERT INTO leadscore.rule (name, activity_types, points, max_per_day) VALUES ('Call', '{call}', 10, 2);
INSERT INTO leadscore.rule (name, activity_types, condition, points, max_per_day) VALUES ('Job', NULL, '{"job": 7}', 100, 1);
UPDATE leadscore.settings SET time_zone = 'Europe/Amsterdam';
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, since) VALUES (1, 'candidate', '2020-01-01'), (2, 'candidate', '2020-01-01');
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES
    (1, 1, 'call', '2026-02-10 09:00'), (2, 1, 'call', '2026-02-10 10:00'),
    (3, 1, 'call', '2026-02-10 11:00'), (4, 1, 'call', '2026-02-10 10:00'),
    (5, 1, 'call', '2026-02-10 22:59'),     -- 23:59 of the 10th in Amsterdam
    (6, 1, 'call', '2026-02-10 23:00'),     -- midnight: the 11th
    (7, 1, 'note', '2026-02-10 22:00'),     -- another type does not use up the limit
    (8, 2, 'call', '2026-02-10 08:00');     -- nor does another person
-- Of the 10th the newest two of person 1 are 5 and 3, of the 11th there is 6 alone: 30. Person 2: 10.
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT person_id, activity_id, points, counts_from FROM leadscore.score_record ORDER BY 1, 2;
-- Without 3, 2 and 4 are the next ones, at the same instant: the higher activity_id is the newer.
DELETE FROM leadscore.activity WHERE activity_id = 3;
SELECT person_id, activity_id, points, counts_from FROM leadscore.score_record WHERE person_id = 1 ORDER BY 2;
-- Registered later with an earlier time, 9 is older than 4 all the same; with a later one it displaces it.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (9, 1, 'call', '2026-02-10 08:00');
SELECT person_id, activity_id, points, counts_from FROM leadscore.score_record WHERE person_id = 1 ORDER BY 2;
UPDATE leadscore.activity SET occurred_at = '2026-02-10 12:00' WHERE activity_id = 9;
SELECT person_id, activity_id, points, counts_from FROM leadscore.score_record WHERE person_id = 1 ORDER BY 2;
-- At the same instant and with the lower id, it would be 9 and 5: ids decide, not the order of registration.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (0, 1, 'call', '2026-02-10 12:00');
SELECT person_id, activity_id, points, counts_from FROM leadscore.score_record WHERE person_id = 1 ORDER BY 2;
-- What does not match a rule does not use up its limit: of these only the calls 21 and 23 are about job 7, 21 being the newer.
-- Person 2 has the newest calls 22 and 21 of the 12th, its call of the 10th, and the job: 20 + 10 + 100.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at, attributes) VALUES
    (21, 2, 'call', '2026-02-12 10:00', '{"job": 7}'), (22, 2, 'call', '2026-02-12 11:00', '{"job": 8}'), (23, 2, 'call', '2026-02-12 09:00', '{"job": 7}');
SELECT score FROM leadscore.person WHERE person_id = 2;
SELECT activity_id, points, counts_from FROM leadscore.score_record WHERE person_id = 2 ORDER BY 1, 2;
-- In a statement of many rows: 3 calls on each of 20 days give 2 each: 130 + 40 x 10.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at)
SELECT 100 * d + n, 2, 'call', timestamptz '2026-01-01 12:00' + d * interval '1 day' FROM generate_series(1, 20) d, generate_series(1, 3) n;
SELECT score FROM leadscore.person WHERE person_id = 2;
SELECT * FROM leadscore.verify();
