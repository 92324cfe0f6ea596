-- verify() names differences on every scorecard, of every kind of record, and leaves out who waits to be scored.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('visit');
INSERT INTO leadscore.scorecard (scorecard, part_of, max_score) VALUES ('web', 'main', 15), ('fit', NULL, NULL);
INSERT INTO leadscore.rule (rule_id, name, kind, scorecard, activity_types, points, relevant_for, decay, half_life, at_least, within, person_filter) VALUES
    (1, 'Call', 'activity', 'main', '{call}', 10, NULL, 'halving', '10 days', NULL, NULL, NULL),
    (2, 'Visit', 'activity', 'web', '{visit}', 10, '30 days', 'linear', NULL, NULL, NULL, NULL),
    (3, 'Often', 'frequency', 'main', '{visit}', 5, NULL, 'none', NULL, 2, '7 days', NULL),
    (4, 'West', 'profile', 'fit', NULL, 20, NULL, 'none', NULL, NULL, NULL, '$.region == "west"');
INSERT INTO leadscore.category (scorecard, name, min_score) VALUES ('main', 'cold', NULL), ('main', 'warm', 10), ('fit', 'bad', NULL), ('fit', 'good', 10);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, since, attributes) SELECT g, 'candidate', '2026-02-20', '{"region": "west"}' FROM generate_series(1, 6) g;
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at)
SELECT 10 * p + n, p, CASE n WHEN 1 THEN 'call' ELSE 'visit' END, timestamptz '2026-02-24 10:00' + n * interval '1 day' FROM generate_series(1, 6) p, generate_series(1, 3) n;
SELECT person_id, score, category FROM leadscore.person WHERE person_id = 1;
SELECT * FROM leadscore.person_score WHERE person_id = 1 ORDER BY scorecard;
SELECT * FROM leadscore.verify();
RESET ROLE;
UPDATE leadscore.person_score SET score = 99, category = 'bad' WHERE person_id = 1 AND scorecard = 'fit';
DELETE FROM leadscore.person_score WHERE person_id = 2 AND scorecard = 'web';
UPDATE leadscore.score_record SET half_life = '5 days' WHERE person_id = 3 AND rule_id = 1;
UPDATE leadscore.score_record SET scorecard = NULL WHERE person_id = 4 AND rule_id = 4;
INSERT INTO leadscore.score_record SELECT * FROM leadscore.score_record WHERE person_id = 5 AND rule_id = 3;
INSERT INTO leadscore.person_score (person_id, scorecard, score) VALUES (6, 'gone', 1), (77, 'fit', 1);
SET ROLE regress_application;
SELECT * FROM leadscore.verify();
RESET ROLE;
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00', full_rebuild => true);
SELECT * FROM leadscore.verify();
-- Who waits is no difference.
UPDATE leadscore.settings SET scoring = 'deferred';
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (100, 1, 'call', '2026-03-01');
SELECT person_id FROM leadscore.pending;
SELECT * FROM leadscore.verify();
UPDATE leadscore.person SET score = 0 WHERE person_id = 2;
SELECT person_id, item, stored FROM leadscore.verify();
SELECT leadscore.score_pending();
SELECT person_id, item, stored FROM leadscore.verify();
