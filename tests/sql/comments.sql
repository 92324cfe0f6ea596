-- Everything in schema leadscore says what it is.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
SELECT n.nspname FROM pg_namespace n WHERE n.nspname = 'leadscore' AND obj_description(n.oid, 'pg_namespace') IS NULL;
-- Tables, views and types without a comment, and columns of tables. There are none.
SELECT c.relkind, c.relname FROM pg_class c
WHERE c.relnamespace = 'leadscore'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'f', 'c')
  AND obj_description(c.oid, 'pg_class') IS NULL
  AND NOT (c.relkind = 'c' AND obj_description(c.reltype, 'pg_type') IS NOT NULL)
ORDER BY 1, 2;
SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'leadscore'::regnamespace AND c.relkind IN ('r', 'p', 'f') AND a.attnum > 0 AND NOT a.attisdropped AND col_description(c.oid, a.attnum) IS NULL
ORDER BY 1, a.attnum;
-- Functions, also the one outside of the schema.
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
JOIN pg_extension e ON e.oid = d.refobjid
WHERE e.extname = 'leadscore' AND obj_description(p.oid, 'pg_proc') IS NULL
ORDER BY 1;
-- All functions that run with their owner's rights have a search_path of their own, or are written in C.
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace IN ('leadscore'::regnamespace, 'public'::regnamespace) AND p.prosecdef AND l.lanname <> 'c'
  AND NOT EXISTS (SELECT FROM unnest(p.proconfig) c WHERE c = 'search_path=pg_catalog, pg_temp')
ORDER BY 1;
