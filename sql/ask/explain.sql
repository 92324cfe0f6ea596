-- Why a score is what it is.

CREATE FUNCTION leadscore._explain(person_id bigint, on_day date, scorecard text, all_lines boolean)
RETURNS TABLE (rule text, activity_id bigint, activity_type text, occurred_at timestamptz, points bigint,
               counts boolean, counts_from date, counts_until date, why text)
LANGUAGE c STABLE ROWS 50 AS 'MODULE_PATHNAME', 'explain_wrapper';
COMMENT ON FUNCTION leadscore._explain(bigint, date, text, boolean) IS 'The lines of explain(), or those that count alone';

-- Without a day, explains the score as it stands between two runs.
CREATE FUNCTION leadscore.explain(person_id bigint, on_day date DEFAULT NULL, scorecard text DEFAULT 'main')
RETURNS TABLE (rule text, activity_id bigint, activity_type text, occurred_at timestamptz, points bigint,
               counts boolean, counts_from date, counts_until date, why text)
LANGUAGE plpgsql STABLE ROWS 50 SET search_path = pg_catalog, pg_temp SET jit = off AS $$
#variable_conflict use_column
BEGIN
    PERFORM leadscore._need_person(explain.person_id, 'explain'), leadscore._need_scorecard(explain.scorecard, 'explain');
    IF on_day IS NOT NULL THEN
        PERFORM leadscore._check_day(on_day, 'explain');
    END IF;
    RETURN QUERY SELECT * FROM leadscore._explain(explain.person_id, on_day, explain.scorecard, true);
END $$;
COMMENT ON FUNCTION leadscore.explain(bigint, date, text) IS 'What a person''s score is made of on a day, or as it stands now, and what does not count, and why: points where counts sum to the score';
