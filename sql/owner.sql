-- The owner of the database can dump it: pg_dump reads the rows of all tables that an extension says are the user's, and
-- the positions of their sequences. Everything else of the database's owner goes by what others get. When the database
-- changes hands, doctor() names the new owner.
DO $$
DECLARE
    owner name := (SELECT pg_get_userbyid(d.datdba) FROM pg_database d WHERE d.datname = current_database());
BEGIN
    -- Whoever owns the schema can read it anyway.
    IF NOT pg_has_role(owner, (SELECT n.nspowner FROM pg_namespace n WHERE n.nspname = 'leadscore'), 'USAGE') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA leadscore TO %I', owner);
        EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA leadscore TO %I', owner);
        EXECUTE format('GRANT SELECT ON ALL SEQUENCES IN SCHEMA leadscore TO %I', owner);
    END IF;
END $$;

-- Who cannot dump: tables and sequences that are dumped and that the owner of the database may not read.
CREATE FUNCTION leadscore._doctor_dump()
RETURNS TABLE (severity text, finding text, detail text, remedy text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'warning' AS severity, format('the owner of the database, %I, cannot dump it', o.name) AS finding,
           'pg_dump reads all of leadscore''s tables and sequences.' AS detail,
           format('GRANT USAGE ON SCHEMA leadscore TO %1$I; GRANT SELECT ON ALL TABLES IN SCHEMA leadscore TO %1$I; GRANT SELECT ON ALL SEQUENCES IN SCHEMA leadscore TO %1$I;', o.name) AS remedy
    FROM (SELECT d.datdba AS role, pg_get_userbyid(d.datdba) AS name FROM pg_database d WHERE d.datname = current_database()) o
    WHERE NOT has_schema_privilege(o.role, 'leadscore', 'USAGE')
       OR EXISTS (SELECT FROM pg_extension e
                  CROSS JOIN LATERAL unnest(e.extconfig) c(relation)
                  WHERE e.extname = 'leadscore' AND NOT has_table_privilege(o.role, c.relation, 'SELECT'));
END;
COMMENT ON FUNCTION leadscore._doctor_dump() IS 'What doctor() finds about dumps by the owner of the database';
