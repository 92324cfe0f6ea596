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

CREATE FUNCTION leadscore._wilson(outcomes bigint, persons bigint) RETURNS TABLE (low double precision, high double precision)
LANGUAGE c IMMUTABLE ROWS 1 PARALLEL SAFE AS 'MODULE_PATHNAME', 'wilson_wrapper';
COMMENT ON FUNCTION leadscore._wilson(bigint, bigint) IS 'Wilson''s 95 % limits of a rate; NULL of nobody';

-- The configuration that is evaluated: that which there is, or what a document makes of it.
CREATE FUNCTION leadscore._evaluated_config(config jsonb, tenant text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN leadscore._assumption(CASE WHEN config IS NULL THEN '{}' ELSE leadscore._checked_config(config::text, _evaluated_config.tenant) END,
                                 _evaluated_config.tenant);
END $$;
COMMENT ON FUNCTION leadscore._evaluated_config(jsonb, text) IS 'The configuration as it is, or with what a checked document changes';

CREATE FUNCTION leadscore._is_anybody(person_kind text, tenant text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM leadscore.person p
                   WHERE (person_kind IS NULL OR p.kind = person_kind) AND (_is_anybody.tenant IS NULL OR p.tenant = _is_anybody.tenant))
        OR EXISTS (SELECT FROM leadscore._ask_all(format('SELECT FROM leadscore.person p WHERE (%1$L IS NULL OR p.kind = %1$L) AND (%2$L IS NULL OR p.tenant = %2$L) LIMIT 1',
                                                         person_kind, _is_anybody.tenant)) a
                   WHERE a.answer <> '[]');
END $$;
COMMENT ON FUNCTION leadscore._is_anybody(text, text) IS 'Whether there is a person of a kind, or of a tenant, whom the role may see, on this node or, asked on the coordinator, on any';

CREATE FUNCTION leadscore._check_evaluated(purpose text, assumption jsonb, person_kind text, scorecard text, tenant text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF scorecard IS DISTINCT FROM 'main' AND NOT coalesce(assumption -> 'scorecards' @> jsonb_build_array(jsonb_build_object('scorecard', scorecard)), false) THEN
        RAISE undefined_object USING
            MESSAGE = format('%s: scorecard %s does not exist', purpose, coalesce(quote_literal(scorecard), 'NULL')),
            DETAIL = 'Neither leadscore.scorecard nor the configuration has it.',
            HINT = 'Leave it out for main; SELECT scorecard FROM leadscore.scorecard; lists all.';
    ELSIF person_kind IS NOT NULL AND NOT leadscore._is_anybody(person_kind, NULL) THEN
        RAISE undefined_object USING
            MESSAGE = format('%s: there is no person of kind %L', purpose, person_kind),
            DETAIL = 'leadscore.person has no row of that kind, or none that you may see.',
            HINT = 'Leave it out for all kinds; SELECT DISTINCT kind FROM leadscore.person; lists them.';
    ELSIF tenant IS NOT NULL AND NOT leadscore._is_anybody(NULL, tenant) THEN
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
    ELSIF every < '100 years' AND from_day + every * 1000 <= until_day THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('%s: from %s to %s every %s there are more than 1000 reference days', purpose, to_char(from_day, 'YYYY-MM-DD'), to_char(until_day, 'YYYY-MM-DD'), every),
            DETAIL = 'Each is looked at for every person.',
            HINT = 'Name a longer every, such as ''1 month'', or days that are nearer to one another.';
    END IF;
    PERFORM leadscore._check_evaluated(purpose, assumption, person_kind, scorecard, tenant);
    RETURN jsonb_build_object('purpose', purpose, 'outcome', outcome, 'horizon', horizon::text, 'from_day', from_day, 'until_day', until_day,
                              'every', every::text, 'known_until', (SELECT s.scored_on FROM leadscore.state s), 'person_kind', person_kind, 'scorecard', scorecard, 'tenant', tenant);
END $$;
COMMENT ON FUNCTION leadscore._outcome_question(text, jsonb, text, interval, date, date, interval, text, text, text) IS 'What is asked about an outcome, checked';

-- Questions about everybody come in two steps: a part of the answer from the persons of each node, which can be added up, and what it
-- makes of all parts. A server by itself is one node.
CREATE FUNCTION leadscore._evaluation_part(assumption text, question text) RETURNS text
LANGUAGE c STABLE COST 100000 AS 'MODULE_PATHNAME', 'evaluation_part_wrapper';
COMMENT ON FUNCTION leadscore._evaluation_part(text, text) IS 'Counts for evaluate() and suggest_bands() of the persons of this node';

CREATE FUNCTION leadscore._evaluate(question text, parts text[])
RETURNS TABLE (category text, persons bigint, outcomes bigint, rate double precision, low double precision, high double precision,
               lift double precision, auc double precision, top_decile double precision)
LANGUAGE c STABLE ROWS 10 AS 'MODULE_PATHNAME', 'evaluate_wrapper';
COMMENT ON FUNCTION leadscore._evaluate(text, text[]) IS 'The rows of evaluate(), from the counts of all nodes';

CREATE FUNCTION leadscore.evaluate(
    outcome text, horizon interval, from_day date, until_day date, every interval DEFAULT '1 month', person_kind text DEFAULT NULL,
    scorecard text DEFAULT 'main', config jsonb DEFAULT NULL, tenant text DEFAULT NULL)
RETURNS TABLE (category text, persons bigint, outcomes bigint, rate numeric, low numeric, high numeric, lift numeric, auc numeric, top_decile numeric)
LANGUAGE plpgsql STABLE ROWS 10 SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    assumption jsonb := leadscore._evaluated_config(config, evaluate.tenant);
    question   jsonb := leadscore._outcome_question('evaluate', assumption, outcome, horizon, from_day, until_day, every, person_kind,
                                                    evaluate.scorecard, evaluate.tenant);
BEGIN
    RETURN QUERY
    SELECT e.category, e.persons, e.outcomes, leadscore._figure(e.rate), leadscore._figure(e.low), leadscore._figure(e.high),
           leadscore._figure(e.lift), leadscore._figure(e.auc), leadscore._figure(e.top_decile)
    FROM leadscore._evaluate(question::text, leadscore._parts('_evaluation_part', assumption, question)) e;
END $$;
COMMENT ON FUNCTION leadscore.evaluate(text, interval, date, date, interval, text, text, jsonb, text) IS 'Whether the score of past days, as known then, foretold an outcome within a length of time: for each category and for all how many had it, with 95 % limits, lift, AUC and the share of the top tenth; with a document, by that configuration';

CREATE FUNCTION leadscore._rules_part(assumption text, question text) RETURNS text
LANGUAGE c STABLE COST 100000 AS 'MODULE_PATHNAME', 'rules_part_wrapper';
COMMENT ON FUNCTION leadscore._rules_part(text, text) IS 'Counts for evaluate_rules() of the persons of this node';

CREATE FUNCTION leadscore._evaluate_rules(assumption text, question text, parts text[])
RETURNS TABLE (rule text, rule_window text, persons_with bigint, outcomes_with bigint, rate_with double precision,
               persons_without bigint, outcomes_without bigint, rate_without double precision,
               lift double precision, auc double precision, auc_without double precision, verdict text)
LANGUAGE c STABLE ROWS 20 AS 'MODULE_PATHNAME', 'evaluate_rules_wrapper';
COMMENT ON FUNCTION leadscore._evaluate_rules(text, text, text[]) IS 'The rows of evaluate_rules(), from the counts of all nodes';

CREATE FUNCTION leadscore.evaluate_rules(
    outcome text, horizon interval, from_day date, until_day date, every interval DEFAULT '1 month', person_kind text DEFAULT NULL,
    scorecard text DEFAULT 'main', config jsonb DEFAULT NULL, windows interval[] DEFAULT NULL, tenant text DEFAULT NULL)
RETURNS TABLE (rule text, rule_window interval, persons_with bigint, outcomes_with bigint, rate_with numeric,
               persons_without bigint, outcomes_without bigint, rate_without numeric, lift numeric, auc numeric, auc_without numeric, verdict text)
LANGUAGE plpgsql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp SET jit = off SET intervalstyle = 'postgres' AS $$
DECLARE
    assumption jsonb := leadscore._evaluated_config(config, evaluate_rules.tenant);
    question   jsonb := leadscore._outcome_question('evaluate_rules', assumption, outcome, horizon, from_day, until_day, every, person_kind,
                                                    evaluate_rules.scorecard, evaluate_rules.tenant);
BEGIN
    IF cardinality(windows) > 20 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('evaluate_rules: %s windows are too many', cardinality(windows)),
            DETAIL = 'Each rule is derived with each of them, up to 20.',
            HINT = 'Name a few lengths of time, such as ''{7 days,30 days,90 days}''.';
    END IF;
    PERFORM leadscore._check_evaluation_length('evaluate_rules', 'a window', w) FROM unnest(windows) w;
    question := question || jsonb_build_object('windows', (SELECT coalesce(jsonb_agg(DISTINCT w::text), '[]') FROM unnest(windows) w));
    RETURN QUERY
    SELECT e.rule, e.rule_window::interval, e.persons_with, e.outcomes_with, leadscore._figure(e.rate_with),
           e.persons_without, e.outcomes_without, leadscore._figure(e.rate_without),
           leadscore._figure(e.lift), leadscore._figure(e.auc), leadscore._figure(e.auc_without), e.verdict
    FROM leadscore._evaluate_rules(assumption::text, question::text, leadscore._parts('_rules_part', assumption, question)) WITH ORDINALITY
         e(rule, rule_window, persons_with, outcomes_with, rate_with, persons_without, outcomes_without, rate_without, lift, auc, auc_without, verdict, nth)
    ORDER BY min(e.nth) OVER (PARTITION BY e.rule), e.nth;
END $$;
COMMENT ON FUNCTION leadscore.evaluate_rules(text, interval, date, date, interval, text, text, jsonb, interval[], text) IS 'What each rule adds to what the score of past days foretold: outcome rates of persons with and without it, AUC of the score with and without it, and a verdict; with windows, the same rule for other lengths of time';

CREATE FUNCTION leadscore._lesson_part(assumption text, question text) RETURNS text
LANGUAGE c STABLE COST 100000 AS 'MODULE_PATHNAME', 'lesson_part_wrapper';
COMMENT ON FUNCTION leadscore._lesson_part(text, text) IS 'What suggest_points() learns from the persons of this node: what rules gave them, and whether the outcome followed';

CREATE FUNCTION leadscore._learn_points(assumption text, question text, parts text[])
RETURNS TABLE (points text, persons bigint, outcomes bigint, learned_until date)
LANGUAGE c STABLE COST 100000 ROWS 1 AS 'MODULE_PATHNAME', 'learn_points_wrapper';
COMMENT ON FUNCTION leadscore._learn_points(text, text, text[]) IS 'What suggest_points() suggests, by name of the rule, from what all nodes teach';

CREATE FUNCTION leadscore._judgement_part(assumption text, question text) RETURNS text
LANGUAGE c STABLE COST 100000 AS 'MODULE_PATHNAME', 'judgement_part_wrapper';
COMMENT ON FUNCTION leadscore._judgement_part(text, text) IS 'Scores of the persons of this node on the judged days, by the points of before and by those that are suggested';

CREATE FUNCTION leadscore._judge_points(question text, parts text[])
RETURNS TABLE (auc_before double precision, auc_after double precision, judged_from date, judged_persons bigint, judged_outcomes bigint,
               gain_low double precision, gain_high double precision)
LANGUAGE c STABLE COST 100000 ROWS 1 AS 'MODULE_PATHNAME', 'judge_points_wrapper';
COMMENT ON FUNCTION leadscore._judge_points(text, text[]) IS 'What suggested points would have been worth, from the scores of all nodes';

-- The rules are those of the document, or those that there are; a tenant gets rules of its own in the place of everybody's.
CREATE FUNCTION leadscore._with_points(config jsonb, points jsonb, tenant text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rules jsonb := coalesce(config -> 'rules', leadscore.export_config(_with_points.tenant) -> 'rules', '[]');
BEGIN
    IF tenant IS NOT NULL THEN
        rules := rules || (SELECT coalesce(jsonb_agg(e.rule ORDER BY e.nth), '[]')
                           FROM jsonb_array_elements(leadscore.export_config() -> 'rules') WITH ORDINALITY e(rule, nth)
                           WHERE points ? (e.rule ->> 'name')
                             AND NOT EXISTS (SELECT FROM jsonb_array_elements(rules) o(rule) WHERE o.rule ->> 'name' = e.rule ->> 'name'));
    END IF;
    -- What its tests expect are the points of before.
    RETURN coalesce(config, '{}') - 'tests' || jsonb_build_object('rules', (
        SELECT coalesce(jsonb_agg(r.rule || CASE WHEN points ? (r.rule ->> 'name') THEN jsonb_build_object('points', points -> (r.rule ->> 'name')) ELSE '{}' END
                                  ORDER BY r.nth), '[]')
        FROM jsonb_array_elements(rules) WITH ORDINALITY r(rule, nth)));
END $$;
COMMENT ON FUNCTION leadscore._with_points(jsonb, jsonb, text) IS 'A document with other points, by name of the rule';

CREATE FUNCTION leadscore.suggest_points(
    outcome text, horizon interval, from_day date, until_day date, every interval DEFAULT '1 month', person_kind text DEFAULT NULL,
    scorecard text DEFAULT 'main', INOUT config jsonb DEFAULT NULL, keep_signs boolean DEFAULT true, max_points int DEFAULT 20, tenant text DEFAULT NULL,
    OUT auc_before numeric, OUT auc_after numeric, OUT persons bigint, OUT outcomes bigint, OUT learned_until date,
    OUT judged_from date, OUT judged_persons bigint, OUT judged_outcomes bigint, OUT gain_low numeric, OUT gain_high numeric)
RETURNS SETOF record LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    assumption jsonb := leadscore._evaluated_config(suggest_points.config, suggest_points.tenant);
    question   jsonb := leadscore._outcome_question('suggest_points', assumption, outcome, horizon, from_day, until_day, every, person_kind,
                                                    suggest_points.scorecard, suggest_points.tenant);
    learned    record;
BEGIN
    IF max_points IS NULL OR max_points NOT BETWEEN 1 AND 1000 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('suggest_points: max_points of %s cannot be used', coalesce(max_points::text, 'NULL')),
            DETAIL = 'A rule gives or takes from 1 to 1000 points at most.',
            HINT = 'Leave it out for 20.';
    ELSIF keep_signs IS NULL THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'suggest_points: keep_signs is NULL',
            DETAIL = 'Rules that give points either may come to take them, or may not.',
            HINT = 'Leave it out for true.';
    END IF;
    question := question || jsonb_build_object('max_points', max_points, 'keep_signs', keep_signs, 'persons', leadscore._count_persons());
    SELECT * INTO learned FROM leadscore._learn_points(assumption::text, question::text, leadscore._parts('_lesson_part', assumption, question));
    IF NOT FOUND THEN
        RETURN;
    END IF;
    question := question || jsonb_build_object('points', learned.points::jsonb);
    RETURN QUERY
    SELECT leadscore._with_points(suggest_points.config, learned.points::jsonb, suggest_points.tenant), leadscore._figure(j.auc_before), leadscore._figure(j.auc_after),
           learned.persons, learned.outcomes, learned.learned_until, j.judged_from, j.judged_persons, j.judged_outcomes,
           leadscore._figure(j.gain_low), leadscore._figure(j.gain_high)
    FROM leadscore._judge_points(question::text, leadscore._parts('_judgement_part', assumption, question)) j;
END $$;
COMMENT ON FUNCTION leadscore.suggest_points(text, interval, date, date, interval, text, text, jsonb, boolean, int, text) IS 'Whole points for the rules that there are, learned on the earlier reference days and judged on the latest fifth of them: a document for preview(), test_config() and import_config(), AUC of the judged days with the points before and after, and 95 % limits of the gain; imports nothing';

CREATE FUNCTION leadscore._outcomes_by_score(question text, parts text[]) RETURNS TABLE (score bigint, persons bigint, outcomes bigint)
LANGUAGE c STABLE ROWS 100 AS 'MODULE_PATHNAME', 'outcomes_by_score_wrapper';
COMMENT ON FUNCTION leadscore._outcomes_by_score(text, text[]) IS 'Of each score of past days how many had it, and how many of them the outcome, from the counts of all nodes';

CREATE FUNCTION leadscore._scores_part(assumption text, question text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    q record;
BEGIN
    SELECT * INTO q FROM jsonb_to_record(question::jsonb) x(person_kind text, scorecard text, tenant text, known_until date, as_it_is boolean);
    RETURN (SELECT coalesce(jsonb_object_agg(s.score, s.persons), '{}')
            FROM (SELECT p.score, count(*) AS persons
                  FROM (SELECT p.kind, p.score_after AS score
                        FROM leadscore._preview_persons(CASE WHEN NOT q.as_it_is THEN assumption END, q.known_until, q.tenant, q.scorecard) p
                        UNION ALL
                        SELECT p.kind, CASE WHEN q.scorecard = 'main' THEN p.score ELSE coalesce(x.score, 0) END
                        FROM leadscore.person p
                        LEFT JOIN leadscore.person_score x ON x.person_id = p.person_id AND x.scorecard = q.scorecard
                        WHERE q.as_it_is AND p.active AND (q.tenant IS NULL OR p.tenant = q.tenant)) p
                  WHERE (q.person_kind IS NULL OR p.kind = q.person_kind)
                  GROUP BY p.score) s);
END $$;
COMMENT ON FUNCTION leadscore._scores_part(text, text) IS 'Of each score how many persons of this node have it, or would have it by another configuration';

CREATE FUNCTION leadscore._lowest_scores(scores bigint[], persons bigint[], rooms bigint[]) RETURNS TABLE (nth int, min_score bigint, persons bigint)
LANGUAGE c IMMUTABLE ROWS 3 AS 'MODULE_PATHNAME', 'lowest_scores_wrapper';
COMMENT ON FUNCTION leadscore._lowest_scores(bigint[], bigint[], bigint[]) IS 'Bands for so many each, the highest first, of persons by score; the row 0 is who is left';

-- The latest reference days whose horizon is over: up to twelve, a month apart.
CREATE FUNCTION leadscore._latest_reference_day(horizon interval) RETURNS date
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known_until date := (SELECT s.scored_on FROM leadscore.state s);
    day         date := known_until - horizon;
BEGIN
    -- Months are not all as long.
    WHILE day + horizon > known_until LOOP
        day := day - 1;
    END LOOP;
    -- Eleven months before it must be days, too.
    RETURN CASE WHEN day >= '0002-01-01' THEN day END;
END $$;
COMMENT ON FUNCTION leadscore._latest_reference_day(interval) IS 'The latest day whose horizon is over by the last run''s day; NULL if that is before the calendar';

CREATE FUNCTION leadscore._outcome_course(assumption text, question text, ids bigint[])
RETURNS TABLE (day date, category text, persons bigint, outcomes bigint)
LANGUAGE c STABLE COST 100000 ROWS 20 AS 'MODULE_PATHNAME', 'outcome_course_wrapper';
COMMENT ON FUNCTION leadscore._outcome_course(text, text, bigint[]) IS 'Of some persons, or all, by reference day and category how many there were, and how many of them had the outcome';

-- Six reference days, a month apart: each is derived for every person.
CREATE FUNCTION leadscore._outcomes(ids bigint[], scorecard text)
RETURNS TABLE (day date, category text, persons bigint, outcomes bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    outcome    record;
    day        date;
    assumption jsonb;
BEGIN
    SELECT s.outcome_type, s.outcome_horizon INTO outcome FROM leadscore.settings s;
    day := leadscore._latest_reference_day(outcome.outcome_horizon);
    IF outcome.outcome_type IS NULL OR day IS NULL THEN
        RETURN;
    END IF;
    assumption := leadscore._evaluated_config(NULL, NULL);
    RETURN QUERY
    SELECT c.* FROM leadscore._outcome_course(assumption::text, leadscore._outcome_question(
        'report', assumption, outcome.outcome_type, outcome.outcome_horizon, (day - interval '5 months')::date, day, '1 month', NULL, _outcomes.scorecard, NULL)::text, ids) c;
END $$;
COMMENT ON FUNCTION leadscore._outcomes(bigint[], text) IS 'For the report: on the latest reference days how many persons were in each category, and how many of them had the outcome of the settings';

CREATE FUNCTION leadscore.suggest_bands(capacity jsonb, person_kind text DEFAULT NULL, scorecard text DEFAULT 'main', tenant text DEFAULT NULL, config jsonb DEFAULT NULL)
RETURNS TABLE (category text, min_score bigint, persons bigint, room bigint, outcomes bigint, of_persons bigint, rate numeric, low numeric, high numeric)
LANGUAGE plpgsql STABLE ROWS 5 SET search_path = pg_catalog, pg_temp SET jit = off AS $$
#variable_conflict use_column
DECLARE
    assumption jsonb := leadscore._evaluated_config(config, suggest_bands.tenant);
    outcome    record;
    wrong      record;
    day        date;
    question   jsonb;
    bands      jsonb;
    names      text[];
    rooms      bigint[];
    scores     bigint[];
    counts     bigint[];
    past       jsonb := '[]';
    parts      text[];
BEGIN
    IF capacity IS NULL OR jsonb_typeof(capacity) <> 'object' OR capacity = '{}' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'suggest_bands: capacity is no JSON object of categories',
            DETAIL = 'It says of each band how many persons it may hold.',
            HINT = 'Write it as ''{"hot": 60, "warm": 200}''.';
    END IF;
    SELECT c.key, c.value INTO wrong FROM jsonb_each(capacity) c
    WHERE NOT CASE WHEN jsonb_typeof(c.value) = 'number' THEN c.value::numeric BETWEEN 0 AND 1e15 AND c.value::numeric = trunc(c.value::numeric) ELSE false END LIMIT 1;
    IF FOUND THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('suggest_bands: capacity of %L is %s', wrong.key, wrong.value),
            DETAIL = 'A band holds a whole number of persons, 0 or more.',
            HINT = 'Write it as ''{"hot": 60, "warm": 200}''.';
    END IF;
    PERFORM leadscore._check_evaluated('suggest_bands', assumption, suggest_bands.person_kind, suggest_bands.scorecard, suggest_bands.tenant);

    -- Those that are categories by now keep their order; otherwise the one with room for fewer is the higher one.
    bands := (SELECT coalesce(jsonb_object_agg(b.name, b.bound), '{}')
              FROM (SELECT c.name, max(coalesce(c.min_score, -9223372036854775808)) AS bound
                    FROM jsonb_to_recordset(assumption -> 'categories') c(name text, scorecard text, person_kind text, min_score bigint)
                    WHERE c.scorecard = suggest_bands.scorecard
                      AND (suggest_bands.person_kind IS NULL OR c.person_kind IS NULL OR c.person_kind = suggest_bands.person_kind)
                    GROUP BY c.name) b);
    SELECT array_agg(c.key ORDER BY o.bound DESC, c.value::bigint, c.key), array_agg(c.value::bigint ORDER BY o.bound DESC, c.value::bigint, c.key)
    INTO names, rooms
    FROM jsonb_each(capacity) c
    CROSS JOIN LATERAL (SELECT CASE WHEN bands ?& ARRAY(SELECT jsonb_object_keys(capacity)) THEN (bands ->> c.key)::bigint END AS bound) o;

    question := jsonb_build_object('person_kind', suggest_bands.person_kind, 'scorecard', suggest_bands.scorecard, 'tenant', suggest_bands.tenant,
                                   'known_until', (SELECT w.scored_on FROM leadscore.state w), 'as_it_is', suggest_bands.config IS NULL);
    -- Estimating how many there are must not ask for them.
    parts := leadscore._parts('_scores_part', assumption, question);
    SELECT array_agg(s.score), array_agg(s.persons) INTO scores, counts
    FROM (SELECT x.key::bigint AS score, sum(x.value::bigint)::bigint AS persons
          FROM unnest(parts) n(part)
          CROSS JOIN LATERAL jsonb_each_text(n.part::jsonb) x
          GROUP BY 1) s;

    SELECT s.outcome_type, s.outcome_horizon INTO outcome FROM leadscore.settings s;
    day := leadscore._latest_reference_day(outcome.outcome_horizon);
    IF outcome.outcome_type IS NOT NULL AND day IS NOT NULL THEN
        question := leadscore._outcome_question('suggest_bands', assumption, outcome.outcome_type, outcome.outcome_horizon,
                                                (day - interval '11 months')::date, day, '1 month', suggest_bands.person_kind, suggest_bands.scorecard, suggest_bands.tenant);
        past := (SELECT coalesce(jsonb_agg(to_jsonb(s)), '[]') FROM leadscore._outcomes_by_score(question::text, leadscore._parts('_evaluation_part', assumption, question)) s);
    END IF;

    RETURN QUERY
    WITH band AS (
        SELECT b.nth, b.min_score, b.persons, (SELECT min(u.min_score) FROM leadscore._lowest_scores(scores, counts, rooms) u WHERE u.nth < b.nth AND u.nth > 0) AS below
        FROM leadscore._lowest_scores(scores, counts, rooms) b WHERE b.nth > 0
        UNION ALL
        SELECT b.nth, b.min_score, b.persons, (SELECT min(u.min_score) FROM leadscore._lowest_scores(scores, counts, rooms) u WHERE u.nth > 0)
        FROM leadscore._lowest_scores(scores, counts, rooms) b WHERE b.nth = 0)
    SELECT CASE WHEN b.nth > 0 THEN names[b.nth]
                -- The rest are in the lowest category.
                ELSE (SELECT c.key FROM jsonb_each_text(bands) c WHERE c.value::bigint = -9223372036854775808 AND NOT capacity ? c.key ORDER BY c.key LIMIT 1) END,
           b.min_score, b.persons, rooms[nullif(b.nth, 0)], o.outcomes, o.persons,
           leadscore._figure(o.outcomes::double precision / nullif(o.persons, 0)), leadscore._figure(w.low), leadscore._figure(w.high)
    FROM band b
    CROSS JOIN LATERAL (SELECT sum(x.persons)::bigint AS persons, sum(x.outcomes)::bigint AS outcomes
                        FROM jsonb_to_recordset(past) x(score bigint, persons bigint, outcomes bigint)
                        WHERE (b.nth = 0 OR x.score >= b.min_score) AND (b.below IS NULL OR x.score < b.below)) o
    CROSS JOIN LATERAL leadscore._wilson(o.outcomes, o.persons) w
    ORDER BY b.nth = 0, b.nth;
END $$;
COMMENT ON FUNCTION leadscore.suggest_bands(jsonb, text, text, text, jsonb) IS 'Lowest scores such that each band holds at most so many persons now, and, where settings name an outcome, how many of those who were in it in the last year had it';
