-- What a run does for those who read leadscore.category_change as an outbox: it sends word, and
-- removes what has been kept long enough.

-- The oldest rows go first, up to the first one that stays, found from the low end of the index:
-- what that costs is what there is to remove. Time here is the clock's, whatever day is scored.
-- A table that was left to grow is brought down in several nights.
CREATE FUNCTION leadscore._trim_category_changes(at_most int DEFAULT 1000000) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET enable_seqscan = off AS $$
DECLARE
    before  timestamptz := (SELECT (leadscore.scoring_day() - s.keep_category_changes) AT TIME ZONE s.time_zone
                            FROM leadscore.settings s);
    removed bigint;
BEGIN
    IF before IS NULL THEN
        RETURN 0;
    END IF;
    DELETE FROM leadscore.category_change c
    WHERE c.change_id < coalesce((SELECT k.change_id FROM leadscore.category_change k
                                  WHERE k.changed_at >= before ORDER BY k.change_id LIMIT 1),
                                 (SELECT max(k.change_id) + 1 FROM leadscore.category_change k))
      AND c.change_id < (SELECT min(k.change_id) + at_most FROM leadscore.category_change k);
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END $$;
COMMENT ON FUNCTION leadscore._trim_category_changes(int) IS 'Removes changes of category that were kept as long as settings.keep_category_changes says, at most so many, and returns how many';
REVOKE ALL ON FUNCTION leadscore._trim_category_changes(int) FROM PUBLIC;

-- Listeners hear of it when the run commits.
CREATE FUNCTION leadscore._end_run(run leadscore.run) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._trim_category_changes();
    -- By now everybody has the present names.
    IF EXISTS (SELECT FROM leadscore.renamed_category) THEN
        DELETE FROM leadscore.renamed_category;
        PERFORM leadscore._forget_configuration();
    END IF;
    PERFORM pg_notify(s.notify_channel, json_build_object(
                'run_id', run.run_id, 'scored_on', run.scored_on,
                'records_added', run.records_added, 'records_removed', run.records_removed,
                'persons_changed', run.persons_changed, 'categories_changed', run.categories_changed)::text)
    FROM leadscore.settings s
    WHERE s.notify_channel IS NOT NULL;
END $$;
COMMENT ON FUNCTION leadscore._end_run(leadscore.run) IS 'Removes old changes of category and sends word of a run';
REVOKE ALL ON FUNCTION leadscore._end_run(leadscore.run) FROM PUBLIC;
