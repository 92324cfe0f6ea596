-- A preview of one tenant reads that tenant's persons alone, and says the same as one of everybody says of them.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.scorecard (scorecard) VALUES ('fit');
INSERT INTO leadscore.rule (name, activity_types, points, scorecard) VALUES ('Call', '{call}', 5, 'main'), ('Fit', '{call}', 2, 'fit');
INSERT INTO leadscore.category (scorecard, name, min_score) VALUES ('main', 'cold', NULL), ('main', 'warm', 10), ('fit', 'no', NULL), ('fit', 'yes', 4);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, tenant, kind, since, active)
SELECT n, CASE WHEN n <= 20 THEN 'acme' WHEN n <= 500 THEN 'other' END, CASE n % 2 WHEN 0 THEN 'candidate' ELSE 'contact' END, '2026-01-01', n % 7 <> 0 FROM generate_series(1, 1000) n;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT n, 'call', '2026-02-01' FROM generate_series(1, 1000) n, generate_series(0, n % 3);
SELECT leadscore.adjust(2, 100, 'a hint', '2026-02-01') > 0 AS adjusted;
RESET ROLE;
ANALYZE leadscore.person;
\set config '\'{"rules": [{"name": "Call", "points": 1, "activity_types": ["call"]}], "categories": [{"name": "low"}, {"name": "high", "min_score": 3}]}\''
CREATE TEMP VIEW read AS
SELECT coalesce(sum(s.seq_tup_read), 0) AS by_scans FROM pg_stat_xact_user_tables s WHERE s.schemaname = 'leadscore' AND s.relname IN ('person', 'activity', 'adjustment', 'person_score', 'person_consent');
BEGIN;
TABLE read;
SELECT * FROM leadscore.preview(:config, 'acme', as_of => '2026-03-01 12:00');
SELECT count(*), sum(score_before) AS before, sum(score_after) AS after FROM leadscore.preview_persons(:config, 'acme', as_of => '2026-03-01 12:00');
SELECT * FROM leadscore.preview('{"rules": []}', 'acme', 'fit', as_of => '2026-03-01 12:00');
SELECT * FROM leadscore.preview(:config, 'nobody', as_of => '2026-03-01 12:00');
TABLE read;
COMMIT;
-- Most persons are found faster by reading all.
BEGIN;
SELECT * FROM leadscore.preview(:config, 'other', as_of => '2026-03-01 12:00');
SELECT by_scans > 0 AS by_scans FROM read;
COMMIT;
-- Both ways say the same of the same persons.
CREATE TEMP TABLE few AS SELECT * FROM leadscore.preview_persons(:config, 'acme', as_of => '2026-03-01 12:00') UNION ALL SELECT * FROM leadscore.preview_persons('{"rules": []}', 'acme', 'fit', as_of => '2026-03-01 12:00');
DELETE FROM leadscore.person WHERE tenant IS DISTINCT FROM 'acme';
ANALYZE leadscore.person;
CREATE TEMP TABLE whole AS SELECT * FROM leadscore.preview_persons(:config, 'acme', as_of => '2026-03-01 12:00') UNION ALL SELECT * FROM leadscore.preview_persons('{"rules": []}', 'acme', 'fit', as_of => '2026-03-01 12:00');
SELECT count(*) FROM whole;
(TABLE few EXCEPT ALL TABLE whole) UNION ALL (TABLE whole EXCEPT ALL TABLE few);
