-- leadscore lives in a UTF8 database only, and says so elsewhere instead of failing at the first accent.
\set ECHO none
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT current_database() AS here \gset
DROP DATABASE IF EXISTS regress_leadscore_latin1;
CREATE DATABASE regress_leadscore_latin1 TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C';
\set ECHO all
\connect regress_leadscore_latin1
CREATE EXTENSION leadscore;
\echo :LAST_ERROR_SQLSTATE
SELECT nspname FROM pg_namespace WHERE nspname LIKE 'leadscore%';
\connect :here
DROP DATABASE regress_leadscore_latin1;
