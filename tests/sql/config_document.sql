-- Rules, categories, activity types and settings are one document, and import is all or nothing.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call', 'A telephone conversation'), ('note', NULL);
INSERT INTO leadscore.rule (rule_id, name, activity_types, condition, person_kinds, statuses, points, relevant_for, decay, max_per_day, max_counted, effective_from, enabled)
VALUES (1, 'Call', '{call}', '{"direction": "in", "none": null}', '{candidate}', '{active,placed}', 10, '1 year 2 months 3 days', 'linear', 2, 3, '2026-01-01', false);
INSERT INTO leadscore.rule (rule_id, name, kind, points, relevant_for, inactive_for, repeat_every, max_repeats)
VALUES (2, 'Silence', 'inactivity', -5, '2 weeks', '30 days', '1 month', 3);
INSERT INTO leadscore.category (person_kind, name, min_score, color) VALUES (NULL, 'cold', NULL, '#4a90d9'), (NULL, 'hot', 5000000000, NULL), ('contact', 'known', -3, NULL);
UPDATE leadscore.settings SET time_zone = 'Europe/Amsterdam';
SELECT jsonb_pretty(leadscore.export_config());
SELECT leadscore.export_config() AS before \gset

-- The same document changes nothing: neither ids nor anything else.
CREATE TEMP TABLE rule_before AS SELECT ctid AS at, rule_id, name FROM leadscore.rule;
CREATE TEMP TABLE category_before AS SELECT category_id, person_kind, name FROM leadscore.category;
SELECT leadscore.import_config(:'before');
SELECT leadscore.export_config() = :'before' AS same;
SELECT count(*) FROM rule_before b JOIN leadscore.rule r ON r.ctid = b.at AND r.rule_id = b.rule_id;
SELECT count(*) FROM category_before b JOIN leadscore.category c USING (category_id, name);
-- The session's styles play no part.
SET intervalstyle = 'sql_standard'; SET datestyle = 'German';
SELECT leadscore.export_config() = :'before' AS same;
SELECT leadscore.import_config(:'before');
SELECT leadscore.export_config() = :'before' AS same;
SET intervalstyle = 'postgres'; SET datestyle = 'ISO, YMD';
-- Into nothing, it brings everything back.
DELETE FROM leadscore.rule; DELETE FROM leadscore.category; DELETE FROM leadscore.activity_type;
UPDATE leadscore.settings SET time_zone = 'UTC';
SELECT leadscore.export_config();
SELECT leadscore.import_config(:'before');
SELECT leadscore.export_config() = :'before' AS same;

-- Rules are matched by name: Silence keeps its id and changes, Call goes, Note comes. Sections that are left out stay.
SELECT rule_id AS silence FROM leadscore.rule WHERE name = 'Silence' \gset
SELECT leadscore.import_config('{"rules": [{"name": "Silence", "kind": "inactivity", "points": -7, "inactive_for": "10 days"}, {"name": "Note", "activity_types": ["note"], "points": 1}]}');
SELECT name, rule_id = :silence AS the_same_one, kind, points, relevant_for, inactive_for, repeat_every, max_repeats FROM leadscore.rule ORDER BY name;
SELECT count(*) FROM leadscore.category;
-- Bounds may move past each other; an empty section empties it, except activity types, which only come.
SELECT leadscore.import_config('{"categories": [{"name": "cold", "min_score": 7}, {"name": "hot"}]}');
SELECT name, min_score FROM leadscore.category ORDER BY min_score NULLS FIRST;
SELECT leadscore.import_config('{"categories": [], "rules": [], "activity_types": []}');
SELECT leadscore.export_config();
SELECT leadscore.import_config(:'before');
-- An import takes effect like any edit, at the next run: that derives everything anew. The same document again does not.
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
SELECT leadscore.import_config('{"rules": [{"name": "Note", "activity_types": ["note"], "points": 1}]}');
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
SELECT full_rebuild FROM leadscore.run ORDER BY run_id;
SELECT leadscore.import_config(:'before');
-- A condition keeps every digit that its numbers have.
INSERT INTO leadscore.rule (name, points, condition) VALUES ('Salary', 1, '{"amount": 12345678901234567890123.4500, "rate": 0.1234567890123456789012345}');
SELECT leadscore.export_config() AS exact \gset
SELECT leadscore.import_config('{"rules": []}'), leadscore.import_config(:'exact');
SELECT condition FROM leadscore.rule WHERE name = 'Salary';
SELECT leadscore.export_config()::text = :'exact' AS same;
SELECT passed FROM leadscore.test_config('{"rules": [{"name": "Salary", "points": 1, "condition": {"amount": 12345678901234567890123.4500}}],
    "tests": [{"name": "exactly so much", "person": {"kind": "candidate", "since": "2026-01-01"}, "expect": [{"on": "2026-01-02", "score": 1}],
               "activities": [{"activity_type": "call", "on": "2026-01-01", "attributes": {"amount": 12345678901234567890123.4500}},
                              {"activity_type": "call", "on": "2026-01-01", "attributes": {"amount": 12345678901234567890123.4501}}]}]}');
SELECT leadscore.import_config(:'before');

