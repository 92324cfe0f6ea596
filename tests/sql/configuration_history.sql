-- Each transaction that changes the configuration leaves one row for each tenant, with the documents before and after.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
-- What the preparation of this test did; it changed the time zone, if the server has another one.
SELECT coalesce(max(configuration_change_id), 0) AS seen FROM leadscore.configuration_change \gset
-- In a fresh database the first rule is of here and now.
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (rule_id, name, activity_types, points, relevant_for) VALUES (101, 'Call', '{call}', 5, '30 days');
SELECT tenant, what FROM leadscore.configuration_history ORDER BY configuration_change_id DESC LIMIT 1;
SELECT max(configuration_change_id) AS seen FROM leadscore.configuration_change \gset
-- One row however many statements there were, with what came of them.
BEGIN;
UPDATE leadscore.rule SET points = 7 WHERE rule_id = 101;
INSERT INTO leadscore.rule (name, kind, points, inactive_for) VALUES ('Silence', 'inactivity', -5, '1 month');
INSERT INTO leadscore.scorecard (scorecard, max_score, description) VALUES ('fit', 100, 'What somebody is');
INSERT INTO leadscore.rule (name, kind, scorecard, points, person_filter) VALUES ('Senior', 'profile', 'fit', 20, '$.years >= 5');
INSERT INTO leadscore.category (name, min_score, scorecard, person_kind) VALUES ('cold', NULL, 'main', NULL), ('good', 50, 'fit', 'candidate');
UPDATE leadscore.settings SET time_zone = 'Europe/Amsterdam', scoring = 'deferred';
UPDATE leadscore.rule SET points = 8 WHERE rule_id = 101;
SELECT count(*) FROM leadscore.configuration_history WHERE configuration_change_id > :seen;
COMMIT;
SELECT tenant, what FROM leadscore.configuration_history WHERE configuration_change_id > :seen;
SELECT changed_by = session_user AS by_who_logged_in, changed_at <= now() AS when, before ? 'activity_types' AS types FROM leadscore.configuration_change WHERE configuration_change_id > :seen;
SELECT max(configuration_change_id) AS seen FROM leadscore.configuration_change \gset
-- Nothing of what changes nothing, is taken back, or is no configuration.
UPDATE leadscore.rule SET points = points;
BEGIN; UPDATE leadscore.rule SET points = 1; UPDATE leadscore.rule SET points = CASE name WHEN 'Call' THEN 8 WHEN 'Silence' THEN -5 ELSE 20 END; COMMIT;
BEGIN; UPDATE leadscore.rule SET points = 1; ROLLBACK;
BEGIN; SAVEPOINT s; UPDATE leadscore.rule SET points = 1; ROLLBACK TO s; COMMIT;
INSERT INTO leadscore.activity_type VALUES ('note');
INSERT INTO leadscore.person (person_id, kind) VALUES (1, 'candidate');
SELECT leadscore.export_config() AS same \gset
SELECT leadscore.import_config(:'same');
SELECT tenant, what FROM leadscore.configuration_history WHERE configuration_change_id > :seen;
-- A statement that fails leaves nothing, and what a savepoint keeps is kept.
BEGIN; SAVEPOINT s; UPDATE leadscore.rule SET points = 1; ROLLBACK TO s; UPDATE leadscore.rule SET relevant_for = NULL, enabled = false WHERE name = 'Call'; COMMIT;
SELECT tenant, what FROM leadscore.configuration_history WHERE configuration_change_id > :seen;
SELECT max(configuration_change_id) AS seen FROM leadscore.configuration_change \gset
-- Whatever the transaction says of constraints.
BEGIN;
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE leadscore.rule SET points = 9 WHERE name = 'Call';
UPDATE leadscore.rule SET points = 10 WHERE name = 'Call';
COMMIT;
SELECT tenant, what FROM leadscore.configuration_history WHERE configuration_change_id > :seen;
UPDATE leadscore.rule SET points = 8 WHERE name = 'Call';
SELECT max(configuration_change_id) AS seen FROM leadscore.configuration_change \gset
-- By tenant; a rule that changes hands is two changes.
BEGIN;
INSERT INTO leadscore.rule (rule_id, tenant, name, points) VALUES (102, 'acme', 'Call', 9), (103, 'other', 'Visit', 3);
INSERT INTO leadscore.category (tenant, name) VALUES ('acme', 'low');
COMMIT;
UPDATE leadscore.rule SET tenant = 'acme' WHERE rule_id = 103;
DELETE FROM leadscore.rule WHERE rule_id = 102;
SELECT configuration_change_id - :seen AS change, tenant, what FROM leadscore.configuration_history WHERE configuration_change_id > :seen;
-- Back to what it was.
SELECT before AS was FROM leadscore.configuration_change WHERE tenant = 'acme' ORDER BY configuration_change_id DESC LIMIT 1 \gset
SELECT leadscore.import_config(:'was', 'acme');
SELECT leadscore.export_config('acme') = :'was' AS as_it_was;
-- Everything at once: emptied, and filled again.
SELECT max(configuration_change_id) AS seen FROM leadscore.configuration_change \gset
RESET ROLE;
BEGIN;
TRUNCATE leadscore.rule, leadscore.category;
COMMIT;
SELECT tenant, what FROM leadscore.configuration_history WHERE configuration_change_id > :seen;
SELECT leadscore.import_config(before, tenant) FROM leadscore.configuration_change WHERE configuration_change_id > :seen ORDER BY tenant NULLS FIRST;
SELECT tenant, name, points FROM leadscore.rule ORDER BY tenant NULLS FIRST, name;
-- Each run says by which it scored.
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
UPDATE leadscore.rule SET points = 4 WHERE name = 'Call';
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
SELECT scored_on FROM leadscore_recompute('2026-03-02 12:00');
SELECT tenant, (SELECT p ->> 'points' FROM leadscore.configuration_change c, jsonb_array_elements(c.after -> 'rules') p
                WHERE c.configuration_change_id <= r.configuration_change_id AND c.tenant IS NOT DISTINCT FROM t.tenant AND p ->> 'name' = 'Call'
                ORDER BY c.configuration_change_id DESC LIMIT 1) AS points
FROM leadscore.run r, (VALUES (NULL), ('acme')) t(tenant) ORDER BY run_id, tenant NULLS FIRST;
-- Rows that a dump brings are none of its changes: not even those of rules.
CREATE TEMP TABLE rule_dumped AS SELECT * FROM leadscore.rule;
CREATE TEMP TABLE category_dumped AS SELECT * FROM leadscore.category;
CREATE TEMP TABLE scorecard_dumped AS SELECT * FROM leadscore.scorecard;
CREATE TEMP TABLE settings_dumped AS SELECT * FROM leadscore.settings;
CREATE TEMP TABLE change_dumped AS SELECT * FROM leadscore.configuration_change;
DROP OWNED BY regress_application;
DROP EXTENSION leadscore;
CREATE EXTENSION leadscore;
INSERT INTO leadscore.scorecard SELECT * FROM scorecard_dumped;
INSERT INTO leadscore.category SELECT * FROM category_dumped;
INSERT INTO leadscore.configuration_change SELECT * FROM change_dumped;
INSERT INTO leadscore.rule SELECT * FROM rule_dumped;
INSERT INTO leadscore.settings SELECT * FROM settings_dumped;
SELECT (SELECT count(*) FROM leadscore.configuration_change) = (SELECT count(*) FROM change_dumped) AS as_before;
