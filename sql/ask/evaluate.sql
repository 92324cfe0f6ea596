-- Whether a score foretells an outcome, and which points and bands would do it better. Reads only: nothing is written, and
-- nothing is imported.

CREATE FUNCTION leadscore._figure(figure double precision) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN trim_scale(round(figure::numeric, 6));
COMMENT ON FUNCTION leadscore._figure(double precision) IS 'A rate or quotient with six decimals';

CREATE FUNCTION leadscore._check_evaluation_length(purpose text, name text, length interval) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' AS $$
BEGIN
    -- In this order: an infinite one has no fields.
    IF length IS NULL OR length NOT BETWEEN '1 day' AND '1000 years' OR date_trunc('day', length) <> length
        OR least(extract(year FROM length), extract(month FROM length), extract(day FROM length)) < 0 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('%s: %s of %s cannot be used', purpose, name, coalesce(quote_literal(length), 'NULL')),
            DETAIL = format('%s is a length of whole days, at least one of them and at most 1000 years.', name),
            HINT = 'Use days, weeks, months or years, such as ''90 days''.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._check_evaluation_length(text, text, interval) IS 'Refuses a length of time that is not of whole days';

-- The configuration that is evaluated: that which there is, or what a document makes of it.
CREATE FUNCTION leadscore._evaluated_config(config jsonb, tenant text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN leadscore._assumption(CASE WHEN config IS NULL THEN '{}' ELSE leadscore._checked_config(config::text, _evaluated_config.tenant) END,
                                 _evaluated_config.tenant);
END $$;
COMMENT ON FUNCTION leadscore._evaluated_config(jsonb, text) IS 'The configuration as it is, or with what a checked document changes';

CREATE FUNCTION leadscore._check_evaluated(purpose text, assumption jsonb, person_kind text, scorecard text, tenant text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF scorecard IS DISTINCT FROM 'main' AND NOT coalesce(assumption -> 'scorecards' @> jsonb_build_array(jsonb_build_object('scorecard', scorecard)), false) THEN
        RAISE undefined_object USING
            MESSAGE = format('%s: scorecard %s does not exist', purpose, coalesce(quote_literal(scorecard), 'NULL')),
            DETAIL = 'Neither leadscore.scorecard nor the configuration has it.',
            HINT = 'Leave it out for main; SELECT scorecard FROM leadscore.scorecard; lists all.';
    ELSIF NOT EXISTS (SELECT FROM leadscore.person p WHERE p.kind = _check_evaluated.person_kind) AND person_kind IS NOT NULL THEN
        RAISE undefined_object USING
            MESSAGE = format('%s: there is no person of kind %L', purpose, person_kind),
            DETAIL = 'leadscore.person has no row of that kind, or none that you may see.',
            HINT = 'Leave it out for all kinds; SELECT DISTINCT kind FROM leadscore.person; lists them.';
    ELSIF NOT EXISTS (SELECT FROM leadscore.person p WHERE p.tenant = _check_evaluated.tenant) AND tenant IS NOT NULL THEN
        RAISE undefined_object USING
            MESSAGE = format('%s: there is no person of tenant %L', purpose, tenant),
            DETAIL = 'leadscore.person has no row of that tenant, or none that you may see.',
            HINT = 'Leave it out for the persons of all tenants.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._check_evaluated(text, jsonb, text, text, text) IS 'Refuses a scorecard, a kind and a tenant that do not exist';

CREATE FUNCTION leadscore._outcome_question(
    purpose text, assumption jsonb, outcome text, horizon interval, from_day date, until_day date, every interval,
    person_kind text, scorecard text, tenant text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' AS $$
BEGIN
    IF NOT coalesce(assumption -> 'activity_types' ? outcome, false) THEN
        RAISE undefined_object USING
            MESSAGE = format('%s: activity type %s does not exist', purpose, coalesce(quote_literal(outcome), 'NULL')),
            DETAIL = 'The outcome is an activity type: its activities say who had it, and when.',
            HINT = 'SELECT activity_type FROM leadscore.activity_type; lists all.';
    END IF;
    PERFORM leadscore._check_evaluation_length(purpose, 'horizon', horizon), leadscore._check_evaluation_length(purpose, 'every', every),
            leadscore._check_day(from_day, purpose), leadscore._check_day(until_day, purpose);
    IF from_day > until_day THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('%s: from_day %s is after until_day %s', purpose, to_char(from_day, 'YYYY-MM-DD'), to_char(until_day, 'YYYY-MM-DD')),
            DETAIL = 'Reference days are counted from the first of them to the last.',
            HINT = 'Give the earlier day first; one reference day alone is both.';
    ELSIF from_day + every * 1000 <= until_day THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('%s: from %s to %s every %s there are more than 1000 reference days', purpose, to_char(from_day, 'YYYY-MM-DD'), to_char(until_day, 'YYYY-MM-DD'), every),
            DETAIL = 'Each is looked at for every person.',
            HINT = 'Name a longer every, such as ''1 month'', or days that are nearer to one another.';
    END IF;
    PERFORM leadscore._check_evaluated(purpose, assumption, person_kind, scorecard, tenant);
    RETURN jsonb_build_object('purpose', purpose, 'outcome', outcome, 'horizon', horizon::text, 'from_day', from_day, 'until_day', until_day,
                              'every', every::text, 'person_kind', person_kind, 'scorecard', scorecard, 'tenant', tenant);
END $$;
COMMENT ON FUNCTION leadscore._outcome_question(text, jsonb, text, interval, date, date, interval, text, text, text) IS 'What is asked about an outcome, checked';

CREATE FUNCTION leadscore._evaluate(assumption text, question text)
RETURNS TABLE (category text, persons bigint, outcomes bigint, rate double precision, low double precision, high double precision,
               lift double precision, auc double precision, top_decile double precision)
LANGUAGE c STABLE COST 100000 ROWS 10 AS 'MODULE_PATHNAME', 'evaluate_wrapper';
COMMENT ON FUNCTION leadscore._evaluate(text, text) IS 'The rows of evaluate()';

CREATE FUNCTION leadscore.evaluate(
    outcome text, horizon interval, from_day date, until_day date, every interval DEFAULT '1 month', person_kind text DEFAULT NULL,
    scorecard text DEFAULT 'main', config jsonb DEFAULT NULL, tenant text DEFAULT NULL)
RETURNS TABLE (category text, persons bigint, outcomes bigint, rate numeric, low numeric, high numeric, lift numeric, auc numeric, top_decile numeric)
LANGUAGE plpgsql STABLE ROWS 10 SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    assumption jsonb := leadscore._evaluated_config(config, evaluate.tenant);
BEGIN
    RETURN QUERY
    SELECT e.category, e.persons, e.outcomes, leadscore._figure(e.rate), leadscore._figure(e.low), leadscore._figure(e.high),
           leadscore._figure(e.lift), leadscore._figure(e.auc), leadscore._figure(e.top_decile)
    FROM leadscore._evaluate(assumption::text, leadscore._outcome_question(
        'evaluate', assumption, outcome, horizon, from_day, until_day, every, person_kind, evaluate.scorecard, evaluate.tenant)::text) e;
END $$;
COMMENT ON FUNCTION leadscore.evaluate(text, interval, date, date, interval, text, text, jsonb, text) IS 'Whether the score of past days, as known then, foretold an outcome within a length of time: for each category and for all how many had it, with 95 % limits, lift, AUC and the share of the top tenth; with a document, by that configuration';
