-- A rule that has no meaning is refused, and nothing is changed.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (rule_id, name, points) VALUES (100, 'Sound', 1);
CREATE TEMP VIEW as_it_was AS SELECT count(*), min(points) AS points FROM leadscore.rule;
INSERT INTO leadscore.rule (name, points) VALUES ('Sound', 2);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points) VALUES (' ', 2);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points) VALUES (NULL, 2);
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
INSERT INTO leadscore.rule (name, points) VALUES ('Bad', NULL);
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
INSERT INTO leadscore.rule (name, kind, points) VALUES ('Bad', 'silence', 2);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points, relevant_for) VALUES ('Bad', 2, '36 hours');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points, relevant_for) VALUES ('Bad', 2, '60 days 00:00:00.000001');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points, relevant_for) VALUES ('Bad', 2, '0 days');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points, relevant_for) VALUES ('Bad', 2, '-60 days');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points, relevant_for) VALUES ('Bad', 2, '1 month -1 day');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points, relevant_for) VALUES ('Bad', 2, '1001 years');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points, decay) VALUES ('Bad', 2, 'linear');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points, decay) VALUES ('Bad', 2, 'exponential');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points, max_per_day) VALUES ('Bad', 2, 0);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points, max_counted) VALUES ('Bad', 2, -1);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points, activity_types) VALUES ('Bad', 2, '{call,visit}');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points, activity_types) VALUES ('Bad', 2, '{}');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points, person_kinds) VALUES ('Bad', 2, '{candidate,NULL}');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points, statuses) VALUES ('Bad', 2, '{}');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points, condition) VALUES ('Bad', 2, '["in"]');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points, effective_from) VALUES ('Bad', 2, 'infinity');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points, effective_from) VALUES ('Bad', 2, '10000-01-01');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points, inactive_for) VALUES ('Bad', 2, '30 days');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points, repeat_every) VALUES ('Bad', 2, '30 days');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points, max_repeats) VALUES ('Bad', 2, 3);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, kind, points) VALUES ('Bad', 'inactivity', -2);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, kind, points, inactive_for) VALUES ('Bad', 'inactivity', -2, '12 hours');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, kind, points, inactive_for, repeat_every) VALUES ('Bad', 'inactivity', -2, '30 days', '-1 day');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, kind, points, inactive_for, max_repeats) VALUES ('Bad', 'inactivity', -2, '30 days', 3);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, kind, points, inactive_for, repeat_every, max_repeats) VALUES ('Bad', 'inactivity', -2, '30 days', '30 days', 0);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, kind, points, inactive_for, relevant_for, decay) VALUES ('Bad', 'inactivity', -2, '30 days', '30 days', 'linear');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, kind, points, inactive_for, max_per_day) VALUES ('Bad', 'inactivity', -2, '30 days', 1);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, kind, points, inactive_for, max_counted) VALUES ('Bad', 'inactivity', -2, '30 days', 1);
\echo :LAST_ERROR_SQLSTATE
TABLE as_it_was;
-- A statement of which one rule is refused adds none.
INSERT INTO leadscore.rule (name, points, relevant_for) VALUES ('Sound as well', 1, '1 day'), ('Bad', 1, '1 hour');
\echo :LAST_ERROR_SQLSTATE
TABLE as_it_was;
-- Edits are checked like new rules.
UPDATE leadscore.rule SET relevant_for = '0 days', points = 2 WHERE rule_id = 100;
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.rule SET decay = 'linear', points = 2 WHERE rule_id = 100;
\echo :LAST_ERROR_SQLSTATE
TABLE as_it_was;
-- Points are whole numbers of four bytes.
UPDATE leadscore.rule SET points = 2147483648 WHERE rule_id = 100;
\echo :LAST_ERROR_SQLSTATE
TABLE as_it_was;
-- What lies at the edges is accepted.
INSERT INTO leadscore.rule (name, points, relevant_for) VALUES ('A day', -2147483648, '1 day'), ('A thousand years', 2147483647, '1000 years');
INSERT INTO leadscore.rule (name, points, relevant_for, decay) VALUES ('Weeks', 0, '3 weeks', 'linear');
INSERT INTO leadscore.rule (name, points, relevant_for, effective_from) VALUES ('24 hours are no day', 1, justify_hours('24 hours'), '9999-12-31');
-- Frequency and profile rules, and what halves.
INSERT INTO leadscore.rule (name, kind, points) VALUES ('Bad', 'frequency', 2);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, kind, points, at_least) VALUES ('Bad', 'frequency', 2, 3);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, kind, points, at_least, within) VALUES ('Bad', 'frequency', 2, 0, '7 days');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, kind, points, at_least, within) VALUES ('Bad', 'frequency', 2, 3, '7 hours');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, kind, points, at_least, within, relevant_for) VALUES ('Bad', 'frequency', 2, 3, '7 days', '30 days');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, kind, points, at_least, within, max_counted) VALUES ('Bad', 'frequency', 2, 3, '7 days', 1);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points, within) VALUES ('Bad', 2, '7 days');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, kind, points, activity_types) VALUES ('Bad', 'profile', 2, '{call}');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, kind, points, filter) VALUES ('Bad', 'profile', 2, '$.n > 1');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points, decay) VALUES ('Bad', 2, 'halving');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points, half_life) VALUES ('Bad', 2, '30 days');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points, decay, half_life) VALUES ('Bad', 2, 'halving', '-30 days');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points, excused_by_planned) VALUES ('Bad', 2, true);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, kind, points, inactive_for, relevant_for, excused_by_planned) VALUES ('Bad', 'inactivity', -2, '30 days', '30 days', true);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points, scorecard) VALUES ('Bad', 2, 'fit');
\echo :LAST_ERROR_SQLSTATE
-- A tenant has a name of each rule once, too.
INSERT INTO leadscore.rule (rule_id, tenant, name, points) VALUES (101, 'acme', 'Sound', 1);
INSERT INTO leadscore.rule (tenant, name, points) VALUES ('acme', 'Sound', 2);
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
INSERT INTO leadscore.rule (tenant, name, points) VALUES ('', 'Bad', 2);
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
DELETE FROM leadscore.rule WHERE rule_id = 101;
TABLE as_it_was;