-- What is wrong is refused with the path to it, and all of it: the first rule of each document is sound.
SELECT leadscore.import_config('{"rule": []}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"rules": null}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"settings": null}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"settings": {"time_zone": 1}}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"settings": {"time_zone": "Europe/Nowhere"}}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"rules": [{"name": "A", "points": 1}, {"name": "B", "points": "ten"}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"rules": [{"name": "A", "points": 1}, {"name": "B"}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"rules": [{"name": "A", "points": 1}, {"name": "B", "points": 1.5}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"rules": [{"name": "A", "points": 1}, {"name": "B", "points": 3000000000}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"rules": [{"name": "A", "points": 1}, {"name": "B", "points": 1, "pionts": 2}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"rules": [{"name": "A", "points": 1}, {"name": "B", "points": 1, "kind": "silence"}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"rules": [{"name": "A", "points": 1}, {"name": "B", "points": 1, "condition": 7}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"rules": [{"name": "A", "points": 1}, {"name": "B", "points": 1, "statuses": ["open", null]}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"rules": [{"name": "A", "points": 1}, {"name": "A", "points": 2}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"rules": [{"name": "A", "points": 1}, {"name": "B", "points": -1, "kind": "inactivity", "inactive_for": "30 days", "max_repeats": 3}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"rules": [{"name": "A", "points": 1}, {"name": "B", "points": 1, "decay": "linear"}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"rules": [{"name": "A", "points": 1}, {"name": "B", "points": 1, "activity_types": ["visit"]}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"rules": [{"name": "A", "points": 1}], "categories": [{"name": "a"}, {"name": "b"}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"categories": [{"name": "a"}, {"name": "a", "min_score": 5}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.export_config() = :'before' AS same;
-- All that a rule can say is in it, with filters as people write them.
INSERT INTO leadscore.scorecard (scorecard, part_of, min_score, max_score, description) VALUES ('fit', NULL, 0, 100, 'What somebody is'), ('web', 'main', NULL, 40, NULL);
INSERT INTO leadscore.rule (name, kind, scorecard, activity_types, filter, person_filter, points, at_least, within)
VALUES ('Often', 'frequency', 'web', '{call}', '$.minutes >= 30 && $.channel == "video"', '$.region == "west"', 10, 3, '7 days');
INSERT INTO leadscore.rule (name, kind, scorecard, person_filter, points, decay, half_life) VALUES ('Senior', 'profile', 'fit', '($.years >= 5 || $.level == "senior") && exists($.cv)', 20, 'halving', '1 month');
INSERT INTO leadscore.rule (name, kind, points, inactive_for, excused_by_planned) VALUES ('Quiet', 'inactivity', -5, '1 month', true);
INSERT INTO leadscore.category (scorecard, name, min_score) VALUES ('fit', 'poor', NULL), ('fit', 'good', 15);
UPDATE leadscore.settings SET scoring = 'deferred', person_url = 'https://app/{external_id}', outcome_type = 'call', outcome_horizon = '3 months', keep_category_changes = '1 year';
SELECT jsonb_pretty(r) FROM jsonb_array_elements(leadscore.export_config() -> 'rules') r WHERE r ->> 'name' IN ('Often', 'Senior', 'Quiet');
SELECT jsonb_pretty(e -> 'settings') AS settings, jsonb_pretty(e -> 'scorecards') AS scorecards FROM leadscore.export_config() e;
SELECT leadscore.export_config() AS all_of_it \gset
SELECT leadscore.import_config(:'all_of_it');
SELECT leadscore.export_config() = :'all_of_it' AS same;
UPDATE leadscore.settings SET time_zone = 'UTC', scoring = 'at_once', person_url = NULL, outcome_type = NULL, outcome_horizon = NULL, keep_category_changes = NULL;
DELETE FROM leadscore.rule; DELETE FROM leadscore.category; DELETE FROM leadscore.scorecard WHERE scorecard <> 'main';
SELECT leadscore.import_config(:'all_of_it');
SELECT leadscore.export_config() = :'all_of_it' AS same;
-- A section of scorecards is all of them; main stays, without limits unless they are named. What goes is named by nothing any more.
UPDATE leadscore.scorecard SET max_score = 500 WHERE scorecard = 'main';
SELECT leadscore.import_config('{"scorecards": []}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"scorecards": [{"scorecard": "all", "min_score": 0}, {"scorecard": "web", "part_of": "all"}], "categories": [], "rules": [{"name": "Often", "points": 1, "scorecard": "web"}]}');
SELECT scorecard, part_of, min_score, max_score FROM leadscore.scorecard ORDER BY 1;
SELECT name, scorecard FROM leadscore.rule;
-- What is wrong in them, by its path or its name.
SELECT leadscore.import_config('{"scorecards": [{"scorecard": "a"}], "rules": [{"name": "A", "points": 1, "scorecard": "b"}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"scorecards": [{"scorecard": "a", "part_of": "b"}, {"scorecard": "b", "part_of": "a"}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"scorecards": [{"scorecard": "a"}, {"scorecard": "a"}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"scorecards": [{"name": "a"}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"rules": [{"name": "A", "points": 1, "scorecard": "b"}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"categories": [{"name": "A", "scorecard": "b"}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"settings": {"time_zone": "UTC", "scoring": "later"}}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"settings": {"time_zone": "UTC", "outcome_horizon": "soon"}}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"rules": [{"name": "A", "points": 1, "kind": "frequency", "at_least": 3, "within": "a week"}]}');
\echo :LAST_ERROR_SQLSTATE
-- One that PostgreSQL reads and the engine does not, and the other way round.
SELECT leadscore.import_config('{"rules": [{"name": "A", "points": 1, "relevant_for": "1.5 days"}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"rules": [{"name": "A", "points": 1, "relevant_for": "1 day 1 day"}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"rules": [{"name": "A", "points": 1, "effective_from": 9556}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"rules": [{"name": "A", "points": 1, "rule_id": 7}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"rules": [{"name": "A", "points": 1, "tenant": "acme"}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT scorecard FROM leadscore.scorecard ORDER BY 1;
