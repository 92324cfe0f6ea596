-- What a good developer would write instead of leadscore. @arm@ is the schema. The same columns, rules with
-- the same parts (but for caps), and persons that are locked first, so that totals are right with many writers.

CREATE FUNCTION @arm@.band(score bigint) RETURNS text
LANGUAGE sql STABLE
RETURN (SELECT c.name FROM @arm@.category c WHERE c.min_score IS NULL OR c.min_score <= score
        ORDER BY c.min_score DESC NULLS LAST LIMIT 1);

-- A trigger for each row: finds the rules, inserts their records, sums the person anew.
CREATE FUNCTION @arm@.score_row() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    day date := (NEW.occurred_at AT TIME ZONE 'UTC')::date;
    sum bigint;
    who @arm@.person;
BEGIN
    SELECT * INTO who FROM @arm@.person p WHERE p.person_id = NEW.person_id FOR NO KEY UPDATE;
    INSERT INTO @arm@.score_record (person_id, activity_id, rule_id, points, counts_from, counts_until)
    SELECT NEW.person_id, NEW.activity_id, r.rule_id, r.points, day, (day + r.relevant_for)::date
    FROM @arm@.rule r
    WHERE r.enabled AND r.kind = 'activity'
      AND (r.activity_types IS NULL OR NEW.activity_type = ANY (r.activity_types))
      AND (r.condition IS NULL OR NEW.attributes @> r.condition)
      AND (r.person_kinds IS NULL OR who.kind = ANY (r.person_kinds))
      AND (r.statuses IS NULL OR who.status = ANY (r.statuses));
    SELECT coalesce(sum(s.points), 0) INTO sum
    FROM @arm@.score_record s
    WHERE s.person_id = NEW.person_id AND s.counts_from <= current_date
      AND (s.counts_until IS NULL OR s.counts_until > current_date);
    UPDATE @arm@.person p
    SET score = sum, category = @arm@.band(sum), last_activity_at = greatest(p.last_activity_at, NEW.occurred_at)
    WHERE p.person_id = NEW.person_id;
    RETURN NULL;
END $$;

-- A trigger for each statement: the same for the set of new rows.
CREATE FUNCTION @arm@.score_statement() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM @arm@.person p
    WHERE p.person_id IN (SELECT n.person_id FROM inserted n)
    ORDER BY p.person_id FOR NO KEY UPDATE;
    INSERT INTO @arm@.score_record (person_id, activity_id, rule_id, points, counts_from, counts_until)
    SELECT n.person_id, n.activity_id, r.rule_id, r.points, d.day, (d.day + r.relevant_for)::date
    FROM inserted n
    CROSS JOIN LATERAL (SELECT (n.occurred_at AT TIME ZONE 'UTC')::date AS day) d
    JOIN @arm@.person p ON p.person_id = n.person_id
    JOIN @arm@.rule r ON r.enabled AND r.kind = 'activity'
     AND (r.activity_types IS NULL OR n.activity_type = ANY (r.activity_types))
     AND (r.condition IS NULL OR n.attributes @> r.condition)
     AND (r.person_kinds IS NULL OR p.kind = ANY (r.person_kinds))
     AND (r.statuses IS NULL OR p.status = ANY (r.statuses));
    UPDATE @arm@.person p
    SET score = t.score, category = @arm@.band(t.score), last_activity_at = greatest(p.last_activity_at, t.latest)
    FROM (SELECT n.person_id, max(n.occurred_at) AS latest,
                 (SELECT coalesce(sum(s.points), 0) FROM @arm@.score_record s
                  WHERE s.person_id = n.person_id AND s.counts_from <= current_date
                    AND (s.counts_until IS NULL OR s.counts_until > current_date)) AS score
          FROM inserted n GROUP BY n.person_id) t
    WHERE p.person_id = t.person_id;
    RETURN NULL;
END $$;

-- The night: deletes what has expired, adds penalties that are due, sums everyone anew. With careful, only
-- persons whose total differs are written.
CREATE FUNCTION @arm@.night(day date, careful boolean) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM @arm@.score_record s WHERE s.counts_until <= day;
    INSERT INTO @arm@.score_record (person_id, rule_id, points, counts_from)
    SELECT p.person_id, r.rule_id, r.points, day
    FROM @arm@.person p
    JOIN @arm@.rule r ON r.enabled AND r.kind = 'inactivity'
    WHERE ((greatest(p.since, p.last_activity_at) AT TIME ZONE 'UTC')::date + r.inactive_for)::date <= day
      AND NOT EXISTS (SELECT FROM @arm@.score_record s
                      WHERE s.person_id = p.person_id AND s.activity_id IS NULL AND s.rule_id = r.rule_id);
    UPDATE @arm@.person p
    SET score = t.score, category = t.category
    FROM (SELECT q.person_id, coalesce(x.score, 0) AS score, c.name AS category
          FROM @arm@.person q
          LEFT JOIN (SELECT s.person_id,
                            sum(CASE WHEN s.decays_until IS NULL THEN s.points
                                     ELSE round(s.points::numeric * (s.decays_until - day) / (s.decays_until - s.counts_from)) END) AS score
                     FROM @arm@.score_record s WHERE s.counts_from <= day
                     GROUP BY s.person_id) x ON x.person_id = q.person_id
          LEFT JOIN (SELECT k.name, coalesce(k.min_score, -9223372036854775808) AS low,
                            lead(k.min_score, 1, 9223372036854775807) OVER (ORDER BY k.min_score NULLS FIRST) AS high
                     FROM @arm@.category k) c ON coalesce(x.score, 0) >= c.low AND coalesce(x.score, 0) < c.high) t
    WHERE p.person_id = t.person_id
      AND (NOT careful OR (p.score, p.category) IS DISTINCT FROM (t.score::bigint, t.category));
END $$;

-- Rows of an application's own table become activities.
CREATE FUNCTION @arm@.take_appointment() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO @arm@.activity (person_id, activity_type, occurred_at, attributes, source_id, source_key)
    VALUES (NEW.candidate_id, NEW.type, NEW.at, jsonb_build_object('stage', NEW.stage), 1, NEW.id::text);
    RETURN NULL;
END $$;
CREATE TRIGGER take_appointment AFTER INSERT ON @arm@.appointment
    FOR EACH ROW EXECUTE FUNCTION @arm@.take_appointment();
