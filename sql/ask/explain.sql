-- Why a score is what it is.

CREATE FUNCTION leadscore._words(list text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN array_to_string(list, ', ');
COMMENT ON FUNCTION leadscore._words(text[]) IS 'A list as people write it';

-- Without a day, explains person.score as it stands between two runs. What counts is said by
-- _derived alone; the rest of the query finds words for it, and for what does not count.
CREATE FUNCTION leadscore.explain(person_id bigint, on_day date DEFAULT NULL)
RETURNS TABLE (rule text, activity_id bigint, activity_type text, occurred_at timestamptz, points bigint,
               counts boolean, counts_from date, counts_until date, why text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, YMD'
SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    ahead boolean := on_day IS NULL;
    day   date := coalesce(on_day, (SELECT s.scored_on FROM leadscore.state s));
    -- The day through which records that have begun count.
    reach date := day;
BEGIN
    PERFORM leadscore._need_person(explain.person_id, 'explain'), leadscore._check_day(day, 'explain');
    IF ahead THEN
        reach := (SELECT greatest(day, p.scored_through) FROM leadscore.person p WHERE p.person_id = explain.person_id);
    END IF;
    RETURN QUERY
    WITH candidate AS MATERIALIZED (
        SELECT c.*, least(c.window_end, c.displaced_on) AS counts_until, d.person_id IS NOT NULL AND c.counts_from <= reach AS counts
        FROM leadscore._candidate(day) c
        LEFT JOIN leadscore._derived(day, ahead) d
          ON d.person_id = explain.person_id AND d.counts_from = c.counts_from
         AND coalesce(d.rule_id, 0) = coalesce(c.rule_id, 0)
         AND coalesce(d.activity_id, 0) = coalesce(c.activity_id, 0)
         AND coalesce(d.adjustment_id, 0) = coalesce(c.adjustment_id, 0)
        WHERE c.person_id = explain.person_id
    ), line AS (
        SELECT c.rule_id, c.activity_id, c.counts, c.counts_from, c.counts_until,
               CASE WHEN c.counts THEN leadscore._worth(c.points, c.counts_from, c.decays_until, greatest(day, c.counts_from))
                    ELSE c.points END AS points,
               CASE
                   WHEN c.counts THEN concat_ws('; ',
                       CASE WHEN c.adjustment_id IS NOT NULL
                            THEN (SELECT format('adjusted by %s: %s', j.adjusted_by, j.reason) FROM leadscore.adjustment j
                                  WHERE j.person_id = c.person_id AND j.adjustment_id = c.adjustment_id)
                            WHEN c.activity_id IS NULL THEN 'penalty for silence' END,
                       CASE WHEN c.decays_until IS NOT NULL THEN format('left of %s points, which fall to 0 on %s', c.points, c.decays_until) END,
                       CASE WHEN c.counts_until IS NOT NULL THEN format('counts until %s', c.counts_until)
                            WHEN c.activity_id IS NULL AND c.adjustment_id IS NULL THEN 'counts until the next activity'
                            ELSE 'counts for ever' END)
                   WHEN c.displaced_on <= c.counts_from
                       THEN format('newer ones count in its place: at most %s', (SELECT r.max_counted FROM leadscore.rule r WHERE r.rule_id = c.rule_id))
                   WHEN c.window_end <= day THEN format('no longer counts since %s', c.counts_until)
                   WHEN c.displaced_on <= reach AND c.activity_id IS NULL THEN format('penalty cleared by activity on %s', c.displaced_on)
                   WHEN c.displaced_on <= reach
                       THEN format('newer ones count in its place since %s: at most %s', c.displaced_on,
                                   (SELECT r.max_counted FROM leadscore.rule r WHERE r.rule_id = c.rule_id))
                   WHEN c.activity_id IS NULL AND c.adjustment_id IS NULL THEN format('penalty due on %s unless there is activity before', c.counts_from)
                   ELSE format('starts to count on %s', c.counts_from)
               END AS why
        FROM candidate c
        UNION ALL
        -- Penalties of the last silence, which activity cleared.
        SELECT n.rule_id, NULL, false, n.counts_from, n.displaced_on, n.points, format('penalty cleared by activity on %s', n.displaced_on)
        FROM (SELECT l.rule_id, max(l.next_touch) AS next_touch
              FROM leadscore._spell l
              WHERE l.person_id = explain.person_id AND l.next_touch <= day
              GROUP BY l.rule_id) ended
        CROSS JOIN LATERAL (SELECT n.* FROM leadscore._penalty(ended.next_touch - 1) n
                            WHERE n.person_id = explain.person_id AND n.rule_id = ended.rule_id
                              AND n.next_touch = ended.next_touch AND n.displaced_on IS NOT NULL) n
        UNION ALL
        -- Activities that a rule for their type does not take.
        SELECT r.rule_id, a.activity_id, false, NULL, NULL, r.points,
               CASE WHEN NOT leadscore._applies(NULL, r.statuses, p.kind, p.status)
                    THEN format('only for status %s; the person''s is %s', leadscore._words(r.statuses), coalesce(p.status, 'unknown'))
                    WHEN r.condition IS NOT NULL AND (a.attributes @> r.condition) IS NOT TRUE
                    THEN format('its attributes do not have %s', r.condition)
                    WHEN leadscore._day(a.occurred_at, s.time_zone) < r.effective_from
                    THEN format('before the rule takes effect on %s', r.effective_from)
                    ELSE format('newer ones of that day count in its place: at most %s a day', r.max_per_day) END
        FROM leadscore.person p
        CROSS JOIN leadscore.settings s
        JOIN leadscore.activity a ON a.person_id = p.person_id
        JOIN leadscore._rule_by_type r ON r.activity_type = a.activity_type AND r.kind = 'activity'
         AND leadscore._applies(r.person_kinds, NULL, p.kind, p.status)
        WHERE p.person_id = explain.person_id
          AND NOT EXISTS (SELECT FROM candidate c WHERE c.activity_id = a.activity_id AND c.rule_id = r.rule_id)
          -- That a condition is not met is worth a line where nothing else was made of the activity.
          AND (r.condition IS NULL OR a.attributes @> r.condition
               OR NOT EXISTS (SELECT FROM candidate c WHERE c.activity_id = a.activity_id))
        UNION ALL
        SELECT NULL, a.activity_id, false, NULL, NULL, NULL, format('no rule is for %s', a.activity_type)
        FROM leadscore.person p
        JOIN leadscore.activity a ON a.person_id = p.person_id
        WHERE p.person_id = explain.person_id
          AND NOT EXISTS (SELECT FROM leadscore._rule_by_type r
                          WHERE r.activity_type = a.activity_type AND leadscore._applies(r.person_kinds, NULL, p.kind, p.status))
        UNION ALL
        SELECT r.rule_id, NULL, false, NULL, NULL, r.points,
               format('only for status %s; the person''s is %s', leadscore._words(r.statuses), coalesce(p.status, 'unknown'))
        FROM leadscore.person p
        JOIN leadscore.rule r ON r.enabled AND r.kind = 'inactivity'
         AND leadscore._applies(r.person_kinds, NULL, p.kind, p.status) AND NOT leadscore._applies(NULL, r.statuses, p.kind, p.status)
        WHERE p.person_id = explain.person_id
    )
    SELECT r.name, l.activity_id, a.activity_type, a.occurred_at, l.points::bigint, l.counts, l.counts_from, l.counts_until, l.why
    FROM line l
    LEFT JOIN leadscore.rule r ON r.rule_id = l.rule_id
    LEFT JOIN leadscore.activity a ON a.person_id = explain.person_id AND a.activity_id = l.activity_id
    ORDER BY l.counts DESC, coalesce(l.counts_from, leadscore.scoring_day(a.occurred_at)) DESC, a.occurred_at DESC, l.activity_id DESC, r.name, l.why;
END $$;
COMMENT ON FUNCTION leadscore.explain(bigint, date) IS 'What a person''s score is made of on a day, or as it stands now, and what does not count, and why: points where counts sum to the score';
