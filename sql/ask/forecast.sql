-- The score of a person on any day, and its course: past, and future if nothing more is registered.

CREATE FUNCTION leadscore._score_at(person_id bigint, on_day date, scorecard text) RETURNS bigint
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'score_at_wrapper';
COMMENT ON FUNCTION leadscore._score_at(bigint, date, text) IS 'The score of a person on a day';

CREATE FUNCTION leadscore.score_at(person_id bigint, on_day date, scorecard text DEFAULT 'main') RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    PERFORM leadscore._check_day(on_day, 'score_at'), leadscore._need_person(score_at.person_id, 'score_at'),
            leadscore._need_scorecard(score_at.scorecard, 'score_at');
    RETURN leadscore._score_at(score_at.person_id, on_day, score_at.scorecard);
END $$;
COMMENT ON FUNCTION leadscore.score_at(bigint, date, text) IS 'The score of a person on any day, in points; an error when there is no such person, day or scorecard';

CREATE FUNCTION leadscore._course(person_id bigint, from_day date, until_day date, scorecard text)
RETURNS TABLE (day date, score bigint, category text)
LANGUAGE c STABLE STRICT ROWS 100 AS 'MODULE_PATHNAME', 'course_wrapper';
COMMENT ON FUNCTION leadscore._course(bigint, date, date, text) IS 'A person''s score on a day and on each day until another on which it or its category changes, if nothing more is registered';

CREATE FUNCTION leadscore.history(person_id bigint, from_day date, until_day date, scorecard text DEFAULT 'main')
RETURNS TABLE (day date, score bigint, category text)
LANGUAGE plpgsql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    PERFORM leadscore._need_person(history.person_id, 'history'), leadscore._check_day(from_day, 'history'),
            leadscore._check_day(until_day, 'history'), leadscore._need_scorecard(history.scorecard, 'history');
    IF until_day < from_day THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('history: %s until %s is no period', from_day, until_day),
            DETAIL = 'The last day comes before the first.',
            HINT = 'Give the earlier day first.';
    END IF;
    RETURN QUERY SELECT * FROM leadscore._course(history.person_id, from_day, until_day, history.scorecard);
END $$;
COMMENT ON FUNCTION leadscore.history(bigint, date, date, text) IS 'The score and category of a person on a day and on each day until another, both included, on which they change; by the activities that are kept and the rules and status of today';

CREATE FUNCTION leadscore.forecast(person_id bigint, until date, scorecard text DEFAULT 'main')
RETURNS TABLE (day date, score bigint, category text)
LANGUAGE plpgsql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    today date := (SELECT s.scored_on FROM leadscore.state s);
BEGIN
    PERFORM leadscore._need_person(forecast.person_id, 'forecast'), leadscore._check_day(until, 'forecast'),
            leadscore._need_scorecard(forecast.scorecard, 'forecast');
    IF until > today THEN
        RETURN QUERY SELECT c.* FROM leadscore._course(forecast.person_id, today, until, forecast.scorecard) c WHERE c.day > today;
    END IF;
END $$;
COMMENT ON FUNCTION leadscore.forecast(bigint, date, text) IS 'Each day after the last run''s until another, included, on which a person''s score or category changes if nothing more is registered';

-- For everybody at once, so it starts from what is stored and looks only at what will change it:
-- records that end, decay or start, and penalties of those for whom one can fall due.
CREATE FUNCTION leadscore.cooling(within_days int)
RETURNS TABLE (person_id bigint, kind text, external_id text, owner text, score bigint, category text,
               falls_on date, falls_to_score bigint, falls_to_category text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    today date := (SELECT s.scored_on FROM leadscore.state s);
    until date;
    ids   bigint[];
BEGIN
    IF within_days IS NULL OR within_days NOT BETWEEN 1 AND 36600 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('cooling: %s is no number of days', coalesce(within_days::text, 'NULL')),
            DETAIL = 'It looks from 1 day to a hundred years ahead.',
            HINT = 'Ask for the coming week with SELECT * FROM leadscore.cooling(7);';
    END IF;
    until := today + within_days;
    -- Only who stands above the lowest category can fall.
    ids := ARRAY(SELECT u.person_id
                 FROM leadscore.due u
                 JOIN leadscore.person p ON p.person_id = u.person_id
                 CROSS JOIN LATERAL leadscore._band_at(p.kind, p.score) b
                 WHERE u.due_on <= until AND b.low IS NOT NULL);
    RETURN QUERY
    WITH record AS (
        SELECT s.person_id, s.points, s.counts_from, s.counts_until, s.decays_until,
               -- Whether the stored score has it in already.
               s.counts_from <= greatest(today, p.scored_through) AS counted
        FROM leadscore.score_record s
        JOIN leadscore.person p ON p.person_id = s.person_id
        WHERE s.counts_until <= until OR s.decays_until IS NOT NULL OR s.counts_from > today
        UNION ALL
        SELECT n.person_id, n.points, n.counts_from, least(n.window_end, n.displaced_on), NULL, false
        FROM leadscore._penalty(today, until) n
        WHERE n.person_id = ANY (ids) AND n.counts_from > today AND n.counts_from <= until
    ), step AS (
        SELECT r.person_id, x.day, sum(x.change) AS change
        FROM record r
        CROSS JOIN LATERAL leadscore._step(r.points, r.counts_from, r.counts_until, r.decays_until, today, until) x
        WHERE NOT r.counted OR x.day > greatest(r.counts_from, today)
        GROUP BY r.person_id, x.day
    ), course AS (
        SELECT t.person_id, t.day, sum(t.change) OVER (PARTITION BY t.person_id ORDER BY t.day) AS change
        FROM step t
    ), fall AS (
        SELECT DISTINCT ON (c.person_id) p.*, b.name AS present, c.day, (p.score + c.change)::bigint AS falls_to_score
        FROM course c
        JOIN leadscore.person p ON p.person_id = c.person_id
        CROSS JOIN LATERAL leadscore._band_at(p.kind, p.score) b
        WHERE p.score + c.change < b.low AND c.day > greatest(today, p.scored_through)
        ORDER BY c.person_id, c.day
    )
    SELECT f.person_id, f.kind, f.external_id, f.owner, f.score, f.present, f.day, f.falls_to_score, b.name
    FROM fall f
    LEFT JOIN LATERAL leadscore._band_at(f.kind, f.falls_to_score) b ON true
    ORDER BY f.day, f.score DESC, f.person_id;
END $$;
COMMENT ON FUNCTION leadscore.cooling(int) IS 'Persons that will fall to a lower category within so many days if nothing more is registered, when and to which; goes by the scores as they stand';
