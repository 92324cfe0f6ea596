-- A person as verify() shows it: what its attached table tells of it.
CREATE FUNCTION leadscore._person_line(source leadscore.source, name text, status text, owner text, since timestamptz, attributes jsonb, active boolean) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT concat(CASE WHEN (source).parts ? 'name' THEN format('name %s, ', name) END,
                  format('status %s, owner %s, since %s', status, owner, since),
                  CASE WHEN (source).parts ? 'attributes' THEN format(', %s', attributes) END,
                  CASE WHEN (source).parts ? 'only_when' AND NOT active THEN ', not active' END);
END;
COMMENT ON FUNCTION leadscore._person_line(leadscore.source, text, text, text, timestamptz, jsonb, boolean) IS 'A person as verify() shows it';

-- As src/arrive/source.rs shortens them.
CREATE FUNCTION leadscore._is_shortened(key text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT key ~ '^.{100}… [0-9a-f]{32}$';
END;
COMMENT ON FUNCTION leadscore._is_shortened(text) IS 'Whether a key was too long to be kept';

-- Whole tables are read at once, in memory: nearly always nobody differs.
CREATE FUNCTION leadscore._differences()
RETURNS TABLE (person_id bigint, item text, rule_id int, activity_id bigint, stored text, derived text)
LANGUAGE c STABLE COST 100000 AS 'MODULE_PATHNAME', 'differences_wrapper';
COMMENT ON FUNCTION leadscore._differences() IS 'What is stored of persons and is not what the engine derives; persons that wait to be scored are left out';

-- Is all that is stored what the function gives? Reads only, so it works on a standby too.
CREATE FUNCTION leadscore.verify()
RETURNS TABLE (person_id bigint, item text, rule_id int, activity_id bigint, stored text, derived text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    source leadscore.source;
BEGIN
    RETURN QUERY SELECT * FROM leadscore._differences() d ORDER BY 1, 2, 3, 4, 5 NULLS FIRST, 6;

    -- What came from attached tables that are gone.
    RETURN QUERY
    SELECT a.person_id, format('activity of %s, which is gone, row %s', s.name, a.source_key), NULL::int, a.activity_id,
           format('%s at %s', a.activity_type, a.occurred_at), NULL::text
    FROM leadscore.source s
    JOIN leadscore.activity a ON a.source_id = s.source_id
    WHERE s.attached AND leadscore._name_of(s.source) IS NULL
    UNION ALL
    SELECT p.person_id, format('person of %s, which is gone, row %s', s.name, p.external_id), NULL, NULL,
           leadscore._person_line(s, p.name, p.status, p.owner, p.since, p.attributes, p.active), NULL
    FROM leadscore.source s
    JOIN leadscore.person p ON p.source_id = s.source_id
    WHERE s.attached AND leadscore._name_of(s.source) IS NULL
    UNION ALL
    -- And of those of which nothing is noted at all.
    SELECT a.person_id, format('activity of a table that is gone, row %s', a.source_key), NULL, a.activity_id,
           format('%s at %s', a.activity_type, a.occurred_at), NULL
    FROM leadscore.activity a
    WHERE a.source_id IS NOT NULL AND NOT EXISTS (SELECT FROM leadscore.source s WHERE s.source_id = a.source_id)
    ORDER BY 1, 2;

    -- Attached tables: what is there, and what came from them.
    FOR source IN SELECT * FROM leadscore.source x WHERE x.attached AND EXISTS (SELECT FROM pg_class c WHERE c.oid = x.source)
                  ORDER BY x.source_id LOOP
        BEGIN
        IF source.role = 'person' THEN
            RETURN QUERY
            SELECT p.person_id, format('score or category in %s, row %s', source.source, n.key), NULL::int, NULL::bigint,
                   concat_ws(' ', n.score, n.category),
                   concat_ws(' ', CASE WHEN source.parts ? 'score' THEN p.score END, CASE WHEN source.parts ? 'category' THEN p.category END)
            FROM leadscore._source_rows(source.source_id) n
            JOIN leadscore._person_key k ON k.source_id = source.source_id AND k.external_id = n.key AND k.tenant IS NOT DISTINCT FROM n.tenant
            JOIN leadscore.person p ON p.person_id = k.person_id
            WHERE ((source.parts ? 'score' AND n.score::numeric IS DISTINCT FROM p.score)
                   OR (source.parts ? 'category' AND n.category IS DISTINCT FROM p.category))
              -- Nothing is written back to a row whose key was too long to be kept.
              AND NOT leadscore._is_shortened(n.key)
            ORDER BY 2;
            IF source.parts ? 'scorecards' THEN
                RETURN QUERY
                SELECT k.person_id, format('scorecard %s in %s, row %s', c.value ->> 'scorecard', source.source, n.key), NULL::int, NULL::bigint,
                       concat_ws(' ', w.written ->> 0, w.written ->> 1),
                       concat_ws(' ', CASE WHEN c.value ? 'score' THEN coalesce(p.score, 0) END, CASE WHEN c.value ? 'category' THEN p.category END)
                FROM leadscore._source_rows(source.source_id) n
                JOIN leadscore._person_key k ON k.source_id = source.source_id AND k.external_id = n.key AND k.tenant IS NOT DISTINCT FROM n.tenant
                CROSS JOIN jsonb_array_elements(source.parts -> 'scorecards') c
                CROSS JOIN LATERAL (SELECT n.scorecards -> (c.value ->> 'scorecard') AS written) w
                LEFT JOIN leadscore.person_score p ON p.person_id = k.person_id AND p.scorecard = c.value ->> 'scorecard'
                WHERE ((c.value ? 'score' AND (w.written ->> 0)::numeric IS DISTINCT FROM coalesce(p.score, 0))
                       OR (c.value ? 'category' AND w.written ->> 1 IS DISTINCT FROM p.category))
                  AND NOT leadscore._is_shortened(n.key)
                ORDER BY 2;
            END IF;
            RETURN QUERY
            SELECT p.person_id, format('person of %s, row %s', source.source, coalesce(r.key, p.external_id)), NULL::int, NULL::bigint,
                   CASE WHEN p.person_id IS NOT NULL THEN leadscore._person_line(source, p.name, p.status, p.owner, p.since, p.attributes, p.active) END,
                   CASE WHEN r.key IS NOT NULL THEN leadscore._person_line(source, r.name, r.status, r.owner, coalesce(r.moment, p.since), r.attributes, r.active) END
            FROM (SELECT n.* FROM leadscore._source_rows(source.source_id) n
                  WHERE NOT EXISTS (SELECT FROM leadscore.person_alias l WHERE l.kind = source.person_kind AND l.external_id = n.key AND l.tenant IS NOT DISTINCT FROM n.tenant)) r
            FULL JOIN (SELECT q.* FROM leadscore.person q WHERE q.source_id = source.source_id) p ON p.external_id = r.key AND coalesce(p.tenant, '') = coalesce(r.tenant, '')
            WHERE p.person_id IS NULL OR r.key IS NULL
               OR (source.parts ? 'status' AND p.status IS DISTINCT FROM r.status)
               OR (source.parts ? 'owner' AND p.owner IS DISTINCT FROM r.owner)
               OR (source.parts ? 'name' AND p.name IS DISTINCT FROM r.name)
               OR (source.parts ? 'attributes' AND p.attributes IS DISTINCT FROM r.attributes)
               OR (source.parts ? 'only_when' AND p.active IS DISTINCT FROM r.active)
               OR p.since IS DISTINCT FROM coalesce(r.moment, p.since)
            ORDER BY 2;
        ELSE
            RETURN QUERY
            SELECT coalesce(a.person_id, r.person_id), format('activity of %s, row %s', source.source, coalesce(r.key, a.source_key)), NULL::int, a.activity_id,
                   CASE WHEN a.source_key IS NOT NULL THEN format('%s of person %s at %s %s', a.activity_type, coalesce(a.person_id::text, '?'), a.occurred_at, a.attributes) END,
                   CASE WHEN r.key IS NOT NULL THEN format('%s of person %s at %s %s', r.activity_type, coalesce(r.person_id::text, '?'), coalesce(r.moment, a.occurred_at), r.attributes) END
            FROM (SELECT n.key, n.activity_type, n.moment, n.attributes,
                         CASE WHEN EXISTS (SELECT FROM leadscore.activity_type t WHERE t.activity_type = n.activity_type) THEN k.person_id END AS person_id
                  FROM leadscore._source_rows(source.source_id) n
                  LEFT JOIN leadscore._person_key k ON k.kind = source.person_kind AND k.external_id = n.person AND coalesce(k.tenant, '') = coalesce(n.tenant, '')) r
            FULL JOIN (SELECT b.person_id, b.activity_id, b.source_key, b.activity_type, b.occurred_at, b.attributes
                       FROM leadscore.activity b WHERE b.source_id = source.source_id
                       UNION ALL
                       SELECT NULL, NULL, w.source_key, w.activity_type, w.occurred_at, w.attributes
                       FROM leadscore.waiting w WHERE w.source_id = source.source_id) a ON a.source_key = r.key
            WHERE a.source_key IS NULL OR r.key IS NULL
               OR (a.person_id, a.activity_type, a.occurred_at, a.attributes)
                  IS DISTINCT FROM (r.person_id, r.activity_type, coalesce(r.moment, a.occurred_at), r.attributes)
            ORDER BY 2;
        END IF;
        EXCEPTION WHEN OTHERS THEN
            -- One table that cannot be read keeps nothing else from being verified.
            RETURN QUERY SELECT NULL::bigint, format('%s cannot be read', source.source), NULL::int, NULL::bigint, NULL::text, SQLERRM;
        END;
    END LOOP;

    -- Shards that came from another node, and what the other nodes find.
    IF NOT leadscore._is_clustered() THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT NULL::bigint, format('shard %s came and is not followed', n.relation), NULL::int, NULL::bigint, NULL::text, 'CALL leadscore.spread(); on the coordinator'
    FROM leadscore._arrived_shards() n;
    RETURN QUERY
    SELECT d.person_id, format('node %s: %s', a.node, d.item), d.rule_id, d.activity_id, d.stored, d.derived
    FROM leadscore._ask_all('SELECT * FROM leadscore.verify()') a
    CROSS JOIN LATERAL jsonb_to_recordset(a.answer) d(person_id bigint, item text, rule_id int, activity_id bigint, stored text, derived text);
END $$;
COMMENT ON FUNCTION leadscore.verify() IS 'Derives everything anew and returns one row for each difference to what is stored; none when all is exact';
