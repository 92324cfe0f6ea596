-- A role that may see two of four persons sees two, wherever persons are listed or counted.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (name, activity_types, points, relevant_for) VALUES ('Call', '{call}', 10, '5 days');
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 5);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, name, tenant, since)
SELECT n, 'candidate', 'Person ' || n, CASE WHEN n <= 2 THEN 'acme' ELSE 'other' END, '2026-02-28' FROM generate_series(1, 4) n;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT n, 'call', '2026-03-01' FROM generate_series(1, 4) n;
RESET SESSION AUTHORIZATION;
CREATE ROLE regress_two_of_four LOGIN;
GRANT USAGE ON SCHEMA leadscore TO regress_two_of_four;
GRANT SELECT ON ALL TABLES IN SCHEMA leadscore TO regress_two_of_four;
ALTER TABLE leadscore.person ENABLE ROW LEVEL SECURITY;
CREATE POLICY acme ON leadscore.person TO regress_two_of_four USING (tenant = 'acme');
SELECT count(*) FROM leadscore.worklist;
SET SESSION AUTHORIZATION regress_two_of_four;
SELECT person_id, name, tenant, score FROM leadscore.worklist ORDER BY person_id;
SELECT person_id, name, tenant, falls_on FROM leadscore.cooling(7);
SELECT tenant, persons, categories, rules, activities_about, category_changes_7 FROM leadscore.status;
SELECT page LIKE '%2 persons%' AS two, page LIKE '%Person 2%' AS own, page LIKE '%Person 3%' AS strangers, page LIKE '%+20<%' AS points
FROM leadscore.report() page;
SELECT leadscore.person_card(3);
RESET SESSION AUTHORIZATION;
DROP POLICY acme ON leadscore.person;
ALTER TABLE leadscore.person DISABLE ROW LEVEL SECURITY;
DROP OWNED BY regress_two_of_four;
DROP ROLE regress_two_of_four;
