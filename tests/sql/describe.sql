-- Rules in words.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('afspraak'), ('gesprek'), ('e-mail');
INSERT INTO leadscore.rule (rule_id, name, activity_types, points, relevant_for, decay, max_per_day, max_counted, person_kinds, statuses, condition, effective_from, enabled) VALUES
    (1, 'a', '{afspraak}', 10, '60 days', 'none', NULL, NULL, '{kandidaat}', '{actief}', NULL, NULL, true),
    (2, 'b', NULL, 1, NULL, 'none', NULL, NULL, NULL, NULL, NULL, NULL, true),
    (3, 'c', '{afspraak,gesprek,e-mail}', -2, '1 year 2 months 1 day', 'linear', 1, 3, NULL, '{actief,nieuw}', '{"richting": "in", "n": 1, "door": null}', '2026-01-01', false);
INSERT INTO leadscore.rule (rule_id, name, kind, activity_types, points, inactive_for, repeat_every, max_repeats, relevant_for) VALUES
    (4, 'd', 'inactivity', '{afspraak,gesprek}', -5, '3 months', '1 month', 4, NULL),
    (5, 'e', 'inactivity', NULL, -1, '2 weeks', NULL, NULL, '1 month');
-- Frequency, profile, halving, filters, planned activity, scorecards, tenants.
INSERT INTO leadscore.activity_type VALUES ('visits');
INSERT INTO leadscore.scorecard (scorecard) VALUES ('fit');
INSERT INTO leadscore.rule (rule_id, name, kind, activity_types, filter, points, at_least, within, person_kinds) VALUES
    (6, 'f', 'frequency', '{visits}', NULL, 10, 3, '7 days', NULL),
    (7, 'g', 'frequency', NULL, '$.minutes >= 30', 1, 2, '1 month', '{kandidaat}');
INSERT INTO leadscore.rule (rule_id, name, kind, points, person_kinds, statuses, person_filter, relevant_for, decay, half_life, scorecard, effective_from) VALUES
    (8, 'h', 'profile', 10, '{kandidaat}', '{actief}', '$.region == "west" && $.hourly_rate < 80', NULL, 'none', NULL, 'fit', NULL),
    (9, 'i', 'profile', 5, NULL, NULL, NULL, '60 days', 'linear', NULL, 'main', '2026-01-01'),
    (10, 'j', 'profile', 5, NULL, NULL, '$.years >= 5', '1 year', 'halving', '3 months', 'fit', NULL);
INSERT INTO leadscore.rule (rule_id, name, kind, activity_types, points, inactive_for, excused_by_planned) VALUES (11, 'k', 'inactivity', '{afspraak}', -5, '1 month', true);
INSERT INTO leadscore.rule (rule_id, tenant, name, activity_types, condition, filter, points, relevant_for, decay, half_life) VALUES
    (12, 'acme', 'l', '{gesprek}', '{"richting": "in"}', '$.minuten >= 30 && $.kanaal == "video"', 8, '60 days', 'halving', '2 weeks'),
    (13, 'acme', 'm', NULL, NULL, NULL, 8, NULL, 'halving', '1 day');
\x
SELECT * FROM leadscore.rule_in_words ORDER BY 1;
\x
SELECT leadscore.describe(1), leadscore.describe(1, 'nl');
SELECT leadscore.describe(99);
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.describe(1, 'fr');
\echo :LAST_ERROR_SQLSTATE
