-- What a changed configuration would do. Reads only: it writes nothing and holds nobody up.

-- A section that the document leaves out stays as it is, as in an import; a tenant's document is about that tenant's own
-- rules and categories alone.
CREATE FUNCTION leadscore._assumption(document jsonb, tenant text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off SET intervalstyle = 'postgres' AS $$
DECLARE
    time_zone  text := coalesce(document #>> '{settings,time_zone}', (SELECT s.time_zone FROM leadscore.settings s));
    types      text[];
    cards      jsonb;
    names      text[];
    rules      leadscore.rule[];
    categories leadscore.category[];
    astray     leadscore.category;
BEGIN
    IF _assumption.tenant = '' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'configuration: the tenant is empty',
            DETAIL = 'A tenant has a name, as leadscore.person.tenant has it.',
            HINT = 'Leave it NULL for what is everybody''s.';
    END IF;
    PERFORM leadscore._check_times(document);
    PERFORM leadscore._require_time_zone(time_zone),
            leadscore._check_outbox(document #>> '{settings,notify_channel}', (document #>> '{settings,keep_category_changes}')::interval);
    types := ARRAY(SELECT t.activity_type FROM leadscore.activity_type t
                   UNION
                   SELECT n.activity_type FROM jsonb_to_recordset(document -> 'activity_types') n(activity_type text));
    cards := coalesce(document -> 'scorecards', (SELECT jsonb_agg(to_jsonb(c)) FROM leadscore.scorecard c));
    names := ARRAY(SELECT n.scorecard FROM jsonb_to_recordset(cards) n(scorecard text) UNION SELECT 'main');

    IF document ? 'rules' THEN
        PERFORM leadscore._check_assumed_rule(r, types, names) FROM leadscore._document_rules(document, _assumption.tenant) r;
        rules := ARRAY(SELECT r FROM leadscore._document_rules(document, _assumption.tenant) r)
              || ARRAY(SELECT r FROM leadscore.rule r WHERE r.tenant IS DISTINCT FROM _assumption.tenant);
    ELSE
        rules := ARRAY(SELECT r FROM leadscore.rule r);
    END IF;
    IF document ? 'categories' THEN
        PERFORM leadscore._refuse_bound(c.name, c.other, c.person_kind, c.min_score, c.scorecard, c.tenant)
        FROM (SELECT n.*, lag(n.name) OVER (PARTITION BY n.scorecard, n.person_kind, n.min_score ORDER BY n.nth) AS other
              FROM (SELECT d.*, row_number() OVER () AS nth FROM leadscore._document_categories(document, _assumption.tenant) d) n) c
        WHERE c.other IS NOT NULL;
        categories := ARRAY(SELECT c FROM leadscore._document_categories(document, _assumption.tenant) c)
                   || ARRAY(SELECT c FROM leadscore.category c WHERE c.tenant IS DISTINCT FROM _assumption.tenant);
    ELSE
        categories := ARRAY(SELECT c FROM leadscore.category c);
    END IF;
    IF document ? 'scorecards' THEN
        PERFORM leadscore._require_unused(c.scorecard) FROM leadscore.scorecard c WHERE c.scorecard <> ALL (names);
    END IF;
    -- What stays, too, must have its scorecard.
    PERFORM leadscore._check_rule_names(r, types, names) FROM unnest(rules) r WHERE r.scorecard <> ALL (names);
    SELECT c.* INTO astray FROM unnest(categories) c WHERE c.scorecard <> ALL (names) LIMIT 1;
    IF FOUND THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('category %L: scorecard %L does not exist', astray.name, astray.scorecard),
            DETAIL = 'A category is a band of the score of a scorecard.',
            HINT = 'Add it to scorecards of the configuration.';
    END IF;

    RETURN jsonb_build_object(
        'time_zone', time_zone, 'activity_types', to_jsonb(types), 'scorecards', cards,
        -- Of other tenants nothing is asked where one is named.
        'rules', (SELECT coalesce(jsonb_agg(to_jsonb(r) - 'created_at'), '[]') FROM unnest(rules) r
                  WHERE _assumption.tenant IS NULL OR r.tenant IS NULL OR r.tenant = _assumption.tenant),
        'categories', (SELECT coalesce(jsonb_agg(to_jsonb(c) - 'category_id'), '[]') FROM unnest(categories) c
                       WHERE _assumption.tenant IS NULL OR c.tenant IS NULL OR c.tenant = _assumption.tenant));
END $$;
COMMENT ON FUNCTION leadscore._assumption(jsonb, text) IS 'What a checked document makes of the configuration that there is';

-- In the time zone that would be.
CREATE FUNCTION leadscore._assumed_day(assumption jsonb, as_of timestamptz, scorecard text) RETURNS date
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    day date := leadscore._day(as_of, assumption ->> 'time_zone');
BEGIN
    PERFORM leadscore._check_day(day, 'preview');
    IF scorecard IS DISTINCT FROM 'main' AND NOT coalesce(assumption -> 'scorecards' @> jsonb_build_array(jsonb_build_object('scorecard', scorecard)), false) THEN
        RAISE undefined_object USING
            MESSAGE = format('preview: scorecard %s does not exist', coalesce(quote_literal(scorecard), 'NULL')),
            DETAIL = 'Neither leadscore.scorecard nor the configuration has it.',
            HINT = 'Leave it out for main, or add it to scorecards of the configuration.';
    END IF;
    RETURN day;
END $$;
COMMENT ON FUNCTION leadscore._assumed_day(jsonb, timestamptz, text) IS 'The day of a preview; refuses one that is none, and a scorecard that there would not be';

CREATE FUNCTION leadscore._preview_persons(assumption text, on_day date, of_tenant text, scorecard text)
RETURNS TABLE (person_id bigint, kind text, score_before bigint, category_before text, score_after bigint, category_after text, tenant text)
LANGUAGE c STABLE COST 100000 ROWS 10000 AS 'MODULE_PATHNAME', 'preview_persons_wrapper';
COMMENT ON FUNCTION leadscore._preview_persons(text, date, text, text) IS 'The rows of preview_persons()';

CREATE FUNCTION leadscore.preview_persons(
    config jsonb, OUT person_id bigint, OUT kind text, OUT score_before bigint, OUT category_before text, OUT score_after bigint,
    OUT category_after text, INOUT tenant text DEFAULT NULL, scorecard text DEFAULT 'main', as_of timestamptz DEFAULT now())
RETURNS SETOF record LANGUAGE plpgsql STABLE ROWS 10000 SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    assumption jsonb := leadscore._assumption(leadscore._checked_config(config::text, preview_persons.tenant), preview_persons.tenant);
BEGIN
    RETURN QUERY SELECT * FROM leadscore._preview_persons(
        assumption::text, leadscore._assumed_day(assumption, as_of, preview_persons.scorecard), preview_persons.tenant, preview_persons.scorecard);
    RETURN QUERY
    SELECT x.* FROM leadscore._ask_all(format('SELECT * FROM leadscore.preview_persons(%L, %L, %L, %L)', config, preview_persons.tenant, preview_persons.scorecard,
                                              to_jsonb(as_of) #>> '{}')) a
    CROSS JOIN LATERAL jsonb_to_recordset(a.answer) x(person_id bigint, kind text, score_before bigint, category_before text, score_after bigint,
                                                      category_after text, tenant text);
END $$;
COMMENT ON FUNCTION leadscore.preview_persons(jsonb, text, text, timestamptz) IS 'For each active person the score and category as stored, and as they would be after import_config() of the document and a run as of the moment; with a tenant, of its persons';

CREATE FUNCTION leadscore._preview(assumption text, on_day date, of_tenant text, scorecard text)
RETURNS TABLE (kind text, category_before text, category_after text, tenant text, persons bigint)
LANGUAGE c STABLE COST 100000 AS 'MODULE_PATHNAME', 'preview_wrapper';
COMMENT ON FUNCTION leadscore._preview(text, date, text, text) IS 'The rows of preview()';

CREATE FUNCTION leadscore.preview(
    config jsonb, OUT kind text, OUT category_before text, OUT category_after text, OUT persons bigint,
    INOUT tenant text DEFAULT NULL, scorecard text DEFAULT 'main', as_of timestamptz DEFAULT now())
RETURNS SETOF record LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    assumption jsonb := leadscore._assumption(leadscore._checked_config(config::text, preview.tenant), preview.tenant);
BEGIN
    RETURN QUERY
    SELECT p.kind, p.category_before, p.category_after, sum(p.persons)::bigint, p.tenant
    FROM (SELECT b.kind, b.category_before, b.category_after, b.persons, b.tenant
          FROM leadscore._preview(assumption::text, leadscore._assumed_day(assumption, as_of, preview.scorecard), preview.tenant, preview.scorecard) b
          UNION ALL
          SELECT x.*
          FROM leadscore._ask_all(format('SELECT * FROM leadscore.preview(%L, %L, %L, %L)', config, preview.tenant, preview.scorecard, to_jsonb(as_of) #>> '{}')) a
          CROSS JOIN LATERAL jsonb_to_recordset(a.answer) x(kind text, category_before text, category_after text, persons bigint, tenant text)) p
    GROUP BY p.kind, p.category_before, p.category_after, p.tenant
    ORDER BY p.tenant NULLS FIRST, p.kind, p.category_before, p.category_after;
END $$;
COMMENT ON FUNCTION leadscore.preview(jsonb, text, text, timestamptz) IS 'How many active persons of each kind would go from which category to which after import_config() of the document and a run as of the moment; with a tenant, of its persons';

CREATE FUNCTION leadscore._instant(moment text, time_zone text) RETURNS bigint
LANGUAGE sql STABLE
RETURN (extract(epoch FROM (moment::timestamp AT TIME ZONE time_zone) - timestamptz '2000-01-01 00:00+00') * 1000000)::bigint;
COMMENT ON FUNCTION leadscore._instant(text, text) IS 'A local moment, in microseconds since 2000-01-01 UTC';

-- A configuration can carry tests: persons with activities, and what the rules must make of them.
CREATE FUNCTION leadscore._test_config(assumption text, tests text, tenant text)
RETURNS TABLE (test text, on_day date, expected_score bigint, score bigint, expected_category text, category text, passed boolean, scorecard text)
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'test_config_wrapper';
COMMENT ON FUNCTION leadscore._test_config(text, text, text) IS 'The rows of test_config()';

CREATE FUNCTION leadscore.test_config(config jsonb, tenant text DEFAULT NULL)
RETURNS TABLE (test text, on_day date, expected_score bigint, score bigint, expected_category text, category text, passed boolean, scorecard text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off SET datestyle = 'ISO, YMD' AS $$
#variable_conflict use_column
DECLARE
    document   jsonb := leadscore._checked_config(config::text, test_config.tenant);
    assumption jsonb := leadscore._assumption(document, test_config.tenant);
    zone       text := assumption ->> 'time_zone';
    tests      jsonb := coalesce(document -> 'tests', '[]');
    unknown    text;
BEGIN
    SELECT a ->> 'activity_type' INTO unknown
    FROM jsonb_array_elements(tests) t, jsonb_array_elements(t -> 'activities') a
    WHERE NOT assumption -> 'activity_types' ? (a ->> 'activity_type');
    IF FOUND THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('test_config: activity type %L does not exist', unknown),
            DETAIL = 'A test of the configuration registers it.',
            HINT = 'Add it to activity_types of the configuration.';
    END IF;
    -- Local moments become instants, days dates.
    tests := (SELECT jsonb_agg(x.t -> 'person' || jsonb_build_object(
                         'name', x.t -> 'name', 'since', leadscore._instant(x.t #>> '{person,since}', zone),
                         'activities', (SELECT coalesce(jsonb_agg(a.a || jsonb_build_object('at', leadscore._instant(a.a ->> 'on', zone)) ORDER BY a.nth), '[]')
                                        FROM jsonb_array_elements(x.t -> 'activities') WITH ORDINALITY a(a, nth)),
                         'expect', (SELECT coalesce(jsonb_agg(e.e || jsonb_build_object('on', (e.e ->> 'on')::date, 'scorecard', coalesce(e.e ->> 'scorecard', 'main'))
                                                              ORDER BY (e.e ->> 'on')::date, e.nth), '[]')
                                    FROM jsonb_array_elements(x.t -> 'expect') WITH ORDINALITY e(e, nth))) ORDER BY x.nth)
              FROM jsonb_array_elements(tests) WITH ORDINALITY x(t, nth));
    RETURN QUERY SELECT * FROM leadscore._test_config(assumption::text, coalesce(tests, '[]')::text, test_config.tenant);
END $$;
COMMENT ON FUNCTION leadscore.test_config(jsonb, text) IS 'Runs the tests that a configuration carries, without touching any data';

CREATE FUNCTION leadscore._require_tests_pass(config jsonb, tenant text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    failure record;
BEGIN
    IF jsonb_typeof(config) = 'object' AND config ? 'tests' THEN
        SELECT t.* INTO failure FROM leadscore.test_config(config, _require_tests_pass.tenant) t WHERE NOT t.passed LIMIT 1;
        IF FOUND THEN
            RAISE check_violation USING
                MESSAGE = format('configuration: test %L fails', failure.test),
                DETAIL = format('On %s the score%s is %s in category %s; expected was %s%s.', to_char(failure.on_day, 'YYYY-MM-DD'),
                                coalesce(' on scorecard ' || quote_literal(nullif(failure.scorecard, 'main')), ''), failure.score,
                                coalesce(failure.category, 'none'), failure.expected_score, coalesce(' in category ' || failure.expected_category, '')),
                HINT = 'SELECT * FROM leadscore.test_config(…) shows all tests; mend the rules or the test.';
        END IF;
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._require_tests_pass(jsonb, text) IS 'Raises an error when a test that a configuration carries fails';
