-- evaluate_rules() says what each rule adds to what the score foretells, and what it would with other windows.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('copy'), ('coffee'), ('complaint'), ('rare'), ('placement');
INSERT INTO leadscore.rule (name, activity_types, points, relevant_for) VALUES
    ('Call', '{call}', 10, '30 days'), ('Copy', '{copy}', 1, '30 days'), ('Coffee', '{coffee}', 1, '30 days'), ('Complaint', '{complaint}', 5, '30 days'), ('Rare', '{rare}', 3, '30 days');
INSERT INTO leadscore.rule (name, activity_types, points, enabled) VALUES ('Off', '{call}', 5, false);
INSERT INTO leadscore.person (person_id, kind, since) SELECT g, 'candidate', '2025-12-01' FROM generate_series(1, 400) g;
-- 100 persons with a call 10 days before 1 January, each with a copy of it; 100 with one 20 days before, of whom nobody is placed.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at)
SELECT g, t, timestamptz '2025-12-22 12:00' FROM generate_series(1, 100) g, unnest('{call,copy}'::text[]) t
UNION ALL SELECT g, 'call', '2025-12-12 12:00' FROM generate_series(101, 200) g
-- Coffee says nothing, a complaint the opposite of its points, and what is rare is had by 20.
UNION ALL SELECT g, 'coffee', '2025-12-22 12:00' FROM generate_series(2, 400, 2) g
UNION ALL SELECT g, 'complaint', '2025-12-22 12:00' FROM generate_series(261, 400) g
UNION ALL SELECT g, 'rare', '2025-12-22 12:00' FROM generate_series(201, 220) g
-- Placed are half of the 100 and 20 of those without a call.
UNION ALL SELECT g, 'placement', '2026-01-10 12:00' FROM generate_series(1, 50) g
UNION ALL SELECT g, 'placement', '2026-01-10 12:00' FROM generate_series(221, 240) g;
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
SET client_min_messages = notice;
SELECT rule, rule_window, persons_with, outcomes_with, rate_with, persons_without, outcomes_without, rate_without, lift
FROM leadscore.evaluate_rules('placement', '30 days', '2026-01-01', '2026-01-01');
SELECT rule, auc, auc_without, verdict FROM leadscore.evaluate_rules('placement', '30 days', '2026-01-01', '2026-01-01');
-- The AUC of the whole is evaluate()'s, and that without a rule is that of a configuration without it.
SELECT auc FROM leadscore.evaluate('placement', '30 days', '2026-01-01', '2026-01-01') WHERE category IS NULL;
SELECT jsonb_build_object('rules', (SELECT jsonb_agg(r) FROM jsonb_array_elements(leadscore.export_config() -> 'rules') r WHERE r ->> 'name' <> 'Complaint')) AS without \gset
SELECT auc FROM leadscore.evaluate('placement', '30 days', '2026-01-01', '2026-01-01', config => :'without') WHERE category IS NULL;
-- Within 15 days only the first 100 calls count: a shorter window foretells more. That of 30 days is the rule's own.
SELECT rule, rule_window, persons_with, outcomes_with, auc, auc_without, verdict
FROM leadscore.evaluate_rules('placement', '30 days', '2026-01-01', '2026-01-01', windows => '{15 days,30 days,5 days}') WHERE rule = 'Call';
SELECT jsonb_build_object('rules', (SELECT jsonb_agg(CASE WHEN r ->> 'name' = 'Call' THEN r || '{"relevant_for": "15 days"}' ELSE r END)
                                    FROM jsonb_array_elements(leadscore.export_config() -> 'rules') r)) AS shorter \gset
SELECT auc FROM leadscore.evaluate('placement', '30 days', '2026-01-01', '2026-01-01', config => :'shorter') WHERE category IS NULL;
-- Silence and frequency are tried with other lengths, too; of rules of another scorecard or kind nothing is said.
INSERT INTO leadscore.scorecard (scorecard) VALUES ('fit');
INSERT INTO leadscore.rule (name, kind, points, activity_types, inactive_for) VALUES ('Silence', 'inactivity', -2, '{call}', '25 days');
INSERT INTO leadscore.rule (name, kind, points, activity_types, at_least, within) VALUES ('Often', 'frequency', 2, '{call,copy}', 2, '60 days');
INSERT INTO leadscore.rule (name, scorecard, activity_types, points) VALUES ('Fit', 'fit', '{call}', 3);
INSERT INTO leadscore.rule (name, activity_types, points, person_kinds) VALUES ('Contacts', '{call}', 3, '{contact}');
SELECT rule, rule_window, persons_with FROM leadscore.evaluate_rules('placement', '30 days', '2026-01-01', '2026-01-01', person_kind => 'candidate', windows => '{15 days}')
WHERE rule NOT IN ('Copy', 'Coffee', 'Complaint', 'Rare');
-- A tenant's rule stands in the place of everybody's with every window; switched off, with none.
INSERT INTO leadscore.rule (tenant, name, activity_types, points, relevant_for) VALUES ('acme', 'Call', '{call}', 10, '12 days');
INSERT INTO leadscore.rule (tenant, name, points, enabled) VALUES ('acme', 'Copy', 1, false);
UPDATE leadscore.person SET tenant = 'acme' WHERE person_id <= 200;
SELECT rule, rule_window, persons_with, outcomes_with FROM leadscore.evaluate_rules('placement', '30 days', '2026-01-01', '2026-01-01', windows => '{25 days}', tenant => 'acme')
WHERE rule IN ('Call', 'Copy');
SELECT rule, rule_window, persons_with, outcomes_with FROM leadscore.evaluate_rules('placement', '30 days', '2026-01-01', '2026-01-01', windows => '{25 days}')
WHERE rule IN ('Call', 'Copy');
-- Bad input.
SELECT * FROM leadscore.evaluate_rules('placement', '30 days', '2026-01-01', '2026-01-01', windows => '{7 days,3 hours}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.evaluate_rules('placement', '30 days', '2026-01-01', '2026-01-01', windows => '{NULL}');
SELECT * FROM leadscore.evaluate_rules('placement', '30 days', '2026-01-01', '2026-01-01', windows => array_fill(interval '1 day', '{21}'));
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.evaluate_rules('hired', '30 days', '2026-01-01', '2026-01-01');
\echo :LAST_ERROR_SQLSTATE
