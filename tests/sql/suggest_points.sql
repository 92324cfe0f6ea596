-- suggest_points() learns whole points on earlier reference days, judges them on later ones and imports nothing.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('visit'), ('noise'), ('placement');
INSERT INTO leadscore.rule (name, activity_types, points, relevant_for) VALUES
    ('Call', '{call}', 5, '20 days'), ('Visit', '{visit}', 5, '20 days'), ('Noise', '{noise}', 50, '20 days'), ('Backwards', '{noise}', -1, '90 days');
INSERT INTO leadscore.rule (name, activity_types, points, enabled) VALUES ('Off', '{call}', 7, false);
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 10);
INSERT INTO leadscore.person (person_id, kind, since) SELECT g, 'candidate', '2025-01-01' FROM generate_series(1, 2000) g;
-- Each person is busy in one month of the year. Of those with a call a tenth is placed, of those with two visits half, of the others one in 50;
-- what is noise comes whenever it likes.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at)
SELECT g, a.type, timestamptz '2025-01-25 12:00' + CASE a.type WHEN 'noise' THEN g % 10 ELSE (g - 1) / 200 END * interval '1 month' + a.later * interval '1 day'
FROM generate_series(1, 2000) g
CROSS JOIN LATERAL (VALUES ('call', 0, g % 4 = 1), ('visit', 1, g % 4 = 2), ('visit', 2, g % 4 = 2), ('noise', 3, true),
                           ('placement', 12, g / 4 % CASE g % 4 WHEN 1 THEN 10 WHEN 2 THEN 2 ELSE 50 END = 0)) a(type, later, is_there)
WHERE a.is_there;
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
SET client_min_messages = notice;
SELECT * FROM leadscore.suggest_points('placement', '20 days', '2025-02-01', '2025-11-01') \gset suggested_
SELECT r ->> 'name' AS rule, r -> 'points' AS points FROM jsonb_array_elements(:'suggested_config'::jsonb -> 'rules') r ORDER BY 1;
-- The document has rules, which keep all but their points, and nothing else.
SELECT array_agg(k) FROM jsonb_object_keys(:'suggested_config') k;
SELECT count(*) FROM jsonb_array_elements(:'suggested_config'::jsonb -> 'rules') n JOIN jsonb_array_elements(leadscore.export_config() -> 'rules') o
    ON n - 'points' = o - 'points';
SELECT :'suggested_learned_until' AS learned_until, :'suggested_judged_from' AS judged_from, :suggested_persons AS persons, :suggested_outcomes AS outcomes,
    :suggested_judged_persons AS judged_persons, :suggested_judged_outcomes AS judged_outcomes,
    :suggested_auc_after > :suggested_auc_before AS better, :suggested_gain_low > 0 AS surely;
