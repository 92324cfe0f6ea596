-- Writers are waited for, and wait, as for a run.
LOCK TABLE leadscore.state IN EXCLUSIVE MODE;
-- Whatever is stored is derived anew by the first run.
UPDATE leadscore.instance SET rebuild_due = true WHERE NOT rebuild_due;

-- The views of an assumed configuration: the engine reads it instead.
DROP SCHEMA leadscore_what_if CASCADE;

-- Records say what they are.
ALTER TABLE leadscore.score_record ADD COLUMN kind "char" NOT NULL DEFAULT 'a';
UPDATE leadscore.score_record SET kind = CASE WHEN adjustment_id IS NULL THEN 'i' ELSE 'm' END WHERE activity_id IS NULL;

-- Attached tables: columns may be several and reached through foreign keys, so that what is read is a list of its own. The
-- names are those of today, which the column list of a trigger knows; of a table without triggers those that were noted.
ALTER TABLE leadscore.source ADD COLUMN name text, ADD COLUMN owner name, ADD COLUMN label text NOT NULL DEFAULT '', ADD COLUMN time_zone text, ADD COLUMN read_in text;
UPDATE leadscore.source s
SET parts = s.parts
        || jsonb_build_object('key', jsonb_build_array(s.parts -> 'key'), 'steps', '[]'::jsonb, 'reads', n.reads, 'names', n.names,
                              'columns', (SELECT jsonb_agg(jsonb_build_array(0, g) ORDER BY g) FROM generate_series(0, n.reads - 1) g))
        || CASE WHEN s.parts ? 'person' THEN jsonb_build_object('person', jsonb_build_array(s.parts -> 'person')) ELSE '{}' END,
    name = n.called,
    owner = n.holder,
    read_in = CASE WHEN s.parts ? 'moment' THEN (SELECT z.time_zone FROM leadscore.settings z) END
FROM (SELECT x.source_id, b.names, CASE WHEN c.oid IS NULL THEN quote_ident(x.source::text) ELSE format('%I.%I', h.nspname, c.relname) END AS called,
             coalesce(pg_get_userbyid(c.relowner), current_user) AS holder,
             jsonb_array_length(b.names) - (x.parts ? 'score')::int - (x.parts ? 'category')::int AS reads
      FROM leadscore.source x
      LEFT JOIN pg_class c ON c.oid = x.source
      LEFT JOIN pg_namespace h ON h.oid = c.relnamespace
      CROSS JOIN LATERAL (
          SELECT coalesce((SELECT jsonb_agg(a.attname ORDER BY l.at)
                           FROM pg_trigger g
                           CROSS JOIN LATERAL unnest(g.tgattr) WITH ORDINALITY l(number, at)
                           JOIN pg_attribute a ON a.attrelid = g.tgrelid AND a.attnum = l.number
                           WHERE g.tgrelid = x.source AND g.tgname = format('leadscore_%s_columns', x.source_id)), x.parts -> 'names') AS names) b) n
WHERE n.source_id = s.source_id;
ALTER TABLE leadscore.source ALTER COLUMN name SET NOT NULL, ALTER COLUMN owner SET NOT NULL;
-- Their triggers go, and come again when all is there.
DO $$
DECLARE
    g record;
BEGIN
    FOR g IN SELECT t.tgname, t.tgrelid::regclass AS relation
             FROM leadscore.source s
             JOIN pg_trigger t ON t.tgrelid = s.source AND t.tgname LIKE 'leadscore\_' || s.source_id || '\_%' AND t.tgparentid = 0
             ORDER BY t.tgrelid, t.tgname LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', g.tgname, g.relation);
    END LOOP;
END $$;

-- AFTER WHAT IS COMPARED

-- A table that lacks a column that it needs is left without; doctor() names it.
SELECT leadscore._put_triggers(s.source_id)
FROM leadscore.source s
WHERE s.attached AND leadscore._name_of(s.source) IS NOT NULL AND leadscore._is_whole(s)
  AND NOT EXISTS (SELECT FROM jsonb_array_elements_text(s.parts -> 'names') n(name) WHERE NOT leadscore._has_column(s.source, n.name))
ORDER BY s.source_id;
SELECT leadscore._forget_configuration();

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
