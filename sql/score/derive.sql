-- The meaning of a score, written once. Everything that scores reads from here: triggers,
-- recompute, verify, score_at. These are views, and functions that the planner inlines, so a
-- condition on person_id or rule_id reaches the tables' indexes.
--
--   activity, person, rule ──▶ _match ──▶ _plain_record ─────────────────────────┐
--                                    └──▶ _capped_record ─┐                       ├─▶ _candidate ──▶ _derived
--   person.since, _match ────▶ _spell ──▶ _penalty ───────┼─▶ _other_candidate ───┘
--   adjustment ───────────────────────────────────────────┘
--
-- All bodies are parsed here and now: no search_path of a caller can change their meaning.

-- Days that people name are in the years 1 to 9999, so that no length of time in a rule leaves
-- the calendar.
-- round(points × (e − D) / (e − d)), half away from zero, in whole numbers so that no
-- rounding of a quotient comes before it.
CREATE FUNCTION leadscore._worth(points int, counts_from date, decays_until date, on_day date) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN decays_until IS NULL THEN points::bigint
            ELSE sign(points)::bigint
                 * ((2 * abs(points::bigint) * (decays_until - on_day) + (decays_until - counts_from))
                    / (2 * (decays_until - counts_from)))
       END;
COMMENT ON FUNCTION leadscore._worth(int, date, date, date) IS 'Points that a score record is worth on a day on which it counts';

