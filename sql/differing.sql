-- Who differs: the persons of whom anything that is stored is not what is derived.

-- A record as one number that depends on all of it, and on a seed.
CREATE FUNCTION leadscore._fingerprint(seed bigint, rule_id int, activity_id bigint, adjustment_id bigint, points int,
                                       counts_from date, counts_until date, decays_until date) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN hashint8extended(coalesce(activity_id, 0),
       hashint8extended((coalesce(rule_id, 0)::bigint << 32) | (points::bigint & 4294967295),
       hashint8extended(((counts_from - date '2000-01-01')::bigint << 32)
                        | (coalesce(counts_until - date '2000-01-01', 2147483647)::bigint & 4294967295),
       hashint8extended((coalesce(decays_until - date '2000-01-01', 2147483647)::bigint << 32) # coalesce(adjustment_id, 0), seed))));
COMMENT ON FUNCTION leadscore._fingerprint(bigint, int, bigint, bigint, int, date, date, date) IS 'A score record as one number, by a seed';

-- Plain records, which are nearly all, are summed on their own: so parallel workers do it, with
-- aggregates whose state is one number (a record is worth no more than its points, an int).
CREATE FUNCTION leadscore._standing(today date, seed bigint)
RETURNS TABLE (person_id bigint, records bigint, fingerprint bigint, score bigint, starts_on date, next_on date,
               penalised boolean, last_activity_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT o.person_id, sum(o.records)::bigint, coalesce(bit_xor(o.fingerprint), 0), coalesce(sum(o.score), 0)::bigint,
           min(o.starts_on), min(o.next_on), coalesce(bool_or(o.penalised), false), max(o.last_activity_at)
    FROM (
        SELECT r.person_id, count(*) AS records,
               bit_xor(leadscore._fingerprint(seed, r.rule_id, r.activity_id, NULL, r.points, r.counts_from, r.window_end, r.decays_until)) AS fingerprint,
               sum(leadscore._worth(r.points, r.counts_from, r.decays_until, greatest(today, r.counts_from))::int)
                   FILTER (WHERE r.counts_from <= greatest(today, r.scored_through)) AS score,
               min(r.counts_from) FILTER (WHERE r.counts_from > greatest(today, r.scored_through)) AS starts_on,
               NULL::date AS next_on, NULL::boolean AS penalised, NULL::timestamptz AS last_activity_at
        FROM leadscore._plain_record r
        WHERE leadscore._stands(r.counts_from, r.window_end, NULL, today, today)
        GROUP BY r.person_id
        UNION ALL
        SELECT c.person_id, count(*) FILTER (WHERE c.is_record) AS records,
               bit_xor(leadscore._fingerprint(seed, c.rule_id, c.activity_id, c.adjustment_id, c.points, c.counts_from,
                                              least(c.window_end, c.displaced_on), c.decays_until)) FILTER (WHERE c.is_record) AS fingerprint,
               sum(leadscore._worth(c.points, c.counts_from, c.decays_until, greatest(today, c.counts_from))::int)
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
        SELECT a.person_id, 0 AS records, NULL AS fingerprint, NULL AS score, NULL AS starts_on, NULL AS next_on,
               NULL AS penalised, max(a.occurred_at) AS last_activity_at
        FROM leadscore.activity a
        GROUP BY a.person_id) o
    GROUP BY o.person_id;
END;
COMMENT ON FUNCTION leadscore._standing(date, bigint) IS 'What is derived of each person who has anything: records as number and fingerprint, score, when the next one starts or falls due';

-- Records are compared by their number and the XOR of their fingerprints for each person, which
-- needs no join of all records with all; the score and the rest as they are. What is derived has
-- no two equal records, so for as many that differ the XOR is the same once in 2^64, and the
-- seed is new in each call.
CREATE FUNCTION leadscore._differing(today date) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    seed bigint := (random() * 4503599627370496)::bigint;
BEGIN
    RETURN QUERY
    SELECT coalesce(p.person_id, t.person_id, s.person_id)
    FROM leadscore.person p
    FULL JOIN leadscore._standing(today, seed) t ON t.person_id = p.person_id
    FULL JOIN (SELECT r.person_id, count(*) AS records,
                      bit_xor(leadscore._fingerprint(seed, r.rule_id, r.activity_id, r.adjustment_id, r.points,
                                                     r.counts_from, r.counts_until, r.decays_until)) AS fingerprint
               FROM leadscore.score_record r
               GROUP BY r.person_id) s ON s.person_id = p.person_id
    LEFT JOIN leadscore.due u ON u.person_id = p.person_id
    LEFT JOIN LATERAL leadscore._band_at(p.kind, coalesce(t.score, 0)) b ON true
    WHERE p.person_id IS NULL
       OR (p.score, coalesce(s.records, 0), coalesce(s.fingerprint, 0)) <> (coalesce(t.score, 0), coalesce(t.records, 0), coalesce(t.fingerprint, 0))
       OR (p.category, p.last_activity_at, p.penalised) IS DISTINCT FROM (b.name, t.last_activity_at, coalesce(t.penalised, false))
       -- The due day is a lower bound: it may be early but never late.
       OR CASE WHEN p.scored_through > today THEN today ELSE least(t.next_on, t.starts_on) END < coalesce(u.due_on, 'infinity');
END $$;
COMMENT ON FUNCTION leadscore._differing(date) IS 'The persons of whom anything stored is not what is derived';
