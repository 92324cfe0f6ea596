-- The report: one self-contained page for people.

CREATE FUNCTION leadscore._report_page(data jsonb) RETURNS text
LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'report_page_wrapper';
COMMENT ON FUNCTION leadscore._report_page(jsonb) IS 'The page of leadscore.report() from its data';
CREATE FUNCTION leadscore._card_page(data jsonb) RETURNS text
LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'card_page_wrapper';
COMMENT ON FUNCTION leadscore._card_page(jsonb) IS 'The page of leadscore.person_card() from its data';

-- How many persons were in which category at the end of each of the last days: as they are now,
-- with the changes since taken back. Persons count from the day since when they are known.
CREATE FUNCTION leadscore._category_course(days int) RETURNS TABLE (day date, category text, persons bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH today AS (
        SELECT w.scored_on AS day FROM leadscore.state w
    ), moved AS (
        SELECT h.scored_on AS day, x.category, sum(x.persons) AS persons
        FROM leadscore.category_change h
        CROSS JOIN today t
        CROSS JOIN LATERAL (VALUES (h.to_category, 1), (h.from_category, -1)) x(category, persons)
        WHERE h.scored_on > t.day - days
        GROUP BY h.scored_on, x.category
        UNION ALL
        SELECT least(leadscore.scoring_day(p.since), t.day), coalesce(f.from_category, p.category), count(*)
        FROM leadscore.person p
        CROSS JOIN today t
        LEFT JOIN LATERAL (SELECT h.from_category FROM leadscore.category_change h
                           WHERE h.person_id = p.person_id ORDER BY h.change_id LIMIT 1) f ON true
        WHERE p.since > (t.day - days - 2)::timestamptz
        GROUP BY 1, 2
    ), present AS (
        SELECT p.category, count(*) AS persons FROM leadscore.person p GROUP BY p.category
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
COMMENT ON FUNCTION leadscore._category_course(int) IS 'How many persons were in which category on each of the last days';

-- Lists on the page are short: it is for reading, and for paper.
CREATE FUNCTION leadscore.report(language text DEFAULT 'en') RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, YMD' AS $$
DECLARE
    today date := (SELECT w.scored_on FROM leadscore.state w);
    -- No further back than changes of category are kept.
    days  int := (SELECT least(30, leadscore.scoring_day() - (leadscore.scoring_day() - s.keep_category_changes)::date)
                  FROM leadscore.settings s);
BEGIN
    PERFORM leadscore._require_language('report', language);
    RETURN leadscore._report_page(jsonb_build_object(
        'language', language,
        'scored_on', today,
        'days', days,
        'persons', (SELECT count(*) FROM leadscore.person),
        'bands', (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', c.person_kind, 'name', c.name, 'low', c.min_score, 'color', c.color)
                                            ORDER BY c.person_kind NULLS FIRST, c.min_score DESC NULLS LAST), '[]') FROM leadscore.category c),
        'course', (SELECT coalesce(jsonb_agg(to_jsonb(c) ORDER BY c.day), '[]') FROM leadscore._category_course(days) c),
        'scores', (SELECT coalesce(jsonb_agg(jsonb_build_object('low', b.low, 'high', b.low + b.width, 'persons', b.persons) ORDER BY b.low), '[]')
                   FROM (SELECT e.first + e.width * ((p.score - e.first) / e.width) AS low, e.width, count(*) AS persons
                         FROM leadscore.person p
                         CROSS JOIN (SELECT 5 * floor(min(q.score) / 5.0)::bigint AS first,
                                            greatest(5, 5 * ceil((max(q.score) - min(q.score) + 1) / 200.0)::bigint) AS width
                                     FROM leadscore.person q) e
                         GROUP BY 1, 2) b),
        'rules', (SELECT coalesce(jsonb_agg(jsonb_build_object('rule', t.rule, 'points', t.points) ORDER BY t.points DESC), '[]')
                  FROM (SELECT coalesce(r.name, '±') AS rule,
                               sum(leadscore._worth(s.points, s.counts_from, s.decays_until, today))::bigint AS points
                        FROM leadscore.score_record s
                        LEFT JOIN leadscore.rule r ON r.rule_id = s.rule_id
                        WHERE s.counts_from <= today
                        GROUP BY 1) t),
        'first', (SELECT coalesce(jsonb_agg(to_jsonb(w)), '[]')
                  FROM (SELECT w.person_id, w.kind, w.external_id, w.owner, w.score, w.category, w.change_7,
                               w.last_activity, leadscore.scoring_day(w.last_activity_at) AS last_on, w.why
                        FROM leadscore.worklist w ORDER BY w.score DESC, w.person_id LIMIT 10) w),
        'cooling', (SELECT coalesce(jsonb_agg(to_jsonb(c)), '[]')
                    FROM (SELECT c.* FROM leadscore.cooling(14) c ORDER BY c.score DESC, c.falls_on, c.person_id LIMIT 10) c),
        'runs', (SELECT coalesce(jsonb_agg(to_jsonb(r)), '[]')
                 FROM (SELECT u.scored_on, round(extract(epoch FROM u.finished_at - u.started_at), 2)::text AS seconds,
                              u.persons_changed, u.categories_changed
                       FROM leadscore.run u ORDER BY u.run_id DESC LIMIT 7) r)));
END $$;
COMMENT ON FUNCTION leadscore.report(text) IS 'A self-contained HTML page about all persons, in English (en) or Dutch (nl)';

CREATE FUNCTION leadscore.person_card(person_id bigint, language text DEFAULT 'en') RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, YMD' AS $$
#variable_conflict use_column
DECLARE
    today date := (SELECT w.scored_on FROM leadscore.state w);
BEGIN
    PERFORM leadscore._require_language('person_card', language), leadscore._need_person(person_card.person_id, 'person_card');
    RETURN leadscore._card_page((
        SELECT jsonb_build_object(
            'language', language,
            'scored_on', today,
            'person_id', p.person_id, 'kind', p.kind, 'external_id', p.external_id, 'owner', p.owner, 'status', p.status,
            'score', p.score, 'category', p.category,
            'bands', (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', c.person_kind, 'name', c.name, 'low', c.min_score, 'color', c.color)
                                                ORDER BY c.min_score DESC NULLS LAST), '[]')
                      FROM leadscore.category c
                      WHERE c.person_kind IS NOT DISTINCT FROM
                            (SELECT max(o.person_kind) FROM leadscore.category o WHERE o.person_kind = p.kind)),
            'history', (SELECT coalesce(jsonb_agg(to_jsonb(h)), '[]') FROM leadscore.history(p.person_id, today - 180, today) h),
            'forecast', (SELECT coalesce(jsonb_agg(to_jsonb(f)), '[]') FROM leadscore.forecast(p.person_id, today + 90) f),
            'lines', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                                 'rule', e.rule, 'activity_type', e.activity_type,
                                 'day', coalesce(leadscore.scoring_day(e.occurred_at), e.counts_from),
                                 'points', e.points, 'counts_until', e.counts_until)), '[]')
                      FROM leadscore.explain(p.person_id) e WHERE e.counts))
        FROM leadscore.person p
        WHERE p.person_id = person_card.person_id));
END $$;
COMMENT ON FUNCTION leadscore.person_card(bigint, text) IS 'A self-contained HTML page about one person: the score over time, what makes it, and its forecast, in English (en) or Dutch (nl)';
