-- What a score was, is or will be on any day.
CREATE FUNCTION leadscore.score_at(person_id bigint, on_day date) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    PERFORM leadscore._check_day(on_day, 'score_at');
    PERFORM leadscore._need_person(score_at.person_id, 'score_at');
    RETURN (SELECT coalesce(sum(leadscore._worth(d.points, d.counts_from, d.decays_until, on_day)), 0)::bigint
            FROM leadscore._derived(on_day, false) d
            WHERE d.person_id = score_at.person_id AND d.counts_from <= on_day);
END $$;
COMMENT ON FUNCTION leadscore.score_at(bigint, date) IS 'The score of a person on any day, in points; an error when there is no such person or day';
