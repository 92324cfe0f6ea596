-- explain() says what a score is made of, and what does not count and why; what counts sums to the score.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('note'), ('visit'), ('other');
INSERT INTO leadscore.rule (name, activity_types, points, relevant_for, decay, max_per_day, max_counted, effective_from, statuses, condition) VALUES
    ('Call', '{call}', 10, '30 days', 'none', 1, 2, NULL, NULL, NULL),
    ('Note', '{note}', 8, '8 days', 'linear', NULL, NULL, '2026-02-15', NULL, NULL),
    ('Visit', '{visit}', 3, NULL, 'none', NULL, NULL, NULL, '{placed}', NULL),
    ('Long call', '{call}', 5, NULL, 'none', NULL, NULL, NULL, NULL, '{"long": true}');
INSERT INTO leadscore.rule (name, kind, activity_types, points, inactive_for, repeat_every) VALUES ('Silence', 'inactivity', '{call}', -5, '10 days', '5 days');
INSERT INTO leadscore.rule (name, kind, statuses, points, inactive_for) VALUES ('Lost', 'inactivity', '{placed}', -50, '10 days');
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, status, since) VALUES (1, 'candidate', 'active', '2026-01-01'), (2, 'candidate', NULL, '2026-02-01');
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at, attributes) VALUES
    (1, 1, 'call', '2026-01-05 10:00', NULL), (2, 1, 'call', '2026-02-10 10:00', NULL), (3, 1, 'call', '2026-02-20 09:00', NULL),
    (4, 1, 'call', '2026-02-20 10:00', '{"long": true}'), (5, 1, 'call', '2026-02-22', NULL), (6, 1, 'note', '2026-02-14', NULL),
    (7, 1, 'note', '2026-02-26', NULL), (8, 1, 'visit', '2026-02-01', NULL), (9, 1, 'other', '2026-02-01', NULL), (10, 1, 'call', '2026-03-09', NULL);
SELECT leadscore.adjust(1, 7, 'knows everybody', '2026-02-01', '2026-04-01') IS NOT NULL AS adjusted;
SELECT rule, activity_id, activity_type, occurred_at, points, counts, counts_from, counts_until, replace(why, session_user, 'me') AS why FROM leadscore.explain(1);
SELECT sum(points) FILTER (WHERE counts) AS sum, leadscore.score_at(1, '2026-03-01'), (SELECT score FROM leadscore.person WHERE person_id = 1)
FROM leadscore.explain(1);
-- On another day, when penalties counted.
SELECT rule, activity_id, points, counts_from, counts_until, replace(why, session_user, 'me') AS why FROM leadscore.explain(1, '2026-02-03') WHERE counts;
SELECT day::date, sum(points) FILTER (WHERE counts) = leadscore.score_at(1, day::date) AS sums
FROM generate_series(timestamp '2026-01-01', '2026-01-31', '10 days') day, leadscore.explain(1, day::date) GROUP BY day ORDER BY 1;
-- Whoever never did a thing has penalties only.
SELECT * FROM leadscore.explain(2);
-- What cannot be explained.
SELECT * FROM leadscore.explain(3);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.explain(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.explain(1, 'infinity');
\echo :LAST_ERROR_SQLSTATE
