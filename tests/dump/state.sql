-- Everything that must come through a dump or an upgrade unchanged, as text: rows of leadscore's tables and of the
-- application's, positions of sequences, triggers on the application's tables, privileges. leadscore.instance and edited are about
-- one copy of a database and is never dumped.
\pset format unaligned
\pset tuples_only on
SET timezone = 'UTC';
SET search_path = '';
SELECT pg_catalog.format('SELECT %L || t::text FROM %I.%I t ORDER BY t::text COLLATE "C";', c.relname || ': ', n.nspname, c.relname)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('leadscore', 'agency', 'zoo') AND c.relkind = 'r' AND NOT (n.nspname = 'leadscore' AND c.relname IN ('instance', 'edited'))
ORDER BY n.nspname, c.relname \gexec
SELECT pg_catalog.format('SELECT %L || last_value || '' '' || is_called FROM %I.%I;', 'sequence ' || c.relname || ' ', n.nspname, c.relname)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('leadscore', 'agency', 'zoo') AND c.relkind = 'S'
ORDER BY n.nspname, c.relname \gexec
SELECT t.tgrelid::pg_catalog.regclass, t.tgenabled, pg_catalog.pg_get_triggerdef(t.oid)
FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('leadscore', 'agency', 'zoo') AND NOT t.tgisinternal
ORDER BY t.tgrelid::pg_catalog.regclass::text COLLATE "C", t.tgname;
-- Without MAINTAIN, which came with PostgreSQL 17.
SELECT c.oid::pg_catalog.regclass, a.grantee::pg_catalog.regrole, a.grantor::pg_catalog.regrole, a.privilege_type, a.is_grantable
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace, pg_catalog.aclexplode(c.relacl) a
WHERE n.nspname IN ('leadscore', 'agency', 'zoo') AND c.relkind IN ('r', 'v', 'S', 'p') AND a.privilege_type <> 'MAINTAIN'
ORDER BY c.oid::pg_catalog.regclass::text COLLATE "C", a.grantee::pg_catalog.regrole::text COLLATE "C", a.privilege_type COLLATE "C";
SELECT p.oid::pg_catalog.regprocedure, p.proacl FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname IN ('leadscore', 'agency', 'zoo')
ORDER BY p.oid::pg_catalog.regprocedure::text COLLATE "C";
