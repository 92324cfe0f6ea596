-- One screen: how things stand.
-- A function, since a view cannot keep the planner from compiling what reads whole tables once.
CREATE FUNCTION leadscore._status_here()
RETURNS TABLE (scored_on date, last_run_at timestamptz, last_run_took interval, rebuild_due boolean, time_zone text, persons bigint,
               categories text, rules bigint, activities_about bigint, score_records_about bigint, category_changes_7 bigint,
               pending bigint, pending_since timestamptz, tenant text)
LANGUAGE sql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp SET jit = off
BEGIN ATOMIC
    WITH present AS MATERIALIZED (
        SELECT p.tenant, p.category, count(*) FILTER (WHERE p.active) AS persons FROM leadscore.person p GROUP BY p.tenant, p.category
    ), tenant AS MATERIALIZED (
        SELECT c.tenant, sum(c.persons)::bigint AS persons,
               string_agg(format('%s %s', coalesce(c.category, 'none'), c.persons), ', ' ORDER BY c.persons DESC, c.category) FILTER (WHERE c.persons > 0) AS categories
        FROM present c
        GROUP BY c.tenant
        UNION ALL
        SELECT NULL::text AS tenant, 0::bigint AS persons, NULL::text AS categories WHERE NOT EXISTS (SELECT FROM present)
    ), changed AS (
        SELECT p.tenant, count(*) AS changes
        FROM leadscore.state w
        JOIN leadscore.category_change h ON h.scored_on > w.scored_on - 7
        JOIN leadscore.person p ON p.person_id = h.person_id
        GROUP BY p.tenant
    ), waiting AS (
        SELECT p.tenant, count(DISTINCT n.person_id) AS persons, min(n.recorded_at) AS since
        FROM leadscore.pending n
        JOIN leadscore.person p ON p.person_id = n.person_id
        GROUP BY p.tenant
    ), common AS (
        SELECT r.name FROM leadscore.rule r WHERE r.tenant IS NULL AND r.enabled
    ), own AS (
        -- A tenant's rule takes the place of everybody's of the same name.
        SELECT r.tenant, count(*) FILTER (WHERE r.enabled) - count(c.name) AS more
        FROM leadscore.rule r
        LEFT JOIN common c ON c.name = r.name
        WHERE r.tenant IS NOT NULL
        GROUP BY r.tenant
    )
    SELECT w.scored_on,
           r.finished_at AS last_run_at,
           r.finished_at - r.started_at AS last_run_took,
           coalesce(i.rebuild_due, true) AS rebuild_due,
           s.time_zone,
           t.persons,
           t.categories,
           (SELECT count(*) FROM common) + coalesce(o.more, 0) AS rules,
           a.activities AS activities_about,
           a.records AS score_records_about,
           coalesce(h.changes, 0) AS category_changes_7,
           coalesce(n.persons, 0) AS pending,
           n.since AS pending_since,
           t.tenant
    FROM tenant t
    CROSS JOIN leadscore.state w
    CROSS JOIN leadscore.settings s
    LEFT JOIN leadscore.instance i ON true
    LEFT JOIN LATERAL (SELECT u.started_at, u.finished_at FROM leadscore.run u ORDER BY u.run_id DESC LIMIT 1) r ON true
    -- Statistics are those of whole tables, so they are for who sees all of them.
    LEFT JOIN LATERAL (SELECT max(c.reltuples) FILTER (WHERE c.relname = 'activity')::bigint AS activities,
                              max(c.reltuples) FILTER (WHERE c.relname = 'score_record')::bigint AS records
                       FROM (SELECT x.relname, greatest(x.reltuples, 0) AS reltuples FROM pg_class x
                             WHERE x.oid IN ('leadscore.activity'::regclass, 'leadscore.score_record'::regclass)) c
                       WHERE NOT row_security_active('leadscore.person')) a ON true
    LEFT JOIN own o ON o.tenant = t.tenant
    LEFT JOIN changed h ON h.tenant IS NOT DISTINCT FROM t.tenant
    LEFT JOIN waiting n ON n.tenant IS NOT DISTINCT FROM t.tenant
    ORDER BY t.tenant NULLS FIRST;
END;
COMMENT ON FUNCTION leadscore._status_here() IS 'How things stand on this node';

CREATE FUNCTION leadscore._status()
RETURNS TABLE (scored_on date, last_run_at timestamptz, last_run_took interval, rebuild_due boolean, time_zone text, persons bigint,
               categories text, rules bigint, activities_about bigint, score_records_about bigint, category_changes_7 bigint,
               pending bigint, pending_since timestamptz, tenant text)
LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF leadscore._leads() THEN
        RETURN QUERY SELECT s.* FROM leadscore._status_everywhere() s;
    ELSE
        RETURN QUERY SELECT s.* FROM leadscore._status_here() s;
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._status() IS 'The rows of leadscore.status';
CREATE VIEW leadscore.status WITH (security_invoker = true) AS SELECT x.* FROM leadscore._status() x;
COMMENT ON VIEW leadscore.status IS 'How things stand, on one screen: use it with \x; where customers share the database, a row for each tenant that has persons';
COMMENT ON COLUMN leadscore.status.scored_on IS 'The day for which the scores stand';
COMMENT ON COLUMN leadscore.status.last_run_at IS 'When the last run had done its work';
COMMENT ON COLUMN leadscore.status.last_run_took IS 'How long it took';
COMMENT ON COLUMN leadscore.status.rebuild_due IS 'Whether rules, categories or settings changed since, so that the next run derives anew whom that concerns';
COMMENT ON COLUMN leadscore.status.time_zone IS 'The time zone whose days count';
COMMENT ON COLUMN leadscore.status.persons IS 'Persons who are active';
COMMENT ON COLUMN leadscore.status.categories IS 'How many persons are in which category';
COMMENT ON COLUMN leadscore.status.rules IS 'Rules that are enabled and can apply to them';
COMMENT ON COLUMN leadscore.status.activities_about IS 'Activities of all tenants together, by the statistics of the last ANALYZE; NULL for a role to which policies on persons apply';
COMMENT ON COLUMN leadscore.status.score_records_about IS 'Score records of all tenants together, by the statistics of the last ANALYZE; NULL for a role to which policies on persons apply';
COMMENT ON COLUMN leadscore.status.category_changes_7 IS 'Changes of category in the last 7 days, as far as they are kept';
COMMENT ON COLUMN leadscore.status.pending IS 'Persons that wait to be scored, in deferred mode or by a run in batches';
COMMENT ON COLUMN leadscore.status.pending_since IS 'Since when the first of them waits';
COMMENT ON COLUMN leadscore.status.tenant IS 'Whose persons they are; NULL: of no tenant';
