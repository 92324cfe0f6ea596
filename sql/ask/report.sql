-- The report: one self-contained page for people.

CREATE FUNCTION leadscore._report_page(data jsonb) RETURNS text
LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'report_page_wrapper';
COMMENT ON FUNCTION leadscore._report_page(jsonb) IS 'The page of leadscore.report() from its data';
CREATE FUNCTION leadscore._card_page(data jsonb) RETURNS text
LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'card_page_wrapper';
COMMENT ON FUNCTION leadscore._card_page(jsonb) IS 'The page of leadscore.person_card() from its data';

CREATE FUNCTION leadscore._overview_part(owner text, tenant text, scorecard text, within_days int) RETURNS jsonb
LANGUAGE c STABLE COST 100000 AS 'MODULE_PATHNAME', 'overview_part_wrapper';
COMMENT ON FUNCTION leadscore._overview_part(text, text, text, int) IS 'What the report says of the persons of an owner and a tenant, or (NULL) of all, on this node: how many are where, what each rule gives, who is first and who falls within so many days';
CREATE FUNCTION leadscore._overview(parts jsonb) RETURNS jsonb
LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'overview_wrapper';
COMMENT ON FUNCTION leadscore._overview(jsonb) IS 'The same of the persons of all nodes, from what each of them says';

CREATE FUNCTION leadscore._bands(tenant text, person_kind text, scorecard text)
RETURNS TABLE (kind text, name text, low bigint, color text)
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'bands_wrapper';
COMMENT ON FUNCTION leadscore._bands(text, text, text) IS 'The categories of a tenant''s persons of a kind, or of all kinds (NULL), on a scorecard';

-- Without settings of its own, so that it becomes part of the query that asks; all names in it are bound.
CREATE FUNCTION leadscore._scored(owner text, tenant text, scorecard text)
RETURNS TABLE (person_id bigint, since timestamptz, score bigint, category text)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT p.person_id, p.since, p.score, p.category
    FROM leadscore.person p
    WHERE _scored.scorecard = 'main' AND p.active
      AND (_scored.owner IS NULL OR p.owner = _scored.owner) AND (_scored.tenant IS NULL OR p.tenant = _scored.tenant)
    UNION ALL
    SELECT p.person_id, p.since, s.score, s.category
    FROM leadscore.person p
    JOIN leadscore.person_score s ON s.person_id = p.person_id AND s.scorecard = _scored.scorecard
    WHERE _scored.scorecard <> 'main' AND p.active
      AND (_scored.owner IS NULL OR p.owner = _scored.owner) AND (_scored.tenant IS NULL OR p.tenant = _scored.tenant);
END;
COMMENT ON FUNCTION leadscore._scored(text, text, text) IS 'Active persons with score and category on a scorecard, of an owner and a tenant or (NULL) of all';