-- It is what evaluate() says of the judged days, before and after.
SELECT auc = :suggested_auc_before AS before FROM leadscore.evaluate('placement', '20 days', :'suggested_judged_from', '2025-11-01') WHERE category IS NULL;
SELECT auc = :suggested_auc_after AS after, persons = :suggested_judged_persons AS persons, outcomes = :suggested_judged_outcomes AS outcomes
FROM leadscore.evaluate('placement', '20 days', :'suggested_judged_from', '2025-11-01', config => :'suggested_config') WHERE category IS NULL;
-- What it was learned from are the days until then.
SELECT persons = :suggested_persons AS persons, outcomes = :suggested_outcomes AS outcomes
FROM leadscore.evaluate('placement', '20 days', '2025-02-01', :'suggested_learned_until') WHERE category IS NULL;
-- Nothing has been imported; preview() and import_config() take it as it is.
SELECT name, points FROM leadscore.rule ORDER BY rule_id;
SELECT sum(persons) FROM leadscore.preview(:'suggested_config');
BEGIN;
RESET ROLE;
SELECT leadscore.import_config(:'suggested_config');
SELECT count(*) FROM leadscore.category;
ROLLBACK;
-- The same again is the same; smaller points; signs that may change.
SELECT config = :'suggested_config' AS same FROM leadscore.suggest_points('placement', '20 days', '2025-02-01', '2025-11-01');
SELECT bool_and(abs((r ->> 'points')::int) <= 2) FILTER (WHERE r ->> 'name' <> 'Off') AS small
FROM leadscore.suggest_points('placement', '20 days', '2025-02-01', '2025-11-01', max_points => 2) s, jsonb_array_elements(s.config -> 'rules') r;
BEGIN;
UPDATE leadscore.rule SET points = -1 WHERE name = 'Visit';
SELECT r ->> 'name' AS rule, r -> 'points' AS points
FROM leadscore.suggest_points('placement', '20 days', '2025-02-01', '2025-11-01') s, jsonb_array_elements(s.config -> 'rules') r WHERE r ->> 'name' = 'Visit';
SELECT r ->> 'name' AS rule, (r -> 'points')::int > 0 AS gives
FROM leadscore.suggest_points('placement', '20 days', '2025-02-01', '2025-11-01', keep_signs => false) s, jsonb_array_elements(s.config -> 'rules') r WHERE r ->> 'name' = 'Visit';
ROLLBACK;
-- From a document, whose other sections stay but for its tests, which expect the points of before.
SELECT (SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(s.config) k) AS sections, s.config #>> '{rules,0,name}' AS rule, (s.config #>> '{rules,0,points}')::int > 0 AS gives
FROM leadscore.suggest_points('placement', '20 days', '2025-02-01', '2025-11-01', config =>
    '{"rules": [{"name": "New", "activity_types": ["visit"], "points": 0, "relevant_for": "1 month"}], "categories": [{"name": "all"}],
      "tests": [{"name": "t", "person": {"kind": "candidate", "since": "2025-01-01"}, "activities": [], "expect": [{"on": "2025-02-01", "score": 0}]}]}') s;
-- For a tenant, everybody's rules become its own.
UPDATE leadscore.person SET tenant = 'acme';
INSERT INTO leadscore.rule (tenant, name, activity_types, points) VALUES ('acme', 'Noise', '{noise}', 1);
SELECT r ->> 'name' AS rule FROM leadscore.suggest_points('placement', '20 days', '2025-02-01', '2025-11-01', tenant => 'acme') s, jsonb_array_elements(s.config -> 'rules') r ORDER BY 1;
SELECT config AS acme FROM leadscore.suggest_points('placement', '20 days', '2025-02-01', '2025-11-01', tenant => 'acme') \gset
SELECT sum(persons) FROM leadscore.preview(:'acme', 'acme');
-- Too few, and no days to learn from.
SELECT * FROM leadscore.suggest_points('placement', '20 days', '2025-02-01', '2025-11-01', person_kind => 'contact');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.person (person_id, kind, since) SELECT 10000 + g, 'contact', '2025-01-01' FROM generate_series(1, 39) g;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT 10000 + g, 'placement', '2025-02-15 12:00' FROM generate_series(1, 39) g;
SELECT * FROM leadscore.suggest_points('placement', '20 days', '2025-02-01', '2025-11-01', person_kind => 'contact');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.person (person_id, kind, since) VALUES (10040, 'contact', '2025-01-01');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (10040, 'placement', '2025-02-15 12:00');
SELECT outcomes, auc_before, auc_after, gain_low FROM leadscore.suggest_points('placement', '20 days', '2025-02-01', '2025-11-01', person_kind => 'contact');
SELECT * FROM leadscore.suggest_points('placement', '20 days', '2025-02-01', '2025-02-01');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.suggest_points('placement', '20 days', '2025-02-01', '2025-11-01', max_points => 0);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.suggest_points('placement', '20 days', '2025-02-01', '2025-11-01', keep_signs => NULL);
SELECT * FROM leadscore.suggest_points('placement', '20 days', '2025-02-01', '2025-11-01', config => '{"rules": []}');
\echo :LAST_ERROR_SQLSTATE
