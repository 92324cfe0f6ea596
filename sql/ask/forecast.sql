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
