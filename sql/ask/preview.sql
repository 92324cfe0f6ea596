-- What a changed configuration would do. Reads only: it writes nothing and holds nobody up.

CREATE FUNCTION leadscore.preview_persons(config jsonb, as_of timestamptz DEFAULT now())
RETURNS TABLE (person_id bigint, kind text, score_before bigint, category_before text, score_after bigint, category_after text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan
SET intervalstyle = 'postgres' SET leadscore.what_if = '' AS $$
#variable_conflict use_column
DECLARE
    day date;
BEGIN
    PERFORM set_config('leadscore.what_if', leadscore._assumption(leadscore._checked_config(config::text))::text, true);
    day := leadscore_what_if.scoring_day(as_of);
    PERFORM leadscore._check_day(day, 'preview');
    RETURN QUERY
    SELECT p.person_id, p.kind, p.score, p.category, x.score, b.name
    FROM leadscore.person p
    LEFT JOIN (SELECT d.person_id, sum(leadscore._worth(d.points, d.counts_from, d.decays_until, day))::bigint AS score
               FROM leadscore_what_if._derived(day, false) d
               WHERE d.counts_from <= day
               GROUP BY d.person_id) t ON t.person_id = p.person_id
    CROSS JOIN LATERAL (SELECT coalesce(t.score, 0) AS score) x
    LEFT JOIN LATERAL leadscore_what_if._band_at(p.kind, x.score) b ON true;
END $$;
COMMENT ON FUNCTION leadscore.preview_persons(jsonb, timestamptz) IS 'For each person the score and category as stored, and as they would be after import_config() of the document and a run as of the moment';

CREATE FUNCTION leadscore.preview(config jsonb, as_of timestamptz DEFAULT now())
RETURNS TABLE (kind text, category_before text, category_after text, persons bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT p.kind, p.category_before, p.category_after, count(*)
    FROM leadscore.preview_persons(config, as_of) p
    GROUP BY p.kind, p.category_before, p.category_after
    ORDER BY p.kind, p.category_before, p.category_after;
END;
COMMENT ON FUNCTION leadscore.preview(jsonb, timestamptz) IS 'How many persons of each kind would go from which category to which after import_config() of the document and a run as of the moment';

-- A configuration can carry tests: persons with activities, and what the rules must make of them.
CREATE FUNCTION leadscore.test_config(config jsonb)
RETURNS TABLE (test text, on_day date, expected_score bigint, score bigint, expected_category text, category text, passed boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan
SET intervalstyle = 'postgres' SET datestyle = 'ISO, YMD' SET leadscore.what_if = '' AS $$
#variable_conflict use_column
DECLARE
    document jsonb := leadscore._checked_config(config::text);
    assumed  jsonb := leadscore._assumption(document);
    zone     text := assumed #>> '{settings,0,time_zone}';
    tests    jsonb := coalesce(document -> 'tests', '[]');
    unknown  text;
BEGIN
    SELECT a ->> 'activity_type' INTO unknown
    FROM jsonb_array_elements(tests) t, jsonb_array_elements(t -> 'activities') a
    WHERE NOT assumed -> 'activity_types' @> jsonb_build_array(jsonb_build_object('activity_type', a -> 'activity_type'));
    IF FOUND THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('test_config: activity type %L does not exist', unknown),
            DETAIL = 'A test of the configuration registers it.',
            HINT = 'Add it to activity_types of the configuration.';
    END IF;
    PERFORM set_config('leadscore.what_if', (assumed || jsonb_build_object(
        'persons', (SELECT coalesce(jsonb_agg(t -> 'person' || jsonb_build_object(
                                'person_id', nth, 'since', (t #>> '{person,since}')::timestamp AT TIME ZONE zone)), '[]')
                    FROM jsonb_array_elements(tests) WITH ORDINALITY x(t, nth)),
        'activities', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                                'person_id', x.nth, 'activity_id', a.nth, 'activity_type', a.a -> 'activity_type',
                                'attributes', a.a -> 'attributes', 'occurred_at', (a.a ->> 'on')::timestamp AT TIME ZONE zone)), '[]')
                       FROM jsonb_array_elements(tests) WITH ORDINALITY x(t, nth),
                            jsonb_array_elements(x.t -> 'activities') WITH ORDINALITY a(a, nth))))::text, true);
    RETURN QUERY
    SELECT x.t ->> 'name', e.on, e.score, s.score, e.category, b.name,
           e.score = s.score AND (e.category IS NULL OR e.category = b.name) IS TRUE
    FROM jsonb_array_elements(tests) WITH ORDINALITY x(t, nth)
    CROSS JOIN LATERAL jsonb_to_recordset(x.t -> 'expect') e("on" date, score bigint, category text)
    CROSS JOIN LATERAL (SELECT coalesce(sum(leadscore._worth(d.points, d.counts_from, d.decays_until, e.on)), 0)::bigint AS score
                        FROM leadscore_what_if._derived(e.on, false) d
                        WHERE d.person_id = x.nth AND d.counts_from <= e.on) s
    LEFT JOIN LATERAL leadscore_what_if._band_at(x.t #>> '{person,kind}', s.score) b ON true
    ORDER BY x.nth, e.on;
END $$;
COMMENT ON FUNCTION leadscore.test_config(jsonb) IS 'Runs the tests that a configuration carries, without touching any data';

CREATE FUNCTION leadscore._require_tests_pass(config jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    failure record;
BEGIN
    IF jsonb_typeof(config) = 'object' AND config ? 'tests' THEN
        SELECT t.* INTO failure FROM leadscore.test_config(config) t WHERE NOT t.passed LIMIT 1;
        IF FOUND THEN
            RAISE check_violation USING
                MESSAGE = format('configuration: test %L fails', failure.test),
                DETAIL = format('On %s the score is %s in category %s; expected was %s%s.', to_char(failure.on_day, 'YYYY-MM-DD'), failure.score,
                                coalesce(failure.category, 'none'), failure.expected_score, coalesce(' in category ' || failure.expected_category, '')),
                HINT = 'SELECT * FROM leadscore.test_config(…) shows all tests; mend the rules or the test.';
        END IF;
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._require_tests_pass(jsonb) IS 'Raises an error when a test that a configuration carries fails';
