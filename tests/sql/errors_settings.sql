-- Settings keep their one row and a time zone that exists.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
UPDATE leadscore.settings SET time_zone = 'Europe/Amsterdam';
UPDATE leadscore.settings SET time_zone = 'Europe/Nowhere';
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.settings SET time_zone = '';
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.settings SET time_zone = NULL;
\echo :LAST_ERROR_SQLSTATE
-- An abbreviation or an offset has no daylight saving, and is no full name.
UPDATE leadscore.settings SET time_zone = 'CEST';
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.settings SET time_zone = '+02:00';
\echo :LAST_ERROR_SQLSTATE
SELECT time_zone FROM leadscore.settings;
-- When to score, addresses, the outcome.
UPDATE leadscore.settings SET scoring = 'later';
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.settings SET person_url = 'https://app/{kind}/{id}';
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.settings SET person_url = 'https://app/{external_id';
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.settings SET person_url = 'javascript:alert({person_id})';
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.settings SET outcome_type = 'placement';
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.settings SET outcome_horizon = '12 hours';
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.settings SET outcome_horizon = '-1 month';
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.activity_type VALUES ('placement');
UPDATE leadscore.settings SET scoring = 'deferred', person_url = 'https://app/{tenant}/{kind}/{external_id}?id={person_id}', outcome_type = 'placement', outcome_horizon = '3 months';
DELETE FROM leadscore.activity_type WHERE activity_type = 'placement';
\echo :LAST_ERROR_SQLSTATE
SELECT time_zone, scoring, person_url, outcome_type, outcome_horizon FROM leadscore.settings;
-- An application has no privilege to take the row away, and its owner cannot either.
DELETE FROM leadscore.settings;
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
DELETE FROM leadscore.settings;
\echo :LAST_ERROR_SQLSTATE
TRUNCATE leadscore.settings;
\echo :LAST_ERROR_SQLSTATE
SELECT time_zone FROM leadscore.settings;
-- A second row replaces the first, as when a dump is restored; a bad one does not.
INSERT INTO leadscore.settings (time_zone) VALUES ('Asia/Tokyo');
SELECT time_zone FROM leadscore.settings;
INSERT INTO leadscore.settings (time_zone) VALUES ('Asia/Nowhere');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
INSERT INTO leadscore.settings (one_row, time_zone) VALUES (false, 'UTC');
\echo :LAST_ERROR_SQLSTATE
SELECT time_zone FROM leadscore.settings;
