-- What is asked of everybody has one answer, however little memory there is for maintenance: with the least of it, persons are read in
-- parts, and their activities wait in temporary files.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('visit'), ('placement');
INSERT INTO leadscore.rule (name, activity_types, points, relevant_for, max_counted) VALUES ('Call', '{call}', 10, '60 days', 2), ('Visit', '{visit}', 3, '200 days', NULL);
INSERT INTO leadscore.rule (name, kind, activity_types, points, at_least, within) VALUES ('Often', 'frequency', '{visit}', 5, 2, '7 days');
INSERT INTO leadscore.rule (name, kind, points, person_filter) VALUES ('West', 'profile', 4, '$.region == "west"');
INSERT INTO leadscore.rule (name, kind, points, inactive_for) VALUES ('Silence', 'inactivity', -5, '30 days');
INSERT INTO leadscore.rule (tenant, name, activity_types, points) VALUES ('acme', 'Call', '{call}', 1);
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 10), ('hot', 20);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
RESET ROLE;
INSERT INTO leadscore.person (person_id, kind, tenant, since, attributes)
SELECT g, (ARRAY['candidate', 'contact'])[1 + g % 2], CASE WHEN g % 5 = 0 THEN 'acme' END, '2025-11-01',
       CASE g % 3 WHEN 0 THEN NULL WHEN 1 THEN '{"region": "west"}'::jsonb ELSE '{"region": "east"}' END
FROM generate_series(1, 12001) g;
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at)
SELECT g, 1 + g * 7919::bigint % 12001, (ARRAY['call', 'visit', 'visit', 'visit', 'placement'])[1 + g % 5], timestamptz '2025-11-10 08:00' + g * interval '48 seconds'
FROM generate_series(1, 160000) g;
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00', full_rebuild => true);
-- Differences of some, and activities of nobody.
UPDATE leadscore.person SET score = score + 1 WHERE person_id % 3000 = 1;
DELETE FROM leadscore.score_record WHERE activity_id % 40000 = 2;
ALTER TABLE leadscore.activity DISABLE TRIGGER ALL;
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (900001, -7, 'call', '2026-02-01'), (900002, 99999, 'call', '2026-02-01');
ALTER TABLE leadscore.activity ENABLE TRIGGER ALL;
-- How many rows each answer has, in which memory.
CREATE FUNCTION regress_answers(memory text) RETURNS TABLE (question text, rows bigint, digest text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('maintenance_work_mem', memory, true);
    RETURN QUERY SELECT 'verify', count(*), md5(string_agg(v::text, E'\n' ORDER BY v::text)) FROM leadscore.verify() v;
    RETURN QUERY SELECT 'preview_persons', count(*), md5(string_agg(p::text, E'\n' ORDER BY p.person_id))
                 FROM leadscore.preview_persons('{"rules": [{"name": "Visit", "activity_types": ["visit"], "points": 2}]}', as_of => '2026-03-01 12:00') p;
    RETURN QUERY SELECT 'evaluate', count(*), md5(string_agg(e::text, E'\n')) FROM leadscore.evaluate('placement', '30 days', '2025-12-01', '2026-01-15', '2 weeks') e;
    RETURN QUERY SELECT 'evaluate_rules', count(*), md5(string_agg(e::text, E'\n')) FROM leadscore.evaluate_rules('placement', '30 days', '2025-12-01', '2026-01-15', '2 weeks') e;
    RETURN QUERY SELECT 'suggest_points', count(*), md5(string_agg(s::text, E'\n')) FROM leadscore.suggest_points('placement', '30 days', '2025-12-01', '2026-01-15', '2 weeks') s;
END $$;
CREATE TEMP TABLE answer AS SELECT 'much' AS memory, a.* FROM regress_answers('256MB') a;
INSERT INTO answer SELECT 'little', a.* FROM regress_answers('1MB') a;
SELECT question, m.rows, m.rows = l.rows AND m.digest = l.digest AS is_one
FROM answer m JOIN answer l USING (question) WHERE m.memory = 'much' AND l.memory = 'little' ORDER BY question;
SELECT person_id, item, stored, derived FROM leadscore.verify() WHERE item <> 'score record' ORDER BY person_id, item LIMIT 8;
-- A limit on temporary files stops the question alone.
BEGIN;
SET LOCAL maintenance_work_mem = '1MB';
SET LOCAL temp_file_limit = '64kB';
\set VERBOSITY sqlstate
SELECT count(*) FROM leadscore.verify();
\set VERBOSITY default
ROLLBACK;
SELECT count(*) > 0 AS answers FROM leadscore.verify();
-- A full rebuild mends in parts as it finds.
SET maintenance_work_mem = '1MB';
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00', full_rebuild => true);
SELECT person_id, item FROM leadscore.verify() ORDER BY person_id;
