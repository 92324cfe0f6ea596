-- Questions honour the asker's row-level security: on persons all of them, on activities, adjustments and score records
-- what tells of single rows. What is derived (a score, its course, who differs) is derived from all rows.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('secret');
INSERT INTO leadscore.rule (rule_id, name, activity_types, points) VALUES (1, 'Call', '{call}', 10), (2, 'Secret', '{secret}', 100);
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 5);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, tenant, since)
SELECT n, 'candidate', CASE WHEN n <= 2 THEN 'acme' ELSE 'other' END, '2026-02-28' FROM generate_series(1, 4) n;
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at)
SELECT n, n, 'call', '2026-03-01' FROM generate_series(1, 4) n UNION ALL VALUES (5, 1, 'secret', timestamptz '2026-02-28');
SELECT leadscore.adjust(1, 7, 'a hint', '2026-03-01') IS NOT NULL AS adjusted;
RESET ROLE;
UPDATE leadscore.person SET score = score + 1 WHERE person_id IN (2, 3);
CREATE ROLE regress_asker LOGIN;
GRANT USAGE ON SCHEMA leadscore TO regress_asker;
GRANT SELECT ON ALL TABLES IN SCHEMA leadscore TO regress_asker;
ALTER TABLE leadscore.person ENABLE ROW LEVEL SECURITY;
CREATE POLICY acme ON leadscore.person TO regress_asker USING (tenant = 'acme');
SELECT count(*) FROM leadscore.verify();
SET SESSION AUTHORIZATION regress_asker;
SELECT person_id, item, stored, derived FROM leadscore.verify();
SELECT * FROM leadscore.preview('{"rules": [{"name": "Call", "points": 3, "activity_types": ["call"]}]}', as_of => '2026-03-01 12:00');
SELECT * FROM leadscore.preview_persons('{"rules": []}', as_of => '2026-03-01 12:00') ORDER BY 1;
-- Whether there is such a person is not told either.
SELECT leadscore.score_at(3, '2026-03-01');
SELECT leadscore.score_at(5, '2026-03-01');
SELECT * FROM leadscore.explain(3);
SELECT * FROM leadscore.history(3, '2026-03-01', '2026-03-02');
SELECT * FROM leadscore.forecast(3, '2026-03-02');
SELECT rule, activity_id, points, counts, why FROM leadscore.explain(1);
-- Single rows.
RESET SESSION AUTHORIZATION;
ALTER TABLE leadscore.activity ENABLE ROW LEVEL SECURITY;
CREATE POLICY open ON leadscore.activity TO regress_asker USING (activity_type <> 'secret');
SET SESSION AUTHORIZATION regress_asker;
SELECT rule, activity_id, points, counts FROM leadscore.explain(1);
SELECT person_id, score, why FROM leadscore.worklist WHERE person_id = 1;
RESET SESSION AUTHORIZATION;
ALTER TABLE leadscore.adjustment ENABLE ROW LEVEL SECURITY;
CREATE POLICY none ON leadscore.adjustment TO regress_asker USING (false);
SET SESSION AUTHORIZATION regress_asker;
SELECT rule, activity_id, points, counts FROM leadscore.explain(1);
RESET SESSION AUTHORIZATION;
ALTER TABLE leadscore.activity DISABLE ROW LEVEL SECURITY;
ALTER TABLE leadscore.score_record ENABLE ROW LEVEL SECURITY;
CREATE POLICY calls ON leadscore.score_record TO regress_asker USING (rule_id = 1);
SET SESSION AUTHORIZATION regress_asker;
SELECT rule, activity_id, points, counts FROM leadscore.explain(1);
SELECT person_id, score, why FROM leadscore.worklist WHERE person_id = 1;
RESET SESSION AUTHORIZATION;
ALTER TABLE leadscore.score_record DISABLE ROW LEVEL SECURITY;
ALTER TABLE leadscore.adjustment DISABLE ROW LEVEL SECURITY;
ALTER TABLE leadscore.person DISABLE ROW LEVEL SECURITY;
DROP OWNED BY regress_asker;
DROP ROLE regress_asker;
