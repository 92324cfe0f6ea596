-- What the configuration can have since 0.3.0. The row main has limits of its own, where a restore finds one without.
SET client_min_messages = warning;
SET timezone = 'UTC';
UPDATE leadscore.scorecard SET min_score = -500, max_score = 5000, description = 'How warm somebody is' WHERE scorecard = 'main';
-- A part comes before the whole, by name and by age.
INSERT INTO leadscore.scorecard (scorecard, part_of, max_score) VALUES ('a part', 'web', NULL), ('web', 'main', 40), ('match', NULL, 100);
INSERT INTO leadscore.rule (name, kind, scorecard, person_filter, points, decay, half_life) VALUES ('Western', 'profile', 'match', '$.region == "west" && exists($.cv)', 20, 'halving', '1 month');
INSERT INTO leadscore.rule (name, kind, scorecard, activity_types, filter, points, at_least, within) VALUES ('Often', 'frequency', 'a part', '{web_page}', '$.minutes >= 30', 10, 3, '7 days');
INSERT INTO leadscore.rule (tenant, name, kind, points, inactive_for, excused_by_planned) VALUES ('acme', 'Silence', 'inactivity', -3, '14 days', true);
INSERT INTO leadscore.category (tenant, scorecard, person_kind, name, min_score) VALUES (NULL, 'match', NULL, 'poor', NULL), ('acme', 'main', 'lead', 'cold', NULL), ('acme', 'main', 'lead', 'hot', 1000), ('acme', 'match', NULL, 'poor', NULL);
UPDATE leadscore.settings SET person_url = 'https://app/{kind}/{external_id}', outcome_type = 'call', outcome_horizon = '3 months';
INSERT INTO leadscore.person (tenant, kind, external_id, name, attributes, since) VALUES ('acme', 'lead', 'x-1', 'Emma Visser', '{"region": "west", "cv": true}', '2026-01-01');
SELECT FROM leadscore_recompute('2026-02-20 12:00');
-- Nobody has the former name, so that verify() finds nothing before the next run either.
UPDATE leadscore.category SET name = 'very hot' WHERE tenant = 'acme' AND name = 'hot';
ANALYZE;
