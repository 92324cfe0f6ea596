-- leadscore.status has a row for each tenant that has persons, and one for persons of no tenant.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set status 'SELECT tenant, scored_on, persons, categories, rules, category_changes_7, pending FROM leadscore.status;'
-- Where there are no persons there is a row, too.
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
:status
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (tenant, name, activity_types, points, enabled) VALUES (NULL, 'Call', '{call}', 10, true), (NULL, 'Mail', '{call}', 1, true), (NULL, 'Off', '{call}', 1, false),
    ('acme', 'Call', '{call}', 20, true), ('acme', 'Own', '{call}', 1, true), ('other', 'Mail', '{call}', 1, false), ('other', 'Off', '{call}', 1, true), ('nobody', 'Call', '{call}', 1, true);
INSERT INTO leadscore.category (tenant, name, min_score) VALUES (NULL, 'cold', NULL), (NULL, 'warm', 10), ('acme', 'low', NULL), ('acme', 'high', 20);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, tenant, kind, since, active)
SELECT n, CASE WHEN n <= 3 THEN 'acme' WHEN n <= 5 THEN 'other' WHEN n = 6 THEN 'idle' END, 'candidate', '2026-02-28', n <> 6 FROM generate_series(1, 8) n;
:status
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', '2026-03-01'), (4, 'call', '2026-03-01'), (7, 'call', '2026-03-01'), (8, 'call', '2026-03-01');
:status
RESET ROLE;
UPDATE leadscore.settings SET scoring = 'deferred';
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', '2026-03-01'), (1, 'call', '2026-03-01'), (2, 'call', '2026-03-01'), (7, 'call', '2026-03-01');
:status
-- A role that sees one tenant has one row, without figures of whole tables.
ANALYZE leadscore.activity, leadscore.score_record;
SELECT tenant, activities_about, score_records_about FROM leadscore.status WHERE tenant = 'acme';
CREATE ROLE regress_acme;
GRANT USAGE ON SCHEMA leadscore TO regress_acme;
GRANT SELECT ON ALL TABLES IN SCHEMA leadscore TO regress_acme;
ALTER TABLE leadscore.person ENABLE ROW LEVEL SECURITY;
CREATE POLICY acme ON leadscore.person TO regress_acme USING (tenant = 'acme');
SET ROLE regress_acme;
:status
SELECT tenant, activities_about, score_records_about FROM leadscore.status;
RESET ROLE;
DROP OWNED BY regress_acme;
DROP ROLE regress_acme;
