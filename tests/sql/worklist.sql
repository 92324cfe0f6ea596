-- The worklist: whom to spend time on first, and why.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('note');
INSERT INTO leadscore.rule (name, activity_types, points, relevant_for, decay) VALUES
    ('Call', '{call}', 10, '30 days', 'none'), ('Note', '{note}', 4, '4 days', 'linear');
INSERT INTO leadscore.rule (name, kind, points, inactive_for) VALUES ('Silence', 'inactivity', -5, '10 days');
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 5);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, owner, since) VALUES (1, 'candidate', 'Ann', '2026-01-01'), (2, 'candidate', 'Ann', '2026-02-28'), (3, 'contact', 'Bob', '2026-02-28');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES
    (1, 'call', '2026-02-20'), (1, 'note', '2026-03-01 10:00'), (2, 'call', '2026-02-28'), (2, 'call', '2026-03-01');
SELECT * FROM leadscore.worklist WHERE owner = 'Ann' ORDER BY score DESC LIMIT 50;
SELECT * FROM leadscore.worklist WHERE owner = 'Bob';
-- What costs is evaluated for the rows that are returned: after the sort. (How the index is read is another matter, and not the same in
-- all versions.)
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT * FROM leadscore.worklist WHERE owner = 'Ann' ORDER BY score DESC LIMIT 50;
RESET enable_bitmapscan;
-- It looks a year ahead, that day included: half of 366 points are gone on it, and 5 by silence.
INSERT INTO leadscore.activity_type VALUES ('course');
INSERT INTO leadscore.rule (name, activity_types, points, relevant_for, decay) VALUES ('Course', '{course}', 366, '730 days', 'linear');
INSERT INTO leadscore.category (name, min_score) VALUES ('hot', 179);
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (3, 'course', '2026-03-01');
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
SELECT person_id, score, outlook FROM leadscore.worklist WHERE owner = 'Bob';
-- A part of the score that is at its limit gives no more than that: it is named instead of its rules, and of parts within it.
INSERT INTO leadscore.activity_type VALUES ('click'), ('view');
INSERT INTO leadscore.scorecard (scorecard, part_of, max_score) VALUES ('web', 'main', 40), ('clicks', 'web', 25);
INSERT INTO leadscore.rule (name, scorecard, activity_types, points) VALUES ('Click', 'clicks', '{click}', 10), ('View', 'web', '{view}', 12);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, owner, since) SELECT i, 'candidate', 'Eve', '2026-02-28' FROM generate_series(4, 7) i;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at)
SELECT p, a, '2026-03-01' FROM (VALUES (4, 'click', 2), (4, 'view', 1), (5, 'click', 3), (5, 'view', 1), (6, 'click', 9), (6, 'view', 9), (6, 'call', 2), (7, 'view', 4), (7, 'call', 5)) x(p, a, n),
     LATERAL generate_series(1, n);
SELECT person_id, score, why FROM leadscore.worklist WHERE owner = 'Eve' ORDER BY person_id;
