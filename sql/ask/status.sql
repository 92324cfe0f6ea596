-- One screen: how things stand.
-- A function, since a view cannot keep the planner from compiling what reads whole tables once.
CREATE FUNCTION leadscore._status()
RETURNS TABLE (scored_on date, last_run_at timestamptz, last_run_took interval, rebuild_due boolean, time_zone text, persons bigint,
               categories text, rules bigint, activities_about bigint, score_records_about bigint, category_changes_7 bigint,
               pending bigint, pending_since timestamptz)
LANGUAGE sql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp SET jit = off
BEGIN ATOMIC
    SELECT w.scored_on,
           r.finished_at AS last_run_at,
           r.finished_at - r.started_at AS last_run_took,
           coalesce(i.rebuild_due, true) AS rebuild_due,
           s.time_zone,
           (SELECT count(*) FROM leadscore.person p WHERE p.active) AS persons,
           (SELECT string_agg(format('%s %s', coalesce(c.category, 'none'), c.persons), ', ' ORDER BY c.persons DESC, c.category)
            FROM (SELECT p.category, count(*) AS persons FROM leadscore.person p WHERE p.active GROUP BY p.category) c) AS categories,
           (SELECT count(*) FROM leadscore.rule u WHERE u.enabled) AS rules,
           (SELECT greatest(c.reltuples, 0)::bigint FROM pg_catalog.pg_class c WHERE c.oid = 'leadscore.activity'::pg_catalog.regclass) AS activities_about,
           (SELECT greatest(c.reltuples, 0)::bigint FROM pg_catalog.pg_class c WHERE c.oid = 'leadscore.score_record'::pg_catalog.regclass) AS score_records_about,
           (SELECT count(*) FROM leadscore.category_change h WHERE h.scored_on > w.scored_on - 7) AS category_changes_7,
           (SELECT count(DISTINCT n.person_id) FROM leadscore.pending n) AS pending,
           (SELECT min(n.recorded_at) FROM leadscore.pending n) AS pending_since
    FROM leadscore.state w
    CROSS JOIN leadscore.settings s
    LEFT JOIN leadscore.instance i ON true
    LEFT JOIN LATERAL (SELECT u.* FROM leadscore.run u ORDER BY u.run_id DESC LIMIT 1) r ON true;
END;
COMMENT ON FUNCTION leadscore._status() IS 'The row of leadscore.status';
CREATE VIEW leadscore.status WITH (security_invoker = true) AS SELECT x.* FROM leadscore._status() x;
COMMENT ON VIEW leadscore.status IS 'How things stand, on one screen: use it with \x';
COMMENT ON COLUMN leadscore.status.scored_on IS 'The day for which the scores stand';
COMMENT ON COLUMN leadscore.status.last_run_at IS 'When the last run had done its work';
COMMENT ON COLUMN leadscore.status.last_run_took IS 'How long it took';
COMMENT ON COLUMN leadscore.status.rebuild_due IS 'Whether rules, categories or settings changed since, so that the next run derives anew whom that concerns';
COMMENT ON COLUMN leadscore.status.time_zone IS 'The time zone whose days count';
COMMENT ON COLUMN leadscore.status.persons IS 'Persons who are active';
COMMENT ON COLUMN leadscore.status.categories IS 'How many persons are in which category';
COMMENT ON COLUMN leadscore.status.rules IS 'Rules that are enabled';
COMMENT ON COLUMN leadscore.status.activities_about IS 'Activities, by the statistics of the last ANALYZE';
COMMENT ON COLUMN leadscore.status.score_records_about IS 'Score records, by the statistics of the last ANALYZE';
COMMENT ON COLUMN leadscore.status.category_changes_7 IS 'Changes of category in the last 7 days, as far as they are kept';
COMMENT ON COLUMN leadscore.status.pending IS 'Persons that wait to be scored, in deferred mode or by a run in batches';
COMMENT ON COLUMN leadscore.status.pending_since IS 'Since when the first of them waits';
