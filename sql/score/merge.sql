-- Duplicates and erasure.

-- Activities and adjustments move and the winner is derived anew, as if all had been
-- registered on it. The application's key of the loser leads to the winner from now on.
CREATE FUNCTION leadscore.merge_person(loser bigint, winner bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lost leadscore.person;
BEGIN
    PERFORM leadscore._begin();
    PERFORM leadscore._need_own_person(loser, 'merge_person');
    PERFORM leadscore._need_own_person(winner, 'merge_person');
    -- Activities before persons, as who updates or deletes activities has them, but persons before those of attached rows.
    PERFORM FROM leadscore.activity a WHERE a.person_id = loser AND a.source_id IS NULL ORDER BY a.activity_id FOR UPDATE;
    PERFORM leadscore._lock_sources(ARRAY[loser, winner]);
    PERFORM FROM leadscore.person p WHERE p.person_id IN (loser, winner) ORDER BY p.person_id FOR UPDATE;
    PERFORM leadscore._need_person(loser, 'merge_person');
    PERFORM leadscore._need_person(winner, 'merge_person');
    IF loser = winner THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('merge_person: loser and winner are both %s', loser),
            DETAIL = 'A person cannot be its own duplicate.',
            HINT = 'Name two persons.';
    END IF;
    SELECT * INTO lost FROM leadscore.person p WHERE p.person_id = loser;
    UPDATE leadscore.activity a SET person_id = winner WHERE a.person_id = loser;
    UPDATE leadscore.adjustment a SET person_id = winner WHERE a.person_id = loser;
    UPDATE leadscore.person_alias l SET person_id = winner WHERE l.person_id = loser;
    PERFORM leadscore._merge_visits(loser, winner);
    DELETE FROM leadscore.person p WHERE p.person_id = loser;
    IF lost.external_id IS NOT NULL THEN
        INSERT INTO leadscore.person_alias (kind, tenant, external_id, person_id, source_id)
        VALUES (lost.kind, lost.tenant, lost.external_id, winner, lost.source_id);
        PERFORM leadscore._forget_configuration();
    END IF;
    UPDATE leadscore.person p SET scored_through = lost.scored_through
    WHERE p.person_id = winner AND lost.scored_through > coalesce(p.scored_through, '-infinity');
    PERFORM leadscore._rescore(ARRAY[winner]);
    -- The loser's row in the application's table shows what its key leads to.
    PERFORM leadscore._write_back(ARRAY[winner]);
END $$;
COMMENT ON FUNCTION leadscore.merge_person(bigint, bigint) IS 'Joins a duplicate with the person it duplicates: what was registered on the loser moves to the winner, whose score is derived anew';
-- It removes a person and changes another one's score: the owner says who may.
REVOKE ALL ON FUNCTION leadscore.merge_person(bigint, bigint) FROM PUBLIC;

CREATE FUNCTION leadscore.forget_person(person_id bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._begin();
    PERFORM leadscore._need_own_person(forget_person.person_id, 'forget_person');
    -- Activities before persons, as who updates or deletes activities has them, but persons before those of attached rows.
    PERFORM FROM leadscore.activity a WHERE a.person_id = forget_person.person_id AND a.source_id IS NULL ORDER BY a.activity_id FOR UPDATE;
    PERFORM leadscore._forget_visitors(forget_person.person_id);
    DELETE FROM leadscore.waiting w
    USING leadscore._person_key k
    WHERE k.person_id = forget_person.person_id AND w.person_kind = k.kind AND w.external_id = k.external_id
      AND w.tenant IS NOT DISTINCT FROM k.tenant;
    DELETE FROM leadscore.person p WHERE p.person_id = forget_person.person_id;
END $$;
COMMENT ON FUNCTION leadscore.forget_person(bigint) IS 'Erases a person: nothing of it remains in any table of leadscore; the application''s own tables are its own to clear, and first';
-- Erasure cannot be taken back: the owner says who may.
REVOKE ALL ON FUNCTION leadscore.forget_person(bigint) FROM PUBLIC;

-- The tables that have anything of a tenant are known by their columns, and how to find it there. The changes of the
-- configuration, and whom they concern, are noted once more while rules and categories go: these tables come last.
CREATE FUNCTION leadscore._tenant_tables() RETURNS TABLE (table_name name, what text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT c.relname,
           CASE c.relname WHEN 'person' THEN 'x.person_id = ANY ($2)'
                          WHEN 'renamed_category' THEN 'x.category_id IN (SELECT c.category_id FROM leadscore.category c WHERE c.tenant = $1)'
                          ELSE concat_ws(' OR ', CASE WHEN 'person_id' = ANY (h.columns) THEN 'x.person_id = ANY ($2)' END,
                                                 CASE WHEN 'tenant' = ANY (h.columns) THEN 'x.tenant = $1' END,
                                                 CASE WHEN c.relname = 'visitor' THEN 'x.visitor_id = ANY ($3)' END) END
    FROM pg_class c
    JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0 AND d.deptype = 'e'
    JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid AND e.extname = 'leadscore'
    CROSS JOIN LATERAL (SELECT array_agg(a.attname) AS columns FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) h
    WHERE c.relkind = 'r' AND (h.columns && '{person_id,tenant}' OR c.relname = 'renamed_category')
    ORDER BY c.relname IN ('configuration_change', 'edited'), c.relname = 'category', c.relname;
END;
COMMENT ON FUNCTION leadscore._tenant_tables() IS 'Tables with rows of tenants, and the condition that finds them: $1 is the tenant, $2 its persons, $3 their visitors';

-- Everything of a customer who leaves. The application's own rows stay as they are, and nothing reads them again here.
-- Nobody else waits: what a transaction that commits later registers for the tenant comes after it.
CREATE FUNCTION leadscore.forget_tenant(tenant text) RETURNS TABLE (table_name text, removed bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
#variable_conflict use_column
DECLARE
    ids      bigint[];
    visitors bigint[];
    holder   record;
    before   jsonb := '{}';
    elsewhere jsonb;
    number   bigint;
    -- Due for everybody, of which no row says whom it concerns.
    all_due  boolean;
BEGIN
    IF forget_tenant.tenant IS NULL OR forget_tenant.tenant = '' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('forget_tenant: %s is no tenant', coalesce(quote_literal(forget_tenant.tenant), 'NULL')),
            DETAIL = 'What belongs to no tenant is everybody''s and cannot be forgotten as a whole.',
            HINT = 'Name the tenant as leadscore.person.tenant has it.';
    END IF;
    PERFORM leadscore._need_sight_of_all('forget_tenant');
    elsewhere := leadscore._forget_tenant_elsewhere(forget_tenant.tenant);
    PERFORM leadscore._begin();
    -- Editors of the configuration wait for each other here.
    PERFORM FROM leadscore.instance FOR NO KEY UPDATE;
    -- Activities before persons, as who updates or deletes activities has them, but persons before those of attached rows.
    PERFORM FROM leadscore.activity a
    WHERE a.person_id IN (SELECT p.person_id FROM leadscore.person p WHERE p.tenant = forget_tenant.tenant) AND a.source_id IS NULL
    ORDER BY a.activity_id FOR UPDATE;
    ids := ARRAY(SELECT p.person_id FROM leadscore.person p WHERE p.tenant = forget_tenant.tenant ORDER BY p.person_id FOR UPDATE);
    visitors := ARRAY(SELECT e.visitor_id FROM leadscore.event e WHERE e.person_id = ANY (ids)
                      UNION
                      SELECT t.visitor_id FROM leadscore.visitor_person t WHERE t.person_id = ANY (ids));
    all_due := (SELECT i.rebuild_due FROM leadscore.instance i) AND NOT EXISTS (SELECT FROM leadscore.edited);

    FOR holder IN SELECT t.* FROM leadscore._tenant_tables() t LOOP
        EXECUTE format('SELECT count(*) FROM leadscore.%I x WHERE %s', holder.table_name, holder.what)
        INTO number USING forget_tenant.tenant, ids, visitors;
        before := before || jsonb_build_object(holder.table_name, number);
    END LOOP;
    DELETE FROM leadscore.person p WHERE p.person_id = ANY (ids);
    FOR holder IN SELECT t.* FROM leadscore._tenant_tables() t WHERE t.table_name <> 'person' LOOP
        -- A visitor who was somebody else, too, stays.
        EXECUTE format('DELETE FROM leadscore.%I x WHERE %s', holder.table_name, replace(holder.what, ' OR x.visitor_id = ANY ($3)', ''))
        USING forget_tenant.tenant, ids, visitors;
        EXECUTE format('SELECT count(*) FROM leadscore.%I x WHERE %s', holder.table_name, holder.what)
        INTO number USING forget_tenant.tenant, ids, visitors;
        before := before || jsonb_build_object(holder.table_name, (before ->> holder.table_name)::bigint - number);
    END LOOP;
    -- Whoever arrives for the tenant in a transaction that is under way is scored by the rules that go: the next run derives
    -- them anew. They are known by a sum of the name, which is not kept.
    IF NOT all_due AND (before ->> 'rule')::bigint + (before ->> 'category')::bigint + (before ->> 'edited')::bigint > 0 THEN
        PERFORM leadscore._note_edited(ARRAY[ROW('md5 ' || md5(forget_tenant.tenant), NULL, NULL)::leadscore.edited]);
    END IF;

    RETURN QUERY SELECT b.key, sum(b.value::bigint)::bigint
    FROM (SELECT * FROM jsonb_each_text(before) UNION ALL SELECT * FROM jsonb_each_text(elsewhere)) b
    WHERE b.value <> '0' GROUP BY b.key ORDER BY b.key COLLATE "C";
END $$;
COMMENT ON FUNCTION leadscore.forget_tenant(text) IS 'Erases a tenant: its persons with all that belongs to them, its rules, categories and their history; returns how many rows it removed from which table, no row where there was nothing; the application''s own tables are its own to clear, and first';
-- Erasure cannot be taken back: the owner says who may.
REVOKE ALL ON FUNCTION leadscore.forget_tenant(text) FROM PUBLIC;
