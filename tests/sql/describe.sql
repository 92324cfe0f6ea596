-- Rules in words.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('afspraak'), ('gesprek'), ('e-mail');
INSERT INTO leadscore.rule (rule_id, name, activity_types, points, relevant_for, decay, max_per_day, max_counted, person_kinds, statuses, condition, effective_from, enabled) VALUES
    (1, 'a', '{afspraak}', 10, '60 days', 'none', NULL, NULL, '{kandidaat}', '{actief}', NULL, NULL, true),
    (2, 'b', NULL, 1, NULL, 'none', NULL, NULL, NULL, NULL, NULL, NULL, true),
    (3, 'c', '{afspraak,gesprek,e-mail}', -2, '1 year 2 months 1 day', 'linear', 1, 3, NULL, '{actief,nieuw}', '{"richting": "in", "n": 1}', '2026-01-01', false);
INSERT INTO leadscore.rule (rule_id, name, kind, activity_types, points, inactive_for, repeat_every, max_repeats, relevant_for) VALUES
    (4, 'd', 'inactivity', '{afspraak,gesprek}', -5, '3 months', '1 month', 4, NULL),
    (5, 'e', 'inactivity', NULL, -1, '2 weeks', NULL, NULL, '1 month');
\x
SELECT * FROM leadscore.rule_in_words ORDER BY 1;
\x
SELECT leadscore.describe(1), leadscore.describe(1, 'nl');
SELECT leadscore.describe(9);
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.describe(1, 'fr');
\echo :LAST_ERROR_SQLSTATE
