-- A run reads what ends, decays or is due, not all that is stored.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('visit');
INSERT INTO leadscore.rule (name, activity_types, points, relevant_for, decay) VALUES ('Call', '{call}', 5, '90 days', 'none'), ('Visit', '{visit}', 20, '20 days', 'linear');
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, since) SELECT n, 'candidate', '2026-02-01' FROM generate_series(1, 500) n;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT n, 'call', '2026-02-20' FROM generate_series(1, 500) n, generate_series(1, 4);
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT n, 'visit', '2026-02-28' FROM generate_series(1, 3) n;
RESET ROLE;
BEGIN;
SELECT persons_changed FROM leadscore_recompute('2026-03-02 12:00');
SELECT s.relname, s.seq_tup_read + coalesce(s.idx_tup_fetch, 0) <= 20 AS few FROM pg_stat_xact_user_tables s
WHERE s.schemaname = 'leadscore' AND s.relname IN ('activity', 'score_record') ORDER BY s.relname;
COMMIT;
-- Nor does one after an edit that concerns few.
UPDATE leadscore.person SET tenant = 'acme' WHERE person_id <= 2;
INSERT INTO leadscore.rule (tenant, name, activity_types, points) VALUES ('acme', 'Call', '{call}', 7);
BEGIN;
SELECT persons_changed FROM leadscore_recompute('2026-03-02 12:00');
SELECT s.relname, s.seq_tup_read + coalesce(s.idx_tup_fetch, 0) <= 100 AS few FROM pg_stat_xact_user_tables s
WHERE s.schemaname = 'leadscore' AND s.relname IN ('activity', 'score_record') ORDER BY s.relname;
COMMIT;
SELECT * FROM leadscore.verify();
