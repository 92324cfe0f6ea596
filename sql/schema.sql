-- The whole install script runs under this search_path, so that nothing that somebody put into the schema of CREATE
-- EXTENSION can be taken for a function or an operator of PostgreSQL in a view, a default or a body BEGIN ATOMIC.
SET LOCAL search_path = pg_catalog, pg_temp;

-- The schema of everything that leadscore owns, except leadscore_recompute(),
-- which lives in the schema chosen at CREATE EXTENSION. Names that begin with an
-- underscore are internal: they may change with any version.
CREATE SCHEMA leadscore;
COMMENT ON SCHEMA leadscore IS 'Lead scoring: persons, their activities, the rules that give points, and what follows from them; names that begin with an underscore are internal';
