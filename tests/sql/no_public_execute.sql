-- What anybody may execute reads only, or writes with the caller's own rights.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
-- Without USAGE on the schema nobody reaches any of them.
CREATE TEMP VIEW public_function AS
SELECT p.oid::regprocedure AS function, p.proname, p.prosecdef, p.provolatile
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
JOIN pg_extension e ON e.oid = d.refobjid
WHERE e.extname = 'leadscore' AND has_function_privilege('public', p.oid, 'EXECUTE');
-- These write, with what the caller may write: the configuration.
SELECT function FROM public_function WHERE provolatile = 'v' AND NOT prosecdef AND proname ~ '_(config|preset)$' ORDER BY proname COLLATE "C", 1;
-- What decides about scores, runs and jobs is for whom the owner says, and so is all that is internal and writes.
SELECT p.oid::regprocedure AS function FROM pg_proc p
WHERE (p.pronamespace = 'leadscore'::regnamespace AND (p.proname IN ('adjust', 'unadjust', 'schedule', 'unschedule') OR p.proname ~ '^_(begin|reach|rescore|rescore_all|expire|recompute|go_live|forget_configuration)$')
       OR p.proname = 'leadscore_recompute') AND has_function_privilege('public', p.oid, 'EXECUTE');
-- A trigger on another table would run a trigger function with its owner's rights, so none is anybody's but one: who makes
-- a partition of an attached table has to be allowed to execute what its rows fire. It takes rows of that table alone.
SELECT p.oid::regprocedure AS function FROM pg_proc p
WHERE p.pronamespace = 'leadscore'::regnamespace AND p.prorettype = 'trigger'::regtype AND has_function_privilege('public', p.oid, 'EXECUTE') ORDER BY p.proname COLLATE "C";
-- Of the other internal functions these alone run with their owner's rights for anybody: the second halves of attach_person(),
-- attach_activity(), detach() and reattach(), which run with their caller's. They go on only if leadscore._admit(), called just
-- before with the caller's own rights, found that the caller owns the table, and refuse everybody who calls them directly.
-- And the parts of recompute_in_batches(), which refuse everybody who may not call it.
SELECT function FROM public_function WHERE prosecdef AND proname ~ '^_' ORDER BY proname COLLATE "C";
RESET ROLE;
CREATE TABLE public.of_the_owner (id int PRIMARY KEY, person int, word text);
CREATE TABLE public.attached (id int PRIMARY KEY);
SELECT leadscore.attach_person('public.attached', 'attached');
SET ROLE regress_application;
SELECT leadscore._attach_person('public.of_the_owner', 'spy', NULL, 'word', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT leadscore._attach_activity('public.of_the_owner', NULL, 'person', 'spy', NULL, NULL, 'word', NULL, NULL, NULL, NULL, NULL);
SELECT leadscore._detach('public.attached', false, NULL, NULL);
SELECT leadscore._reattach('public.attached');
SELECT leadscore._admit('public.of_the_owner');
SELECT leadscore._attach_person('public.of_the_owner', 'spy', NULL, 'word', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
-- These only read, with the caller's rights.
SELECT function, provolatile AS volatility FROM public_function
WHERE provolatile <> 'v' AND NOT prosecdef AND (proname !~ '^_') ORDER BY proname COLLATE "C", 1;
-- No table, view or sequence is anybody's.
SELECT c.relnamespace::regnamespace, c.relkind, c.reloptions, array_agg(DISTINCT a.privilege_type) AS privileges
FROM pg_class c CROSS JOIN aclexplode(c.relacl) a
WHERE c.relnamespace = 'leadscore'::regnamespace AND a.grantee = 0
GROUP BY 1, 2, 3;
SELECT nspname, has_schema_privilege('public', nspname, 'USAGE') AS usage, has_schema_privilege('public', nspname, 'CREATE') AS "create"
FROM pg_namespace WHERE nspname ~ '^leadscore' ORDER BY nspname COLLATE "C";
-- What is anybody's as a trigger is not for calling, and on a table that is not attached it does nothing.
SET ROLE regress_application;
SELECT leadscore._source_row_changed();
\echo :LAST_ERROR_SQLSTATE
CREATE TEMP TABLE mine (id int);
CREATE TRIGGER mine BEFORE INSERT ON mine FOR EACH ROW EXECUTE FUNCTION leadscore._source_row_changed();
CREATE TRIGGER mine_2 AFTER INSERT OR DELETE ON mine FOR EACH STATEMENT EXECUTE FUNCTION leadscore._source_row_changed('1');
INSERT INTO mine VALUES (1);
TABLE mine;
DROP TRIGGER mine ON mine;
INSERT INTO mine VALUES (1);
DELETE FROM mine;
RESET ROLE;
