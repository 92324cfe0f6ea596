-- What a deleted activity gave is gone at once.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (name, points) VALUES ('Call', 10);
INSERT INTO leadscore.rule (name, points, max_counted) VALUES ('Newest', 100, 1);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, since) VALUES (1, 'candidate', '2020-01-01'), (2, 'candidate', '2020-01-01');
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES
    (1, 1, 'call', '2026-02-20'), (2, 1, 'call', '2026-02-10'), (3, 2, 'call', '2026-02-20'), (4, 1, 'call', '2026-02-15');
-- 3 x 10 + 100 and 10 + 100.
SELECT person_id, score, last_activity_at FROM leadscore.person ORDER BY 1;
-- Without the newest, the next newest takes its place, and the latest activity is that of the 15th: 2 x 10 + 100.
DELETE FROM leadscore.activity WHERE activity_id = 1;
SELECT person_id, score, last_activity_at FROM leadscore.person ORDER BY 1;
SELECT person_id, activity_id, points FROM leadscore.score_record ORDER BY 1, 2, 3;
-- None deleted, none changed.
DELETE FROM leadscore.activity WHERE activity_id = 1;
SELECT person_id, score, last_activity_at FROM leadscore.person ORDER BY 1;
BEGIN;
DELETE FROM leadscore.activity;
SELECT person_id, score, last_activity_at FROM leadscore.person ORDER BY 1;
ROLLBACK;
SELECT person_id, score, last_activity_at FROM leadscore.person ORDER BY 1;
-- Inserted and deleted in one transaction.
BEGIN;
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) SELECT 100 + g, 1 + g % 2, 'call', '2026-02-25' FROM generate_series(1, 100) g;
SELECT person_id, score, last_activity_at FROM leadscore.person ORDER BY 1;   -- 50 x 10 more
DELETE FROM leadscore.activity WHERE activity_id > 100;
COMMIT;
SELECT person_id, score, last_activity_at FROM leadscore.person ORDER BY 1;
-- The last one of a person: no points, no latest activity.
DELETE FROM leadscore.activity WHERE person_id = 2;
SELECT person_id, score, last_activity_at FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();
