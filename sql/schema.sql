-- The whole install script runs under this search_path, so that nothing that somebody put into the schema of CREATE
-- EXTENSION can be taken for a function or an operator of PostgreSQL in a view, a default or a body BEGIN ATOMIC.
SET LOCAL search_path = pg_catalog, pg_temp;

-- Texts and documents are read in Rust, whose strings are UTF-8: in any other encoding the first accent would be an
-- internal error.
DO $$ BEGIN
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE feature_not_supported USING
            MESSAGE = format('leadscore: the encoding of database %I is %s', current_database(), current_setting('server_encoding')),
            DETAIL = 'leadscore reads texts and documents as UTF8.',
            HINT = 'Create another database with TEMPLATE template0 ENCODING ''UTF8'' and bring the data there.';
    END IF;
END $$;

-- The schema of everything that leadscore owns, except leadscore_recompute(),
-- which lives in the schema chosen at CREATE EXTENSION. Names that begin with an
-- underscore are internal: they may change with any version.
CREATE SCHEMA leadscore;
COMMENT ON SCHEMA leadscore IS 'Lead scoring: persons, their activities, the rules that give points, and what follows from them; names that begin with an underscore are internal';
