-- A record of an activity on day d counts on the days d <= D < d + relevant_for.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('meeting');
INSERT INTO leadscore.rule (rule_id, name, activity_types, points, relevant_for) VALUES
    (1, 'Call for 60 days', '{call}', 10, '60 days'),
    (2, 'Meeting for a month', '{meeting}', 100, '1 month'),
    (3, 'Anything for ever', NULL, 1, NULL);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, since) SELECT g, 'candidate', '2020-01-01' FROM generate_series(1, 5) g;
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES
    (1, 1, 'call', '2026-01-01'),            -- + 60 days = 2 March: counts on 1 March for the last time: 10 + 1
    (2, 2, 'call', '2025-12-31 23:59:59'),   -- + 60 days = 1 March: over: 0 + 1
    (3, 3, 'call', '2026-03-01 23:59:59'),   -- today, whatever the hour: 10 + 1
    (4, 4, 'meeting', '2026-01-31'),         -- + 1 month = 28 February: over: 0 + 1
    (5, 5, 'meeting', '2026-02-01 00:00'),   -- + 1 month = 1 March: over: 0 + 1
    (6, 5, 'meeting', '2026-02-02 00:00'),   -- + 1 month = 2 March: 100 + 1
    (7, 5, 'call', '1999-01-01');            -- long over for rule 1: 0 + 1, so 103 for person 5
SELECT person_id, score, last_activity_at FROM leadscore.person ORDER BY 1;
-- Stored is what counts or will count; two rules that match the same activity both count.
SELECT person_id, activity_id, rule_id, points, counts_from, counts_until FROM leadscore.score_record ORDER BY 1, 2, 3;
-- 2 March: the windows of activities 1 and 6 are over.
SELECT scored_on, records_added, records_removed, persons_changed FROM leadscore_recompute('2026-03-02 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;
-- 1 March + 60 days = 30 April: person 3's call counts on 29 April for the last time.
SELECT scored_on, records_added, records_removed, persons_changed FROM leadscore_recompute('2026-04-29 12:00');
SELECT person_id, score FROM leadscore.person WHERE person_id = 3;
SELECT scored_on, records_added, records_removed, persons_changed FROM leadscore_recompute('2026-04-30 12:00');
SELECT person_id, score FROM leadscore.person WHERE person_id = 3;
-- The function itself, for any day: person 5 had 1 + 1 (and a meeting's 100) on 1 February, 1 the day before, 0 in 1998.
SELECT leadscore.score_at(5, '1998-12-31') AS "0", leadscore.score_at(5, '2026-01-31') AS "1", leadscore.score_at(5, '2026-02-01') AS "102",
       leadscore.score_at(5, '2026-02-02') AS "203", leadscore.score_at(5, '2026-02-28') AS "203", leadscore.score_at(5, '2026-03-01') AS "103",
       leadscore.score_at(5, '2026-03-02') AS "3";
-- On 29 February of a leap year a window of a year ends on 28 February: 2024-02-29 + 1 year = 2025-02-28.
UPDATE leadscore.rule SET relevant_for = '1 year' WHERE rule_id = 2;
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (8, 1, 'meeting', '2024-02-29');
SELECT leadscore.score_at(1, '2025-02-27') AS "101", leadscore.score_at(1, '2025-02-28') AS "1";
SELECT scored_on FROM leadscore_recompute('2026-04-30 12:00');
SELECT * FROM leadscore.verify();
