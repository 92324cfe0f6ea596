-- A frequency rule gives its points once, on the days on which enough matching activities lie within the time before; each longest run of such
-- days is one record, of the activity that completed the number.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('visit'), ('call'), ('note');
INSERT INTO leadscore.rule (rule_id, name, kind, activity_types, filter, points, at_least, within, statuses, effective_from) VALUES
    (1, 'Three in a week', 'frequency', '{visit}', NULL, 10, 3, '7 days', NULL, NULL), (2, 'Two in a month', 'frequency', '{call}', NULL, 100, 2, '1 month', NULL, NULL),
    (3, 'Each day', 'frequency', '{note}', NULL, 1, 1, '1 day', '{open}', '2026-02-10'), (4, 'Much trouble', 'frequency', '{note}', '$.bad == true', -7, 2, '3 days', NULL, NULL);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, status, since) SELECT n, 'candidate', 'open', '2026-01-01' FROM generate_series(1, 6) n;
CREATE TEMP VIEW records AS SELECT person_id, rule_id, activity_id, points, counts_from, counts_until FROM leadscore.score_record ORDER BY 1, 2, 5;
-- Three visits of 23, 25 and 27 February: from the third until two are left, when that of the 23rd leaves the window on 2 March.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (1, 1, 'visit', '2026-02-23 10:00'), (2, 1, 'visit', '2026-02-25 10:00');
SELECT score FROM leadscore.person WHERE person_id = 1;
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (3, 1, 'visit', '2026-02-27 10:00');
SELECT score FROM leadscore.person WHERE person_id = 1;
SELECT * FROM records WHERE person_id = 1;
-- A fourth one on the day on which the first one leaves keeps the run going; a day later it would have begun another one.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (4, 1, 'visit', '2026-03-02 10:00');
SELECT * FROM records WHERE person_id = 1;
UPDATE leadscore.activity SET occurred_at = '2026-03-03 10:00' WHERE activity_id = 4;
SELECT on_day::date, leadscore.score_at(1, on_day::date) FROM generate_series(timestamp '2026-02-26', '2026-03-05', '1 day') on_day;
-- Four on one day: at once, of the newest of them, the later instant and then the higher id, and once however many there are.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES
    (11, 2, 'visit', '2026-02-28 12:00'), (12, 2, 'visit', '2026-02-28 13:00'), (13, 2, 'visit', '2026-02-28 13:00'), (14, 2, 'visit', '2026-02-28 11:00');
SELECT * FROM records WHERE person_id = 2;
-- The activity that completed the number goes: the next newest one is it; with two of them there is none.
DELETE FROM leadscore.activity WHERE activity_id = 13;
SELECT * FROM records WHERE person_id = 2;
DELETE FROM leadscore.activity WHERE activity_id = 12;
SELECT * FROM records WHERE person_id = 2;
-- A month reaches from 29, 30 and 31 January to 28 February.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (21, 3, 'call', '2026-01-29 10:00'), (22, 3, 'call', '2026-01-31 10:00'), (23, 3, 'call', '2026-02-27 10:00');
SELECT leadscore.score_at(3, '2026-01-30') AS "0", leadscore.score_at(3, '2026-01-31') AS "100", leadscore.score_at(3, '2026-02-27') AS "100", leadscore.score_at(3, '2026-02-28') AS "0";
-- One a day: two days that meet are one run; none before the rule takes effect, none for another status.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at, attributes) VALUES (31, 4, 'note', '2026-02-09 10:00', NULL), (32, 4, 'note', '2026-02-10 10:00', NULL),
    (33, 4, 'note', '2026-02-11 10:00', NULL), (34, 4, 'note', '2026-03-01 10:00', '{"bad": true}');
SELECT leadscore.score_at(4, '2026-02-09') AS "0", leadscore.score_at(4, '2026-02-10') AS "1", leadscore.score_at(4, '2026-02-11') AS "1", leadscore.score_at(4, '2026-02-12') AS "0";
SELECT score AS "1" FROM leadscore.person WHERE person_id = 4;
UPDATE leadscore.person SET status = 'closed' WHERE person_id = 4;
SELECT score AS "0" FROM leadscore.person WHERE person_id = 4;
UPDATE leadscore.person SET status = 'open' WHERE person_id = 4;
-- Points that are taken while there is much trouble.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at, attributes) VALUES (35, 4, 'note', '2026-02-27 10:00', '{"bad": true}');
SELECT score AS "-6" FROM leadscore.person WHERE person_id = 4;
UPDATE leadscore.activity SET attributes = '{"bad": "true"}' WHERE activity_id = 35;
SELECT score AS "1" FROM leadscore.person WHERE person_id = 4;
-- What is planned counts from its day.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) SELECT 50 + n, 5, 'visit', now() + n * interval '1 day' FROM generate_series(1, 3) n;
SELECT score AS "0", leadscore.score_at(5, (now() + interval '3 days')::date) AS "10" FROM leadscore.person WHERE person_id = 5;
SELECT * FROM leadscore.verify();
-- The night ends it, and explain says how many there are.
SELECT activity_id, points, counts, why FROM leadscore.explain(1, '2026-02-28');
SELECT scored_on FROM leadscore_recompute('2026-03-02 12:00');
SELECT person_id, score FROM leadscore.person WHERE person_id < 5 ORDER BY 1;
SELECT activity_id, points, counts, counts_from, counts_until, why FROM leadscore.explain(1, '2026-03-02');
SELECT * FROM leadscore.verify();
-- Between two runs what has happened since counts at once, and explain says nothing against it: the last run was of 2 March, the second call is of 5 March.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (61, 6, 'call', '2026-02-20 10:00');
SELECT rule, activity_id, points, counts, why FROM leadscore.explain(6);
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (62, 6, 'call', '2026-03-05 10:00');
SELECT score FROM leadscore.person WHERE person_id = 6;
SELECT rule, activity_id, points, counts, why FROM leadscore.explain(6);
SELECT scored_on FROM leadscore_recompute('2026-04-10 12:00');
SELECT rule, activity_id, points, counts, why FROM leadscore.explain(6);
SELECT * FROM leadscore.verify();