-- How many persons were in which category at the end of each of the last days: as they are now,
-- with the changes since taken back. Persons count from the day since when they are known.
CREATE FUNCTION leadscore._category_course(days int, owner text, tenant text, scorecard text, present jsonb) RETURNS TABLE (day date, category text, persons bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off
BEGIN ATOMIC
    WITH today AS (
        SELECT w.scored_on AS day FROM leadscore.state w
    ), moved AS (
        SELECT h.scored_on AS day, x.category, sum(x.persons) AS persons
        FROM leadscore.category_change h
        CROSS JOIN today t
        CROSS JOIN LATERAL (VALUES (h.to_category, 1), (h.from_category, -1)) x(category, persons)
        WHERE h.scored_on > t.day - days AND h.scorecard = _category_course.scorecard
          AND EXISTS (SELECT FROM leadscore.person p
                      WHERE p.person_id = h.person_id AND p.active
                        AND (_category_course.owner IS NULL OR p.owner = _category_course.owner)
                        AND (_category_course.tenant IS NULL OR p.tenant = _category_course.tenant))
        GROUP BY h.scored_on, x.category
        UNION ALL
        SELECT least(leadscore.scoring_day(p.since), t.day), coalesce(f.from_category, p.category), count(*)
        FROM leadscore._scored(_category_course.owner, _category_course.tenant, _category_course.scorecard) p
        CROSS JOIN today t
        LEFT JOIN LATERAL (SELECT h.from_category FROM leadscore.category_change h
                           WHERE h.person_id = p.person_id AND h.scorecard = _category_course.scorecard ORDER BY h.change_id LIMIT 1) f ON true
        WHERE p.since > (t.day - days - 2)::timestamptz
        GROUP BY 1, 2
    ), present AS (
        SELECT p.category, p.persons FROM jsonb_to_recordset(_category_course.present) p(category text, persons bigint)
    )
    SELECT d.day::date, n.category,
           greatest(0, coalesce(n.persons, 0) - coalesce((SELECT sum(m.persons) FROM moved m
                                                          WHERE m.category IS NOT DISTINCT FROM n.category AND m.day > d.day), 0))::bigint
    FROM today t
    CROSS JOIN LATERAL generate_series(t.day - days, t.day::timestamp, '1 day') d(day)
    CROSS JOIN (SELECT p.category, p.persons FROM present p
                UNION ALL
                SELECT DISTINCT m.category, 0 FROM moved m
                WHERE NOT EXISTS (SELECT FROM present p WHERE p.category IS NOT DISTINCT FROM m.category)) n;
END;
COMMENT ON FUNCTION leadscore._category_course(int, text, text, text, jsonb) IS 'How many persons were in which category on each of the last days, from how many are now';

-- Lists on the page are short: it is for reading, and for paper. What it says is of so many days.
CREATE FUNCTION leadscore._report_part(owner text, tenant text, scorecard text, days int) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off SET datestyle = 'ISO, YMD' SET intervalstyle = 'postgres' SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    ids   bigint[];
    shown jsonb := leadscore._overview_part(_report_part.owner, _report_part.tenant, _report_part.scorecard, 14);
BEGIN
    IF (_report_part.owner IS NOT NULL OR _report_part.tenant IS NOT NULL) AND EXISTS (SELECT FROM leadscore.settings s WHERE s.outcome_type IS NOT NULL) THEN
        ids := ARRAY(SELECT x.person_id FROM leadscore._scored(_report_part.owner, _report_part.tenant, _report_part.scorecard) x);
    END IF;
    RETURN jsonb_build_object(
        'overview', shown,
        -- Everybody's persons may be in anybody's categories.
        'bands', (SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_object('kind', c.person_kind, 'name', c.name, 'low', c.min_score, 'color', c.color)), '[]')
                  FROM leadscore.category c
                  WHERE _report_part.tenant IS NULL AND c.scorecard = _report_part.scorecard
                    AND EXISTS (SELECT FROM leadscore.person p WHERE p.tenant = c.tenant)),
        'course', (SELECT coalesce(jsonb_agg(to_jsonb(c)), '[]')
                   FROM leadscore._category_course(_report_part.days, _report_part.owner, _report_part.tenant, _report_part.scorecard, shown -> 'present') c),
        'outcomes', (SELECT coalesce(jsonb_agg(to_jsonb(o)), '[]') FROM leadscore._outcomes(ids, _report_part.scorecard) o),
        'first', (SELECT coalesce(jsonb_agg(to_jsonb(w)), '[]')
                  FROM (SELECT w.person_id, w.tenant, w.name, w.kind, w.external_id, w.owner, x.score, x.category,
                               CASE WHEN _report_part.scorecard = 'main' THEN w.change_7 END AS change_7,
                               w.last_activity, leadscore.scoring_day(w.last_activity_at) AS last_on,
                               CASE WHEN _report_part.scorecard = 'main' THEN w.why END AS why
                        FROM (SELECT p.person_id, coalesce(s.score, p.score) AS score, CASE WHEN s.person_id IS NULL THEN p.category ELSE s.category END AS category
                              FROM leadscore.person p
                              LEFT JOIN leadscore.person_score s ON s.person_id = p.person_id AND s.scorecard = _report_part.scorecard
                              WHERE p.person_id IN (SELECT (f.value ->> 1)::bigint FROM jsonb_array_elements(shown -> 'first') f)) x
                        JOIN leadscore.worklist w ON w.person_id = x.person_id) w),
        'cooling', (SELECT coalesce(jsonb_agg(jsonb_build_object('person_id', p.person_id, 'tenant', p.tenant, 'kind', p.kind, 'external_id', p.external_id,
                                                                 'name', p.name, 'owner', p.owner)), '[]')
                    FROM jsonb_array_elements(shown -> 'cooling') f
                    JOIN leadscore.person p ON p.person_id = (f.value ->> 'person_id')::bigint));
