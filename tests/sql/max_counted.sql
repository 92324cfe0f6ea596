-- With max_counted = n at most the newest n records of a rule count for a person on any day.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('note'), ('visit'), ('view');
INSERT INTO leadscore.rule (rule_id, name, activity_types, points, relevant_for, decay, max_counted) VALUES
    (1, 'Call', '{call}', 10, '30 days', 'none', 2),
    (2, 'Note', '{note}', 10, '4 days', 'linear', 1);
INSERT INTO leadscore.rule (rule_id, name, activity_types, points, max_per_day, max_counted) VALUES
    (3, 'Visit', '{visit}', 10, 1, 2),
    (4, 'View', '{view}', 10, NULL, 2);
SELECT scored_on FROM leadscore_recompute('2026-02-07 12:00');
INSERT INTO leadscore.person (person_id, kind, since) SELECT g, 'candidate', '2020-01-01' FROM generate_series(1, 5) g;

-- Calls of 1, 5 and 10 February: the first one stops counting on the 10th, when the second newer one starts; its own
-- window would last until 3 March. The second one counts until 7 March (5 February + 30 days), the third until 12 March.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES
    (1, 1, 'call', '2026-02-01'), (2, 1, 'call', '2026-02-05');
SELECT score FROM leadscore.person WHERE person_id = 1;   -- 2 of 2: 20
-- The third has happened since the last run: still 2 x 10.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (3, 1, 'call', '2026-02-10');
SELECT score FROM leadscore.person WHERE person_id = 1;
SELECT scored_on FROM leadscore_recompute('2026-02-09 12:00', full_rebuild => true);
SELECT score FROM leadscore.person WHERE person_id = 1;
SELECT activity_id, counts_from, counts_until FROM leadscore.score_record WHERE person_id = 1 ORDER BY 1;
SELECT scored_on FROM leadscore_recompute('2026-02-10 12:00');
SELECT score FROM leadscore.person WHERE person_id = 1;
SELECT activity_id, counts_from, counts_until FROM leadscore.score_record WHERE person_id = 1 ORDER BY 1;
SELECT scored_on FROM leadscore_recompute('2026-03-07 12:00');
SELECT score FROM leadscore.person WHERE person_id = 1;   -- the third alone: 10
-- Without the third, the first was never displaced, but its own window ended on 3 March, and that of the second today: 0.
DELETE FROM leadscore.activity WHERE activity_id = 3;
SELECT score FROM leadscore.person WHERE person_id = 1;
SELECT * FROM leadscore.verify();

-- A record whose second newer one starts on its own day never counts: of three calls of one day the newest two do.
-- 13 and 12 are the newest of three at the same instant, by their ids.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES
    (12, 2, 'call', '2026-03-01 09:00'), (13, 2, 'call', '2026-03-01 09:00'), (11, 2, 'call', '2026-03-01 09:00');
SELECT score FROM leadscore.person WHERE person_id = 2;
SELECT activity_id, counts_from, counts_until FROM leadscore.score_record WHERE person_id = 2 ORDER BY 1;
-- A late entry from before them is displaced on 1 March, which is past; one after them displaces the older, 12.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (14, 2, 'call', '2026-02-20');
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (15, 2, 'call', '2026-03-02');
SELECT score FROM leadscore.person WHERE person_id = 2;
SELECT activity_id, counts_from, counts_until FROM leadscore.score_record WHERE person_id = 2 ORDER BY 1;
-- The function knows when each counted: 14 alone on 28 February, 12 and 13 on 1 March, 13 and 15 on the 2nd.
SELECT leadscore.score_at(2, '2026-02-28') AS "10", leadscore.score_at(2, '2026-03-01') AS "20", leadscore.score_at(2, '2026-03-02') AS "20";

-- With decay, a record is worth its points of the day until a newer one starts, and nothing from then on.
-- Note of 6 March: 10, 7.5 = 8 on the 7th; the note of the 7th is worth 10 on the 7th and takes its place.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (31, 3, 'note', '2026-03-06');
SELECT score FROM leadscore.person WHERE person_id = 3;
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (32, 3, 'note', '2026-03-07');
SELECT score FROM leadscore.person WHERE person_id = 3;
SELECT leadscore.score_at(3, '2026-03-06') AS "10", leadscore.score_at(3, '2026-03-08') AS "8", leadscore.score_at(3, '2026-03-10') AS "3", leadscore.score_at(3, '2026-03-11') AS "0";

-- max_per_day comes first: of 1, 2 and 3 March the newest of each day remains (42, 44, 45), and of these the newest two count.
-- Were it the other way round, 43 would have used up a place.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES
    (41, 4, 'visit', '2026-03-01 09:00'), (42, 4, 'visit', '2026-03-01 10:00'), (43, 4, 'visit', '2026-03-02 09:00'),
    (44, 4, 'visit', '2026-03-02 10:00'), (45, 4, 'visit', '2026-03-03 09:00');
SELECT score FROM leadscore.person WHERE person_id = 4;
SELECT activity_id, counts_from, counts_until FROM leadscore.score_record WHERE person_id = 4 ORDER BY 1;
SELECT leadscore.score_at(4, '2026-03-01') AS "10", leadscore.score_at(4, '2026-03-02') AS "20", leadscore.score_at(4, '2026-03-03') AS "20";
-- Without 45, the newest of 1 and 2 March count.
DELETE FROM leadscore.activity WHERE activity_id = 45;
SELECT activity_id, counts_from, counts_until FROM leadscore.score_record WHERE person_id = 4 ORDER BY 1;

-- Many at once: 50 views give what the newest two of them give.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at)
SELECT 100 + g, 5, 'view', timestamptz '2026-01-01' + g * interval '1 hour' FROM generate_series(1, 50) g;
SELECT score FROM leadscore.person WHERE person_id = 5;
SELECT activity_id, counts_from, counts_until FROM leadscore.score_record WHERE person_id = 5 ORDER BY 1;
SELECT * FROM leadscore.verify();
