-- Activities before a rule's effective_from give nothing, and silence is counted from it.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (name, points, effective_from) VALUES ('Call', 100, '2026-02-01');
INSERT INTO leadscore.rule (name, kind, points, inactive_for, effective_from) VALUES ('Silence', 'inactivity', -1, '10 days', '2026-02-10');
SELECT scored_on FROM leadscore_recompute('2026-02-19 12:00');
INSERT INTO leadscore.person (person_id, kind, since) VALUES
    (1, 'candidate', '2020-01-01'), (2, 'candidate', '2020-01-01'), (3, 'candidate', '2020-01-01'), (4, 'candidate', '2026-02-18');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES
    (1, 'call', '2026-01-31 23:59:59'), (1, 'call', '2026-02-01 00:00'),   -- only the second
    (2, 'call', '2026-02-15');
-- 1: 100. 2: 100. 3 and 4: nothing, as the silence of 3 began on 10 February (not in 2020), and is due on the 20th.
SELECT person_id, score FROM leadscore.person ORDER BY 1;
-- 20 February: 1, whose touch days before the 10th become the 10th, and 3 lose a point; 2 was called on the 15th: due on
-- the 25th; 4 is known since the 18th: due on the 28th.
SELECT scored_on FROM leadscore_recompute('2026-02-20 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT scored_on FROM leadscore_recompute('2026-02-25 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT scored_on FROM leadscore_recompute('2026-02-28 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;
-- A late entry of 5 February does not end the silence that counts from the 10th: 3 has 100 - 1.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (3, 'call', '2026-02-05');
SELECT person_id, score FROM leadscore.person WHERE person_id = 3;
-- On the day itself it is a touch day like any other, and the same one: 3 has 200 - 1.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (3, 'call', '2026-02-10');
SELECT person_id, score FROM leadscore.person WHERE person_id = 3;
SELECT * FROM leadscore.verify();
-- A rule of later: nothing now; silence counts from 1 April and is due on the 11th.
UPDATE leadscore.rule SET effective_from = '2026-04-01';
SELECT scored_on FROM leadscore_recompute('2026-04-10 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT scored_on FROM leadscore_recompute('2026-04-11 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;
-- The day is a local one: 31 March 22:00 UTC is 1 April in Amsterdam, 21:59:59 is not. So 1 gets 100 and 2 nothing;
UPDATE leadscore.settings SET time_zone = 'Europe/Amsterdam';
SELECT scored_on FROM leadscore_recompute('2026-04-11 12:00');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', '2026-03-31 22:00+00'), (2, 'call', '2026-03-31 21:59:59+00');
-- 1 April is a touch day anyway, so both keep their penalty: 99 and -1.
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();
