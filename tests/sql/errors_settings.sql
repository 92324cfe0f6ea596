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