END $$;
COMMENT ON FUNCTION leadscore._report_part(text, text, text, int) IS 'What report() says of the persons of this node, with numbers that can be added up';

CREATE FUNCTION leadscore.report(language text DEFAULT 'en', owner text DEFAULT NULL, tenant text DEFAULT NULL, scorecard text DEFAULT 'main') RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off SET datestyle = 'ISO, YMD' SET intervalstyle = 'postgres' SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    today date := (SELECT w.scored_on FROM leadscore.state w);
    -- No further back than changes of category are kept.
    days  int := (SELECT least(30, leadscore.scoring_day() - (leadscore.scoring_day() - s.keep_category_changes)::date)
                  FROM leadscore.settings s);
    parts jsonb;
    shown jsonb;
    runs  jsonb := '[]';
BEGIN
    PERFORM leadscore._require_language('report', language), leadscore._need_scorecard(report.scorecard, 'report');
    SELECT jsonb_agg(p.part) INTO parts
    FROM (SELECT leadscore._report_part(report.owner, report.tenant, report.scorecard, days) AS part
          UNION ALL
          SELECT a.answer -> 0 -> 'part'
          FROM leadscore._ask_all(format('SELECT leadscore._report_part(%L, %L, %L, %L) AS part', report.owner, report.tenant, report.scorecard, days)) a) p;
    shown := leadscore._overview(jsonb_path_query_array(parts, '$[*].overview'));
    -- A run is one of all tenants, so it is for who sees all.
    IF report.tenant IS NULL AND NOT row_security_active('leadscore.person') THEN
        SELECT coalesce(jsonb_agg(to_jsonb(r)), '[]') INTO runs
        FROM (SELECT u.scored_on, round(extract(epoch FROM u.finished_at - u.started_at), 2)::text AS seconds,
                     u.persons_changed, u.categories_changed
              FROM leadscore.run u ORDER BY u.run_id DESC LIMIT 7) r;
    END IF;
    RETURN leadscore._report_page(shown || jsonb_build_object(
        'language', language,
        'scored_on', today,
        'days', days,
        'person_url', (SELECT s.person_url FROM leadscore.settings s),
        'scorecard', report.scorecard, 'owner', report.owner, 'tenant', report.tenant,
        'bands', (SELECT coalesce(jsonb_agg(to_jsonb(b) ORDER BY b.kind NULLS FIRST, b.low DESC NULLS LAST), '[]')
                  FROM (SELECT b.* FROM leadscore._bands(report.tenant, NULL, report.scorecard) b
                        UNION ALL
                        SELECT DISTINCT x.* FROM jsonb_path_query(parts, '$[*].bands[*]') n
                        CROSS JOIN LATERAL jsonb_to_record(n) x(kind text, name text, low bigint, color text)) b),
        'course', (SELECT coalesce(jsonb_agg(to_jsonb(c) ORDER BY c.day), '[]')
                   FROM (SELECT x.day, x.category, sum(x.persons)::bigint AS persons
                         FROM jsonb_path_query(parts, '$[*].course[*]') n CROSS JOIN LATERAL jsonb_to_record(n) x(day date, category text, persons bigint)
                         GROUP BY x.day, x.category) c),
        'rules', (SELECT coalesce(jsonb_agg(jsonb_build_object('rule', t.rule, 'points', t.points) ORDER BY t.points DESC), '[]')
                  FROM (SELECT coalesce(r.name, '±') AS rule, sum(s.points)::bigint AS points
                        FROM jsonb_to_recordset(shown -> 'rules') s(rule_id int, points bigint)
                        LEFT JOIN leadscore.rule r ON r.rule_id = s.rule_id
                        GROUP BY 1) t),
        'outcome', (SELECT s.outcome_type FROM leadscore.settings s WHERE s.outcome_horizon IS NOT NULL),
        'outcome_days', (SELECT s.outcome_horizon::text FROM leadscore.settings s),
        'outcomes', (SELECT coalesce(jsonb_agg(to_jsonb(o) ORDER BY o.day DESC), '[]')
                     FROM (SELECT x.day, x.category, sum(x.persons)::bigint AS persons, sum(x.outcomes)::bigint AS outcomes
                           FROM jsonb_path_query(parts, '$[*].outcomes[*]') n
                           CROSS JOIN LATERAL jsonb_to_record(n) x(day date, category text, persons bigint, outcomes bigint)
                           GROUP BY x.day, x.category) o),
        'first', (SELECT coalesce(jsonb_agg(w.value ORDER BY f.nth), '[]')
                  FROM jsonb_array_elements(shown -> 'first') WITH ORDINALITY f(value, nth)
                  JOIN jsonb_path_query(parts, '$[*].first[*]') w(value) ON w.value -> 'person_id' = f.value),
        'cooling', (SELECT coalesce(jsonb_agg(f.value || p.value ORDER BY f.nth), '[]')
                    FROM jsonb_array_elements(shown -> 'cooling') WITH ORDINALITY f(value, nth)
                    JOIN jsonb_path_query(parts, '$[*].cooling[*]') p(value) ON p.value -> 'person_id' = f.value -> 'person_id'),
        'runs', runs));
