-- Several scores of a person: parts of parts within their limits, a scorecard of its own, and a combined one; whatever asks about a score can be asked
-- about each of them.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('visit'), ('click');
-- clicks (at most 3) and what is taken (at least -4) are parts of web (-2 to 20), web and always (always 7) of main (-10 to 30), main and fit of all (at most 50).
INSERT INTO leadscore.scorecard (scorecard, part_of, min_score, max_score) VALUES ('clicks', 'web', NULL, 3), ('taken', 'web', -4, NULL), ('web', 'main', -2, 20),
    ('always', 'main', 7, 7), ('fit', 'all', NULL, NULL), ('all', NULL, NULL, 50), ('debt', NULL, -50, -5);
UPDATE leadscore.scorecard SET part_of = 'all', min_score = -10, max_score = 30 WHERE scorecard = 'main';
INSERT INTO leadscore.rule (rule_id, name, kind, scorecard, activity_types, points, relevant_for, decay, half_life, at_least, within, inactive_for) VALUES
    (1, 'Call', 'activity', 'main', '{call}', 16, '20 days', 'linear', NULL, NULL, NULL, NULL), (2, 'Visit', 'activity', 'web', '{visit}', 8, NULL, 'halving', '10 days', NULL, NULL, NULL),
    (3, 'Click', 'activity', 'clicks', '{click}', 2, NULL, 'none', NULL, NULL, NULL, NULL), (4, 'Many clicks', 'frequency', 'taken', '{click}', -9, NULL, 'none', NULL, 3, '9 days', NULL),
    (5, 'Here', 'profile', 'fit', NULL, 25, NULL, 'none', NULL, NULL, NULL, NULL), (6, 'Silence', 'inactivity', 'debt', NULL, -20, NULL, 'none', NULL, NULL, NULL, '15 days'),
    (7, 'Whatever', 'activity', 'always', '{call}', 99, NULL, 'none', NULL, NULL, NULL, NULL);
INSERT INTO leadscore.category (scorecard, name, min_score) VALUES ('main', 'cold', NULL), ('main', 'warm', 20), ('all', 'low', NULL), ('all', 'high', 45), ('debt', 'bad', NULL), ('debt', 'good', -10);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, name, since) VALUES (1, 'candidate', 'Ann', '2026-02-20'), (2, 'candidate', NULL, '2026-02-10');
CREATE TEMP VIEW scores AS
SELECT p.person_id, s.* FROM leadscore.person p,
    LATERAL (SELECT 'main' AS scorecard, p.score, p.category UNION ALL SELECT x.scorecard, x.score, x.category FROM leadscore.person_score x WHERE x.person_id = p.person_id) s
