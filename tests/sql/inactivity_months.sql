-- Months in inactivity rules are added to dates, and end on the last day that a month has.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (name, kind, points, inactive_for, repeat_every) VALUES ('Silence', 'inactivity', -1, '1 month', '1 month');
SELECT scored_on FROM leadscore_recompute('2026-01-31 12:00');
INSERT INTO leadscore.person (person_id, kind, since) VALUES
    (1, 'candidate', '2026-01-31'),   -- + 1 month = 28 February; + 1, 2, 3 months from there = 28 March, 28 April, 28 May
    (2, 'candidate', '2026-01-28');   -- 28 February as well
SELECT leadscore.score_at(1, '2026-02-27') AS "0", leadscore.score_at(1, '2026-02-28') AS "-1", leadscore.score_at(1, '2026-03-27') AS "-1",
       leadscore.score_at(1, '2026-03-28') AS "-2", leadscore.score_at(1, '2026-04-28') AS "-3", leadscore.score_at(1, '2026-05-28') AS "-4";
SELECT scored_on, persons_changed FROM leadscore_recompute('2026-02-27 12:00');
SELECT scored_on, persons_changed FROM leadscore_recompute('2026-02-28 12:00');
SELECT scored_on, persons_changed FROM leadscore_recompute('2026-03-27 12:00');
SELECT scored_on, persons_changed FROM leadscore_recompute('2026-03-28 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT person_id, counts_from, counts_until FROM leadscore.score_record ORDER BY 1, 2;
-- A leap year: 31 January 2028 + 1 month = 29 February; further months are counted from there: 29 March, 29 April.
INSERT INTO leadscore.person (person_id, kind, since) VALUES (3, 'candidate', '2028-01-31');
SELECT leadscore.score_at(3, '2028-02-28') AS "0", leadscore.score_at(3, '2028-02-29') AS "-1", leadscore.score_at(3, '2028-03-29') AS "-2", leadscore.score_at(3, '2028-04-28') AS "-2", leadscore.score_at(3, '2028-04-29') AS "-3";
-- Months and days together: a month comes first. 31 January 2026 + 1 month 1 day = 1 March; each month and day from there: 2 April, then 1 March + 2 months 2 days = 3 May.
UPDATE leadscore.rule SET inactive_for = '1 month 1 day', repeat_every = '1 month 1 day';
SELECT leadscore.score_at(1, '2026-02-28') AS "0", leadscore.score_at(1, '2026-03-01') AS "-1", leadscore.score_at(1, '2026-04-01') AS "-1",
       leadscore.score_at(1, '2026-04-02') AS "-2", leadscore.score_at(1, '2026-05-02') AS "-2", leadscore.score_at(1, '2026-05-03') AS "-3";
SELECT scored_on FROM leadscore_recompute('2028-04-29 12:00');
SELECT * FROM leadscore.verify();
-- A year's silence from 29 February 2028 is due on 28 February 2029.
UPDATE leadscore.rule SET inactive_for = '1 year', repeat_every = NULL;
INSERT INTO leadscore.person (person_id, kind, since) VALUES (4, 'candidate', '2028-02-29');
SELECT leadscore.score_at(4, '2029-02-27') AS "0", leadscore.score_at(4, '2029-02-28') AS "-1";
