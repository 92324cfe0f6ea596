-- The category is the one with the highest min_score that the score reaches, of those for the person's kind or else of those for all.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('complaint');
INSERT INTO leadscore.rule (name, activity_types, points) VALUES ('Call', '{call}', 5), ('Complaint', '{complaint}', -100);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
-- Without categories there is none.
INSERT INTO leadscore.person (person_id, kind, since) VALUES (1, 'candidate', '2020-01-01');
SELECT person_id, score, category FROM leadscore.person ORDER BY 1;
DELETE FROM leadscore.person;
INSERT INTO leadscore.category (person_kind, name, min_score) VALUES
    (NULL, 'hot', 10), (NULL, 'cold', NULL), (NULL, 'warm', 5),
    ('contact', 'known', NULL), ('contact', 'regular', 10),
    ('supplier', 'key', 10),                      -- this kind has no lowest one
    ('debtor', 'only', NULL), ('debtor', 'good', -50);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
-- A person has the category of no points from the start.
INSERT INTO leadscore.person (person_id, kind, since) VALUES
    (1, 'candidate', '2020-01-01'), (2, 'contact', '2020-01-01'), (3, 'supplier', '2020-01-01'), (4, 'debtor', '2020-01-01');
SELECT person_id, kind, score, category FROM leadscore.person ORDER BY 1;   -- cold, known, none, good
-- 5 points: a bound belongs to the band that it begins; the bands for all are not for a kind with its own.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT g, 'call', '2026-02-10' FROM generate_series(1, 4) g;
SELECT person_id, kind, score, category FROM leadscore.person ORDER BY 1;   -- warm, known, none, good
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT g, 'call', '2026-02-10' FROM generate_series(1, 4) g;
SELECT person_id, kind, score, category FROM leadscore.person ORDER BY 1;   -- hot, regular, key, good
-- -90 points: the lowest one has no bound below.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT g, 'complaint', '2026-02-10' FROM generate_series(1, 4) g;
SELECT person_id, kind, score, category FROM leadscore.person ORDER BY 1;   -- cold, known, none, only
-- As a set, 40 calls each: 110 points.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT g % 4 + 1, 'call', '2026-02-10' FROM generate_series(1, 160) g;
SELECT person_id, kind, score, category FROM leadscore.person ORDER BY 1;   -- hot, regular, key, good
-- Another kind has other categories at once.
UPDATE leadscore.person SET kind = 'candidate' WHERE person_id = 3;
SELECT person_id, kind, score, category FROM leadscore.person WHERE person_id = 3;
SELECT * FROM leadscore.verify();
-- An edit takes effect at the next run: without its own, the contact falls under those for all.
DELETE FROM leadscore.category WHERE person_kind = 'contact';
SELECT person_id, kind, score, category FROM leadscore.person WHERE person_id = 2;
SELECT scored_on, persons_changed, categories_changed FROM leadscore_recompute('2026-03-01 12:00');
SELECT person_id, kind, score, category FROM leadscore.person WHERE person_id = 2;
-- A bound above what everybody has takes hot from three (the debtor's categories are its own): warm.
UPDATE leadscore.category SET min_score = 1000 WHERE name = 'hot';
SELECT scored_on, persons_changed, categories_changed FROM leadscore_recompute('2026-03-01 12:00');
SELECT person_id, kind, score, category FROM leadscore.person ORDER BY 1;
DELETE FROM leadscore.category;
SELECT scored_on, persons_changed, categories_changed FROM leadscore_recompute('2026-03-01 12:00');
SELECT person_id, kind, score, category FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();
