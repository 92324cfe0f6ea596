-- The schema of everything that leadscore owns, except leadscore_recompute(),
-- which lives in the schema chosen at CREATE EXTENSION. Names that begin with an
-- underscore are internal: they may change with any version.
CREATE SCHEMA leadscore;
COMMENT ON SCHEMA leadscore IS 'Lead scoring: persons, their activities, the rules that give points, and what follows from them';
