-- Penalties of one silence repeat every repeat_every, at most max_repeats of them.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (name, kind, person_kinds, points, inactive_for, repeat_every, max_repeats) VALUES
    ('At most three', 'inactivity', '{candidate}', -5, '30 days', '10 days', 3),
    ('Without end', 'inactivity', '{contact}', -5, '30 days', '10 days', NULL),
    ('Repeated once', 'inactivity', '{client}', -5, '30 days', '10 days', 1);
SELECT scored_on FROM leadscore_recompute('2026-01-30 12:00');
INSERT INTO leadscore.person (person_id, kind, since) VALUES (1, 'candidate', '2026-01-01'), (2, 'contact', '2026-01-01'), (3, 'client', '2026-01-01');
-- Due on 31 January, 10 and 20 February, and for 2 on 2, 12 and 22 March too. max_repeats counts penalties, the first one included.
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT scored_on, records_added, persons_changed FROM leadscore_recompute('2026-01-31 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;   -- -5, -5, -5
SELECT scored_on, records_added, persons_changed FROM leadscore_recompute('2026-02-09 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;   -- the same
SELECT scored_on, records_added, persons_changed FROM leadscore_recompute('2026-02-10 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;   -- -10, -10, -5
-- Nights missed: all that was due meanwhile is there.
SELECT scored_on, records_added, persons_changed FROM leadscore_recompute('2026-03-22 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;   -- -15, 6 x -5, -5
SELECT person_id, points, counts_from, counts_until FROM leadscore.score_record ORDER BY 1, 3;
-- A call clears them all; a late entry of 12 February clears them from then on, and by 22 March 14 March has come again, 24 March not yet.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (1, 2, 'call', '2026-03-22');
SELECT person_id, score FROM leadscore.person WHERE person_id = 2;
DELETE FROM leadscore.activity WHERE activity_id = 1;
SELECT person_id, score FROM leadscore.person WHERE person_id = 2;   -- -30 again
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (2, 2, 'call', '2026-02-12');
SELECT person_id, points, counts_from, counts_until FROM leadscore.score_record WHERE person_id = 2 ORDER BY 3;
-- Before it there were two, due on 31 January and 10 February. A year after it, 365 days, (365 - 30) div 10 + 1 = 34 are due.
SELECT leadscore.score_at(2, '2026-02-11') AS "-10", leadscore.score_at(2, '2026-02-12') AS "0", leadscore.score_at(2, '2026-03-13') AS "0",
       leadscore.score_at(2, '2026-03-14') AS "-5", leadscore.score_at(2, '2026-03-24') AS "-10", leadscore.score_at(2, '2027-02-12') AS "-170";
SELECT * FROM leadscore.verify();
