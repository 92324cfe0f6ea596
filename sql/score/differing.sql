-- Who differs: the persons of whom anything that is stored is not what is derived.

CREATE FUNCTION leadscore._standing(today date)
RETURNS TABLE (person_id bigint, score bigint, starts_on date, next_on date,
               penalised boolean, last_activity_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT o.person_id, coalesce(sum(o.score), 0)::bigint,
           min(o.starts_on), min(o.next_on), coalesce(bool_or(o.penalised), false), max(o.last_activity_at)
    FROM (
        SELECT r.person_id,
               sum(leadscore._worth(r.points, r.counts_from, r.decays_until, greatest(today, r.counts_from)))
                   FILTER (WHERE r.counts_from <= greatest(today, r.scored_through)) AS score,
               min(r.counts_from) FILTER (WHERE r.counts_from > greatest(today, r.scored_through)) AS starts_on,
               NULL::date AS next_on, NULL::boolean AS penalised, NULL::timestamptz AS last_activity_at
        FROM leadscore._plain_record r
        WHERE leadscore._stands(r.counts_from, r.window_end, NULL, today, today)
        GROUP BY r.person_id
        UNION ALL
        SELECT c.person_id,
               sum(leadscore._worth(c.points, c.counts_from, c.decays_until, greatest(today, c.counts_from)))
                   FILTER (WHERE c.is_record AND c.counts_from <= c.through) AS score,
               min(c.counts_from) FILTER (WHERE c.is_record AND c.counts_from > c.through) AS starts_on,
               min(c.counts_from) FILTER (WHERE c.is_penalty AND c.counts_from > today) AS next_on,
               bool_or(c.is_penalty AND c.counts_from <= today AND (c.next_touch IS NULL OR c.next_touch > c.through)) AS penalised,
               NULL AS last_activity_at
        FROM (SELECT x.*, v.*,
                     leadscore._stands(x.counts_from, x.window_end, x.displaced_on, today, v.through)
                     AND NOT (v.is_penalty AND x.counts_from > today) AS is_record
              FROM leadscore._other_candidate(today) x
              CROSS JOIN LATERAL (SELECT greatest(today, x.scored_through) AS through,
                                         x.activity_id IS NULL AND x.adjustment_id IS NULL AS is_penalty) v) c
        GROUP BY c.person_id
        UNION ALL
        SELECT a.person_id, NULL AS score, NULL AS starts_on, NULL AS next_on,
               NULL AS penalised, max(a.occurred_at) AS last_activity_at
        FROM leadscore.activity a
        GROUP BY a.person_id) o
    GROUP BY o.person_id;
END;
COMMENT ON FUNCTION leadscore._standing(date) IS 'What is derived of each person who has anything: score, when the next record starts or falls due, the latest activity';

-- Whole tables are read at once, in memory: nearly always nobody differs, and that shows fastest
-- without a join of everything with everything.
CREATE FUNCTION leadscore._differing(exact boolean) RETURNS SETOF bigint
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'differing_wrapper';
COMMENT ON FUNCTION leadscore._differing(boolean) IS 'The persons of whom anything stored is not what is derived; exact: and nothing that is only a bound is wider than it need be';
