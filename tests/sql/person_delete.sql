-- With a person goes all that belongs to it, and nothing of others.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (name, kind, points, inactive_for) VALUES ('Call', 'activity', 10, NULL), ('Silence', 'inactivity', -1, '10 days');
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 10);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, since) SELECT g, 'candidate', '2026-02-01' FROM generate_series(1, 4) g;
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) SELECT g, g, 'call', '2026-02-05' FROM generate_series(1, 4) g;
SELECT count(leadscore.adjust(g, 15, 'Met at a fair', '2026-03-01')) FROM generate_series(1, 4) g;
CREATE TEMP VIEW left_of AS
SELECT person_id, 'person' AS what FROM leadscore.person
UNION ALL SELECT person_id, 'activity' FROM leadscore.activity
UNION ALL SELECT person_id, 'record' FROM leadscore.score_record
UNION ALL SELECT person_id, 'adjustment' FROM leadscore.adjustment
UNION ALL SELECT person_id, 'change' FROM leadscore.category_change
UNION ALL SELECT person_id, 'due' FROM leadscore.due;
SELECT person_id, string_agg(DISTINCT what, ', ' ORDER BY what) FROM left_of GROUP BY 1 ORDER BY 1;
BEGIN;
DELETE FROM leadscore.person WHERE person_id = 1;
ROLLBACK;
DELETE FROM leadscore.person WHERE person_id = 2;
SELECT person_id, string_agg(DISTINCT what, ', ' ORDER BY what) FROM left_of GROUP BY 1 ORDER BY 1;
SELECT person_id, score FROM leadscore.person ORDER BY 1;   -- 10 - 1 + 15
DELETE FROM leadscore.person WHERE person_id IN (1, 4);
SELECT person_id, string_agg(DISTINCT what, ', ' ORDER BY what) FROM left_of GROUP BY 1 ORDER BY 1;
SELECT * FROM leadscore.verify();
-- The number is free again, and comes back with nothing.
INSERT INTO leadscore.person (person_id, kind, since) VALUES (2, 'contact', '2026-02-25');
SELECT person_id, kind, score, category, last_activity_at FROM leadscore.person ORDER BY 1;
SELECT scored_on, persons_changed FROM leadscore_recompute('2026-03-01 12:00');
SELECT * FROM leadscore.verify();