CREATE FUNCTION leadscore._applies(person_kinds text[], statuses text[], kind text, status text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (person_kinds IS NULL OR kind = ANY (person_kinds)) AND (statuses IS NULL OR status = ANY (statuses));
COMMENT ON FUNCTION leadscore._applies(text[], text[], text, text) IS 'Whether a rule for these kinds and statuses applies to a person of this kind and status';

-- One row per enabled rule and activity type that it takes, so that activities join by equality.
CREATE VIEW leadscore._rule_by_type AS
SELECT t.activity_type, r.*
FROM leadscore.rule r
JOIN leadscore.activity_type t ON r.activity_types IS NULL OR t.activity_type = ANY (r.activity_types)
WHERE r.enabled;
COMMENT ON VIEW leadscore._rule_by_type IS 'Enabled rules, one row for each activity type that matches';

-- The rules that match one activity of one person.
CREATE FUNCTION leadscore._matching_rule(activity_type text, attributes jsonb, person_kind text, person_status text)
RETURNS SETOF leadscore._rule_by_type
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT r.*
    FROM leadscore._rule_by_type r
    WHERE r.activity_type = _matching_rule.activity_type
      AND (r.condition IS NULL OR _matching_rule.attributes @> r.condition)
      AND leadscore._applies(r.person_kinds, r.statuses, person_kind, person_status);
END;
COMMENT ON FUNCTION leadscore._matching_rule(text, jsonb, text, text) IS 'The rules that match one activity of one person';

CREATE VIEW leadscore._match AS
SELECT a.person_id, a.activity_id, a.occurred_at, d.day, p.scored_through,
       r.rule_id, r.kind, r.points, r.relevant_for, r.decay, r.max_per_day, r.max_counted, r.effective_from
FROM leadscore.activity a
CROSS JOIN leadscore.settings s
CROSS JOIN LATERAL (SELECT leadscore._day(a.occurred_at, s.time_zone) AS day) d
JOIN leadscore.person p ON p.person_id = a.person_id
CROSS JOIN LATERAL leadscore._matching_rule(a.activity_type, a.attributes, p.kind, p.status) r;
COMMENT ON VIEW leadscore._match IS 'Each activity with each rule that matches it now';

-- What activity rules give, whatever the day: a record counts from counts_from until its
-- window ends.
CREATE VIEW leadscore._plain_record AS
SELECT m.person_id, m.rule_id, m.activity_id, m.points, m.day AS counts_from,
       (m.day + m.relevant_for)::date AS window_end,
       CASE WHEN m.decay = 'linear' THEN (m.day + m.relevant_for)::date END AS decays_until,
       m.scored_through
FROM leadscore._match m
WHERE m.kind = 'activity' AND m.max_per_day IS NULL AND m.max_counted IS NULL
  AND (m.effective_from IS NULL OR m.day >= m.effective_from);
COMMENT ON VIEW leadscore._plain_record IS 'What rules without a cap give for each activity, with its window, on no particular day';

-- The same where newer records may displace it.
CREATE VIEW leadscore._capped_record AS
SELECT c.person_id, c.rule_id, c.activity_id, c.points, c.day AS counts_from,
       (c.day + c.relevant_for)::date AS window_end,
       -- The day of the max_counted-th newer record; NULL where there is none or no limit.
       lag(c.day, c.max_counted) OVER (PARTITION BY c.person_id, c.rule_id ORDER BY c.occurred_at DESC, c.activity_id DESC) AS displaced_on,
       CASE WHEN c.decay = 'linear' THEN (c.day + c.relevant_for)::date END AS decays_until,
       c.scored_through
FROM (SELECT m.*,
             row_number() OVER (PARTITION BY m.person_id, m.rule_id, m.day ORDER BY m.occurred_at DESC, m.activity_id DESC) AS nth_newest
      FROM leadscore._match m
      WHERE m.kind = 'activity' AND (m.max_per_day IS NOT NULL OR m.max_counted IS NOT NULL)
        AND (m.effective_from IS NULL OR m.day >= m.effective_from)) c
WHERE c.max_per_day IS NULL OR c.nth_newest <= c.max_per_day;
COMMENT ON VIEW leadscore._capped_record IS 'What rules with a cap give for each activity, with window and displacement, on no particular day';

-- Silences: from each touch day of an inactivity rule to the next one.
CREATE VIEW leadscore._spell AS
SELECT t.person_id, t.rule_id, t.scored_through, t.touch,
       lead(t.touch) OVER (PARTITION BY t.person_id, t.rule_id ORDER BY t.touch) AS next_touch
FROM (SELECT p.person_id, r.rule_id, p.scored_through,
             greatest(leadscore._day(p.since, s.time_zone), r.effective_from) AS touch
      FROM leadscore.person p
      CROSS JOIN leadscore.settings s
      JOIN leadscore.rule r ON r.enabled AND r.kind = 'inactivity'
       AND leadscore._applies(r.person_kinds, r.statuses, p.kind, p.status)
      UNION
      SELECT m.person_id, m.rule_id, m.scored_through, greatest(m.day, m.effective_from)
      FROM leadscore._match m
      WHERE m.kind = 'inactivity') t
-- Both lists are hashed when a row first asks, and the first is nearly always empty.
WHERE NOT (t.person_id IN (SELECT c.person_id FROM leadscore.person_consent c WHERE c.refused)
           AND t.rule_id IN (SELECT o.rule_id FROM leadscore._online_rule o));
COMMENT ON VIEW leadscore._spell IS 'Spells of silence of each person for each inactivity rule; next_touch is NULL for the one that lasts';

-- A length in days that no date arithmetic with the interval undercuts.
CREATE FUNCTION leadscore._least_days(length interval) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN greatest(1, (28 * (12 * date_part('year', length) + date_part('month', length)) + date_part('day', length))::int);
COMMENT ON FUNCTION leadscore._least_days(interval) IS 'A lower bound of the days that an interval of whole days, months and years spans';

-- The penalties due by a day, and of each spell that lasts the first one due after it.
-- Of spells that have ended, only penalties with a window of their own can still count.
-- With until_day, the same for all days from the one to the other.
CREATE FUNCTION leadscore._penalty(on_day date, until_day date DEFAULT NULL)
RETURNS TABLE (person_id bigint, rule_id int, points int, counts_from date, window_end date,
               displaced_on date, next_touch date, scored_through date)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT l.person_id, l.rule_id, r.points, u.due_on,
           (u.due_on + r.relevant_for)::date,
           CASE WHEN r.relevant_for IS NULL THEN l.next_touch END,
           l.next_touch, l.scored_through
    FROM leadscore._spell l
    JOIN leadscore.rule r ON r.rule_id = l.rule_id
    CROSS JOIN LATERAL (SELECT (l.touch + r.inactive_for)::date AS due_on) f
    CROSS JOIN LATERAL generate_series(
        1, CASE WHEN r.repeat_every IS NULL THEN 1
                ELSE least(r.max_repeats,
                           2 + greatest(0, least(coalesce(until_day, on_day), l.next_touch) - f.due_on) / leadscore._least_days(r.repeat_every))
           END) k(nth)
    -- k − 1 is evaluated as 0 for a rule without repeats, whose repeat_every is NULL.
    CROSS JOIN LATERAL (SELECT (f.due_on + coalesce((k.nth - 1) * r.repeat_every, interval '0'))::date AS due_on) u
    WHERE (l.next_touch IS NULL OR u.due_on < l.next_touch)
      AND (r.relevant_for IS NOT NULL OR l.next_touch IS NULL OR l.next_touch > on_day);
END;
COMMENT ON FUNCTION leadscore._penalty(date, date) IS 'Penalties due by a day, and the next one of each silence that lasts';

-- All that can give points on or after a day, besides plain records.
CREATE FUNCTION leadscore._other_candidate(on_day date, until_day date DEFAULT NULL)
RETURNS TABLE (person_id bigint, rule_id int, activity_id bigint, adjustment_id bigint, points int, counts_from date,
               window_end date, displaced_on date, decays_until date, next_touch date, scored_through date)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT c.person_id, c.rule_id, c.activity_id, NULL::bigint AS adjustment_id, c.points, c.counts_from,
           c.window_end, c.displaced_on, c.decays_until, NULL::date AS next_touch, c.scored_through
    FROM leadscore._capped_record c
    UNION ALL
    SELECT n.person_id, n.rule_id, NULL AS activity_id, NULL AS adjustment_id, n.points, n.counts_from,
           n.window_end, n.displaced_on, NULL AS decays_until, n.next_touch, n.scored_through
    FROM leadscore._penalty(on_day, until_day) n
    UNION ALL
    SELECT j.person_id, NULL AS rule_id, NULL AS activity_id, j.adjustment_id, j.points, j.from_day,
           j.until_day, NULL AS displaced_on, NULL AS decays_until, NULL AS next_touch, p.scored_through
    FROM leadscore.adjustment j
    JOIN leadscore.person p ON p.person_id = j.person_id;
END;
COMMENT ON FUNCTION leadscore._other_candidate(date, date) IS 'What caps leave, penalties and adjustments: all that can give points on or after a day, besides plain records';

-- Penalties that are not due yet are left out by what reads this, except a forecast.
CREATE FUNCTION leadscore._candidate(on_day date, until_day date DEFAULT NULL)
RETURNS TABLE (person_id bigint, rule_id int, activity_id bigint, adjustment_id bigint, points int,
               counts_from date, window_end date, displaced_on date, decays_until date, scored_through date)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT r.person_id, r.rule_id, r.activity_id, NULL::bigint, r.points,
           r.counts_from, r.window_end, NULL::date, r.decays_until, r.scored_through
    FROM leadscore._plain_record r
    UNION ALL
    SELECT o.person_id, o.rule_id, o.activity_id, o.adjustment_id, o.points,
           o.counts_from, o.window_end, o.displaced_on, o.decays_until, o.scored_through
    FROM leadscore._other_candidate(on_day, until_day) o;
END;
COMMENT ON FUNCTION leadscore._candidate(date, date) IS 'All that can give points on or after a day';

-- through is the day up to which newer records displace.
CREATE FUNCTION leadscore._stands(counts_from date, window_end date, displaced_on date, on_day date, through date) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (window_end IS NULL OR window_end > on_day)
   AND (displaced_on IS NULL OR (displaced_on > through AND displaced_on > counts_from));
COMMENT ON FUNCTION leadscore._stands(date, date, date, date, date) IS 'Whether a candidate counts on a day or will later';

-- The score records of a day: those that count on it or will later. With ahead, as they
-- stand between two runs: records that began since the last run count and displace through
-- the person's scored_through, while windows still end, and penalties fall due, by the run's day.
-- With until_day, the penalties too that fall due by then if nothing more is registered.
CREATE FUNCTION leadscore._derived(on_day date, ahead boolean, until_day date DEFAULT NULL)
RETURNS TABLE (person_id bigint, rule_id int, activity_id bigint, adjustment_id bigint, points int,
               counts_from date, counts_until date, decays_until date)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT c.person_id, c.rule_id, c.activity_id, c.adjustment_id, c.points,
           c.counts_from, least(c.window_end, c.displaced_on), c.decays_until
    FROM leadscore._candidate(on_day, until_day) c
    WHERE leadscore._stands(c.counts_from, c.window_end, c.displaced_on, on_day,
                            CASE WHEN ahead THEN greatest(on_day, c.scored_through) ELSE on_day END)
      AND (c.activity_id IS NOT NULL OR c.adjustment_id IS NOT NULL OR c.counts_from <= coalesce(until_day, on_day));
END;
COMMENT ON FUNCTION leadscore._derived(date, boolean, date) IS 'The score records of a day: those that count on it or will later';

-- Bands of categories with both bounds; '' stands for the kinds that have none of their own.
CREATE VIEW leadscore._band AS
SELECT coalesce(person_kind, '') AS band_kind, name, min_score AS low,
       lead(min_score) OVER (PARTITION BY person_kind ORDER BY min_score NULLS FIRST) AS high
FROM leadscore.category;
COMMENT ON VIEW leadscore._band IS 'Categories with their lower and upper bound';

CREATE FUNCTION leadscore._band_at(kind text, score bigint) RETURNS SETOF leadscore._band
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT b.*
    FROM leadscore._band b
    WHERE b.band_kind = CASE WHEN _band_at.kind IN (SELECT o.band_kind FROM leadscore._band o) THEN _band_at.kind ELSE '' END
      AND (b.low IS NULL OR _band_at.score >= b.low) AND (b.high IS NULL OR _band_at.score < b.high);
END;
COMMENT ON FUNCTION leadscore._band_at(text, bigint) IS 'The category in which a score of a person of a kind falls; none where there are no categories';
