-- Cooling: who falls to a lower category, when and to which, on any scorecard.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.scorecard (scorecard) VALUES ('fit');
INSERT INTO leadscore.activity_type VALUES ('call'), ('note');
INSERT INTO leadscore.rule (name, activity_types, points, relevant_for, decay) VALUES
    ('Call', '{call}', 10, '30 days', 'none'), ('Note', '{note}', 8, '4 days', 'linear');
INSERT INTO leadscore.rule (name, kind, points, inactive_for) VALUES ('Silence', 'inactivity', -6, '10 days');
INSERT INTO leadscore.rule (name, scorecard, activity_types, points, relevant_for) VALUES ('Fit call', 'fit', '{call}', 3, '5 days');
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 5);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
-- Nobody is above the lowest category.
SELECT * FROM leadscore.cooling(30);
INSERT INTO leadscore.person (person_id, kind, external_id, owner, name, tenant, since) VALUES
    (1, 'candidate', 'a', 'Ann', 'Ada', 'acme', '2026-03-01'), (2, 'candidate', 'b', 'Ann', NULL, NULL, '2026-03-01'),
    (3, 'contact', 'c', 'Bob', NULL, NULL, '2026-03-01'), (4, 'contact', 'd', NULL, NULL, NULL, '2026-03-01');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES
    (1, 'call', '2026-03-01'), (2, 'note', '2026-03-01'), (3, 'call', '2026-02-08'), (3, 'call', '2026-03-01'), (4, 'call', '2026-02-01');
SELECT * FROM leadscore.cooling(1);
SELECT * FROM leadscore.cooling(30);
-- Each fall is what the forecast says.
SELECT c.person_id, f.score = c.falls_to_score AND f.category = c.falls_to_category AS forecast
FROM leadscore.cooling(30) c
CROSS JOIN LATERAL leadscore.forecast(c.person_id, c.falls_on) f
WHERE f.day = c.falls_on ORDER BY 1;
-- Who is not active is nowhere.
UPDATE leadscore.person SET active = false WHERE person_id = 2;
SELECT person_id FROM leadscore.cooling(30);
-- Another scorecard has none of its categories yet.
SELECT person_id FROM leadscore.cooling(30, 'fit');
INSERT INTO leadscore.category (scorecard, name, min_score) VALUES ('fit', 'poor', NULL), ('fit', 'good', 3);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
SELECT person_id, score, category, falls_on, falls_to_score, falls_to_category FROM leadscore.cooling(30, scorecard => 'fit');
-- Nights that were missed: since the last run, of 1 March, each has a sign of life of the 5th, which counts already, while what has ended meanwhile counts
-- still. 11 fell on the 3rd, when its call ended; 12 has another call of the 4th and falls when that ends; 13 was never above the bound but by what no day has at once.
DELETE FROM leadscore.rule;
INSERT INTO leadscore.rule (name, activity_types, points, relevant_for) VALUES ('Call', '{call}', 4, '30 days');
INSERT INTO leadscore.rule (name, activity_types, points) VALUES ('Sign', '{note}', 1);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, since) SELECT n, 'contact', '2026-01-01' FROM generate_series(11, 13) n;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (11, 'note', '2026-02-01'), (12, 'note', '2026-02-01');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT n, 'call', '2026-02-01' FROM generate_series(11, 13) n;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (12, 'call', '2026-03-04');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT n, 'note', '2026-03-05' FROM generate_series(11, 13) n;
SELECT p.person_id, p.score, p.category, c.falls_on, c.falls_to_score, c.falls_to_category
FROM leadscore.person p LEFT JOIN leadscore.cooling(60) c USING (person_id) WHERE p.person_id > 10 ORDER BY 1;
SELECT n, f.* FROM generate_series(11, 13) n, leadscore.forecast(n, '2026-04-30') f;
SELECT scored_on FROM leadscore_recompute('2026-03-05 12:00');
SELECT person_id, score, category FROM leadscore.person WHERE person_id > 10 ORDER BY 1;
SELECT * FROM leadscore.cooling(30, 'nothing');
SELECT * FROM leadscore.cooling(30, NULL);
SELECT * FROM leadscore.cooling(0);
