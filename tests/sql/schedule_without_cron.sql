-- Where pg_cron cannot be reached, schedule() and unschedule() say what to do.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
RESET ROLE;
SELECT leadscore.schedule();
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.schedule('30 2 * * 1-5');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.unschedule();
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.schedule(NULL);
\echo :LAST_ERROR_SQLSTATE
-- A quote in the schedule stays within its literal.
SELECT leadscore.schedule($$0 0 * * *'); DROP TABLE leadscore.person; --$$);
\echo :LAST_ERROR_SQLSTATE