END $$;
COMMENT ON FUNCTION leadscore.report(text, text, text, text) IS 'A self-contained HTML page about all persons, in English (en) or Dutch (nl)';

CREATE FUNCTION leadscore.person_card(person_id bigint, language text DEFAULT 'en', scorecard text DEFAULT 'main') RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off SET datestyle = 'ISO, YMD' AS $$
#variable_conflict use_column
DECLARE
    today date := (SELECT w.scored_on FROM leadscore.state w);
BEGIN
    PERFORM leadscore._require_language('person_card', language), leadscore._need_scorecard(person_card.scorecard, 'person_card'),
            leadscore._need_person(person_card.person_id, 'person_card');
    RETURN leadscore._card_page((
        SELECT jsonb_build_object(
            'language', language,
            'scored_on', today,
            'person_id', p.person_id, 'tenant', p.tenant, 'kind', p.kind, 'external_id', p.external_id, 'owner', p.owner, 'status', p.status,
            'name', p.name, 'person_url', (SELECT s.person_url FROM leadscore.settings s), 'scorecard', person_card.scorecard,
            'score', coalesce(x.score, p.score), 'category', CASE WHEN person_card.scorecard = 'main' THEN p.category ELSE x.category END,
            'others', (SELECT coalesce(jsonb_agg(jsonb_build_object('scorecard', s.scorecard, 'score', s.score, 'category', s.category)
                                                 ORDER BY s.scorecard), '[]')
                       FROM (SELECT 'main' AS scorecard, p.score, p.category
                             UNION ALL
                             SELECT s.scorecard, s.score, s.category FROM leadscore.person_score s WHERE s.person_id = p.person_id) s
                       WHERE s.scorecard <> person_card.scorecard),
            'bands', (SELECT coalesce(jsonb_agg(to_jsonb(b) ORDER BY b.low DESC NULLS LAST), '[]')
                      FROM leadscore._bands(p.tenant, p.kind, person_card.scorecard) b),
            'history', (SELECT coalesce(jsonb_agg(to_jsonb(h)), '[]') FROM leadscore.history(p.person_id, today - 180, today, person_card.scorecard) h),
            'forecast', (SELECT coalesce(jsonb_agg(to_jsonb(f)), '[]') FROM leadscore.forecast(p.person_id, today + 90, person_card.scorecard) f),
            'lines', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                                 'rule', e.rule, 'activity_type', e.activity_type,
                                 'day', coalesce(leadscore.scoring_day(e.occurred_at), e.counts_from),
                                 'points', e.points, 'counts_until', e.counts_until)), '[]')
                      FROM leadscore._explain(p.person_id, NULL, person_card.scorecard, false) e))
        FROM leadscore.person p
        LEFT JOIN leadscore.person_score x ON x.person_id = p.person_id AND x.scorecard = person_card.scorecard
        WHERE p.person_id = person_card.person_id));
END $$;
COMMENT ON FUNCTION leadscore.person_card(bigint, text, text) IS 'A self-contained HTML page about one person: the score over time, what makes it, and its forecast, in English (en) or Dutch (nl)';
