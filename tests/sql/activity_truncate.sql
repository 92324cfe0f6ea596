-- TRUNCATE of activities takes all that they gave, and leaves what does not come from them.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (name, kind, points, inactive_for) VALUES ('Call', 'activity', 10, NULL), ('Silence', 'inactivity', -1, '10 days');
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 10);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, since) VALUES (1, 'candidate', '2026-02-01'), (2, 'candidate', '2026-02-25');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', '2026-02-28'), (2, 'call', '2026-02-28');
SELECT leadscore.adjust(2, 15, 'Met at a fair', '2026-03-01') IS NOT NULL AS adjusted;
SELECT person_id, score, category, last_activity_at FROM leadscore.person ORDER BY 1;   -- 10 and 10 + 15
BEGIN;
TRUNCATE leadscore.activity;
-- 1 is silent since 1 February: -1. 2 keeps its adjustment.
SELECT person_id, score, category, last_activity_at FROM leadscore.person ORDER BY 1;
ROLLBACK;
SELECT person_id, score, category, last_activity_at FROM leadscore.person ORDER BY 1;
TRUNCATE leadscore.activity;
SELECT person_id, score, category, last_activity_at FROM leadscore.person ORDER BY 1;
SELECT person_id, from_category, to_category, score, scored_on FROM leadscore.category_change WHERE person_id = 1 ORDER BY change_id;
SELECT * FROM leadscore.verify();
-- Life goes on.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', '2026-02-28');
SELECT person_id, score, category, last_activity_at FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();
