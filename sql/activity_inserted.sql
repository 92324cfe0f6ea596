-- Scores the rows of the transition table "inserted" as a set; arguments: $1 the day for
-- which scores stand, $2 the local day of now, $3 whether persons were derived in this
-- transaction already, perhaps with these rows. Persons of whom it cannot be said by looking
-- at the new rows alone are returned, to be derived anew by leadscore._rescore.
-- Every person of the rows exists and is locked.
WITH act AS MATERIALIZED (
    SELECT a.person_id, a.activity_id, a.activity_type, a.attributes, a.occurred_at,
           leadscore._day(a.occurred_at, s.time_zone) AS day
    FROM inserted a CROSS JOIN leadscore.settings s
), touched AS MATERIALIZED (
    SELECT p.person_id, p.kind, p.status, p.score, p.category, p.penalised,
           greatest($1, p.scored_through) AS reach,
           leadscore._day(greatest(p.since, p.last_activity_at), s.time_zone) AS last_day,
           n.first_day, n.latest_day, n.reached_day, n.latest_at
    FROM (SELECT a.person_id, min(a.day) AS first_day, max(a.day) AS latest_day,
                 max(a.day) FILTER (WHERE a.day <= $2) AS reached_day, max(a.occurred_at) AS latest_at
          FROM act a GROUP BY a.person_id) n
    JOIN leadscore.person p ON p.person_id = n.person_id
    CROSS JOIN leadscore.settings s
), matched AS MATERIALIZED (
    SELECT a.person_id, a.activity_id, a.day, r.rule_id, r.kind, r.points, r.decay,
           (a.day + r.relevant_for)::date AS window_end,
           CASE WHEN r.kind = 'inactivity'
                THEN t.penalised OR t.first_day < t.last_day OR (t.first_day + r.inactive_for)::date <= $1
                ELSE r.max_per_day IS NOT NULL OR r.max_counted IS NOT NULL
           END AS needs_more
    FROM act a
    JOIN touched t ON t.person_id = a.person_id
    CROSS JOIN LATERAL leadscore._matching_rule(a.activity_type, a.attributes, t.kind, t.status) r
    WHERE r.effective_from IS NULL OR a.day >= r.effective_from OR r.kind = 'inactivity'
), unclear AS MATERIALIZED (
    SELECT t.person_id FROM touched t WHERE t.latest_day > t.reach
    UNION
    SELECT m.person_id FROM matched m WHERE m.needs_more
    UNION
    SELECT a.person_id FROM act a
    JOIN leadscore.score_record s ON s.person_id = a.person_id AND s.activity_id = a.activity_id
    WHERE $3
), record AS (
    INSERT INTO leadscore.score_record (person_id, activity_id, rule_id, points, counts_from, counts_until, decays_until)
    SELECT m.person_id, m.activity_id, m.rule_id, m.points, m.day, m.window_end,
           CASE WHEN m.decay = 'linear' THEN m.window_end END
    FROM matched m
    WHERE m.kind = 'activity' AND (m.window_end IS NULL OR m.window_end > $1)
      AND NOT EXISTS (SELECT FROM unclear u WHERE u.person_id = m.person_id)
    RETURNING person_id, points, counts_from, decays_until
), standing AS MATERIALIZED (
    SELECT t.person_id, x.score, b.name AS category, t.category AS old_category, t.latest_at, t.reach,
           (t.score, t.category) IS DISTINCT FROM (x.score, b.name) AS moved
    FROM touched t
    LEFT JOIN (SELECT r.person_id, sum(leadscore._worth(r.points, r.counts_from, r.decays_until, greatest($1, r.counts_from))) AS points
               FROM record r GROUP BY r.person_id) g ON g.person_id = t.person_id
    CROSS JOIN LATERAL (SELECT (t.score + coalesce(g.points, 0))::bigint AS score) x
    LEFT JOIN LATERAL leadscore._band_at(t.kind, x.score) b ON true
    WHERE NOT EXISTS (SELECT FROM unclear u WHERE u.person_id = t.person_id)
), updated AS (
    UPDATE leadscore.person p
    SET score = t.score, category = t.category, last_activity_at = greatest(p.last_activity_at, t.latest_at)
    FROM standing t
    WHERE p.person_id = t.person_id
), logged AS (
    INSERT INTO leadscore.category_change (person_id, from_category, to_category, score, scored_on)
    SELECT t.person_id, t.old_category, t.category, t.score, t.reach
    FROM standing t
    WHERE t.old_category IS DISTINCT FROM t.category
    ORDER BY t.person_id
)
SELECT array_agg(u.person_id ORDER BY u.person_id) AS ids,
       array_agg(t.reached_day ORDER BY u.person_id) AS days,
       (SELECT array_agg(t.person_id ORDER BY t.person_id) FROM standing t WHERE t.moved) AS moved
FROM unclear u JOIN touched t ON t.person_id = u.person_id