ORDER BY 1, 2;
-- A person without anything has what limits give.
TABLE scores;
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) SELECT 10 + n, 1, 'click', '2026-02-22' FROM generate_series(1, 4) n;
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (21, 1, 'call', '2026-02-24'), (22, 1, 'call', '2026-03-01'), (23, 1, 'visit', '2026-02-25');
-- main: 12 + 16 of calls, 7 of always, web 8 + 3 of 8 for clicks - 4 of -9 taken = 7: 42, of which 30 remain; all: 30 + 25 = 55, of which 50 remain.
SELECT * FROM scores WHERE person_id = 1;
SELECT rule, activity_id, points, counts, why FROM leadscore.explain(1, scorecard => 'all');
SELECT rule, activity_id, points, counts, why FROM leadscore.explain(1, scorecard => 'web');
SELECT rule, points, counts, why FROM leadscore.explain(2, scorecard => 'debt');
-- Lines that count sum to the score, of each scorecard on each day, and to the one that is stored; the course has the same.
SELECT leadscore.adjust(2, -40, 'Mistake', '2026-02-25', '2026-03-20', 'taken') AS id, leadscore.adjust(2, 90, 'Gift', '2026-02-25', '2026-03-04', 'fit');
CREATE TEMP VIEW wrong AS
SELECT p.person_id, c.scorecard, d.day::date, leadscore.score_at(p.person_id, d.day::date, c.scorecard) AS score, e.sum, h.score AS course
FROM leadscore.person p CROSS JOIN leadscore.scorecard c CROSS JOIN generate_series(timestamp '2026-02-15', '2026-04-20', '1 day') d(day)
CROSS JOIN LATERAL (SELECT coalesce(sum(e.points), 0) AS sum FROM leadscore.explain(p.person_id, d.day::date, c.scorecard) e WHERE e.counts) e
CROSS JOIN LATERAL (SELECT h.score FROM leadscore.history(p.person_id, '2026-02-15', d.day::date, c.scorecard) h ORDER BY h.day DESC LIMIT 1) h
WHERE leadscore.score_at(p.person_id, d.day::date, c.scorecard) IS DISTINCT FROM e.sum OR h.score IS DISTINCT FROM e.sum;
SELECT * FROM wrong;
SELECT s.*, e.sum FROM scores s CROSS JOIN LATERAL (SELECT coalesce(sum(e.points), 0) AS sum FROM leadscore.explain(s.person_id, scorecard => s.scorecard) e WHERE e.counts) e WHERE s.score <> e.sum;
SELECT * FROM scores WHERE person_id = 2;
SELECT * FROM leadscore.verify();
-- Changes of category of each.
SELECT person_id, scorecard, from_category, to_category, score FROM leadscore.category_change ORDER BY change_id;
-- What will be.
SELECT * FROM leadscore.forecast(1, '2026-04-01', 'all');
SELECT * FROM leadscore.forecast(1, '2026-04-01', 'debt');
SELECT person_id, name, score, category, falls_on, falls_to_score, falls_to_category FROM leadscore.cooling(60, 'all');
SELECT person_id, name, score, category, falls_on, falls_to_score, falls_to_category FROM leadscore.cooling(60, 'debt');
SELECT person_id, name, score, scorecards -> 'all' AS all, scorecards -> 'fit' AS fit, why FROM leadscore.worklist ORDER BY 1;
-- Nights, one by one, which count whose score or category changed on any of them.
SELECT scored_on, persons_changed, categories_changed FROM leadscore_recompute('2026-03-04 12:00');
SELECT * FROM scores WHERE scorecard IN ('all', 'debt', 'main');
SELECT * FROM leadscore.verify();
SELECT scored_on, persons_changed, categories_changed FROM leadscore_recompute('2026-03-17 12:00');
SELECT * FROM scores WHERE scorecard IN ('all', 'debt', 'main');
SELECT * FROM leadscore.verify();
SELECT leadscore.unadjust(id) FROM (SELECT min(adjustment_id) FROM leadscore.adjustment) a(id);
SELECT * FROM leadscore.verify();
-- Limits and parts are edited.
UPDATE leadscore.scorecard SET max_score = NULL, min_score = NULL, part_of = NULL WHERE scorecard IN ('main', 'always');
SELECT scored_on FROM leadscore_recompute('2026-03-17 12:00');
SELECT * FROM scores WHERE person_id = 1;
SELECT * FROM leadscore.verify();
SELECT * FROM wrong;
-- A scorecard comes: everybody has a score on it after the next run. Another one goes: nobody has.
INSERT INTO leadscore.scorecard (scorecard, min_score) VALUES ('new', 3);
DELETE FROM leadscore.rule WHERE rule_id = 6;
DELETE FROM leadscore.category WHERE scorecard = 'debt';
DELETE FROM leadscore.scorecard WHERE scorecard = 'debt';
SELECT scored_on FROM leadscore_recompute('2026-03-17 12:00');
SELECT * FROM scores WHERE scorecard IN ('new', 'debt');
-- Who is not active has 0 and no category, of whatever limits; who is merged has one score again, who is forgotten none.
UPDATE leadscore.person SET active = false WHERE person_id = 1;
SELECT * FROM scores WHERE person_id = 1;
SELECT sum(points) FROM leadscore.explain(1, scorecard => 'new') WHERE counts;
UPDATE leadscore.person SET active = true WHERE person_id = 1;
RESET ROLE;
SELECT leadscore.merge_person(1, 2);
SELECT * FROM scores;
SELECT * FROM leadscore.verify();
-- There is no such one.
SELECT leadscore.score_at(2, '2026-03-01', 'debt');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.forget_person(2);
SELECT count(*) FROM leadscore.person_score;
