-- leadscore.verify() names each difference between what is stored and what follows; a full rebuild repairs it.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (rule_id, name, kind, points, inactive_for, repeat_every) VALUES (1, 'Call', 'activity', 10, NULL, NULL), (2, 'Silence', 'inactivity', -1, '10 days', '10 days');
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 10);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, since) SELECT g, 'candidate', '2026-02-25' FROM generate_series(1, 9) g;
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) SELECT 10 + g, g, 'call', '2026-02-26' FROM generate_series(1, 9) g;
SELECT * FROM leadscore.verify();

-- The owner of the tables can write past the functions.
RESET ROLE;
UPDATE leadscore.person SET score = 11 WHERE person_id = 1;
UPDATE leadscore.person SET category = 'cold' WHERE person_id = 2;
UPDATE leadscore.person SET last_activity_at = '2026-02-20' WHERE person_id = 3;
UPDATE leadscore.score_record SET points = 20 WHERE person_id = 4;
UPDATE leadscore.score_record SET counts_until = '2026-04-01' WHERE person_id = 5;
DELETE FROM leadscore.score_record WHERE person_id = 6;
INSERT INTO leadscore.score_record (person_id, rule_id, points, counts_from) VALUES (7, 2, -1, '2026-03-01');
DELETE FROM leadscore.due WHERE person_id = 8;
ALTER TABLE leadscore.activity DISABLE TRIGGER USER;
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (99, 9, 'call', '2026-02-27');
ALTER TABLE leadscore.activity ENABLE TRIGGER USER;
SET ROLE regress_application;
SELECT * FROM leadscore.verify();
-- It reads only.
BEGIN READ ONLY;
SELECT count(*) FROM leadscore.verify();
COMMIT;
-- A usual run does not look for it; a full rebuild does. A record that differs is removed, and the right one added: added for 4, 5, 6 and 9,
-- removed from 4, 5 and 7; scores or categories of 1, 2 and 9 change, the category of 2.
SELECT scored_on, persons_changed FROM leadscore_recompute('2026-03-01 12:00');
SELECT scored_on, records_added, records_removed, persons_changed, categories_changed FROM leadscore_recompute('2026-03-01 12:00', full_rebuild => true);
SELECT * FROM leadscore.verify();
SELECT person_id, score, category, last_activity_at FROM leadscore.person ORDER BY 1;
-- An activity whose person is gone, which no trigger let in.
RESET ROLE;
ALTER TABLE leadscore.activity DISABLE TRIGGER USER;
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (100, 77, 'call', '2026-02-27');
ALTER TABLE leadscore.activity ENABLE TRIGGER USER;
SELECT * FROM leadscore.verify();
