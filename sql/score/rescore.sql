-- Bringing what is stored to what is derived, for some persons or for all.

CREATE TYPE leadscore._outcome AS (
    records_added bigint, records_removed bigint, persons_changed bigint, categories_changed bigint
);
COMMENT ON TYPE leadscore._outcome IS 'What a run or a part of it changed';

-- Begin to write: from here to the end of the transaction no run moves the day.
CREATE FUNCTION leadscore._begin() RETURNS date
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    LOCK TABLE leadscore.state IN ROW SHARE MODE;
    -- Under one snapshot for the whole transaction, a run since then is a serialization failure.
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        PERFORM FROM leadscore.state FOR SHARE;
    END IF;
    RETURN (SELECT scored_on FROM leadscore.state);
END $$;
COMMENT ON FUNCTION leadscore._begin() IS 'Waits for a running recompute and returns the day for which the scores stand';
REVOKE ALL ON FUNCTION leadscore._begin() FROM PUBLIC;

CREATE FUNCTION leadscore._snapshot_is_current() RETURNS boolean
LANGUAGE c AS 'MODULE_PATHNAME', 'snapshot_is_current_wrapper';
COMMENT ON FUNCTION leadscore._snapshot_is_current() IS 'Whether the transaction sees all that is committed';
REVOKE ALL ON FUNCTION leadscore._snapshot_is_current() FROM PUBLIC;

-- What looks at everything must see everything: with an older snapshot it would miss rows for good.
CREATE FUNCTION leadscore._need_current_snapshot() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT leadscore._snapshot_is_current() THEN
        RAISE serialization_failure USING
            MESSAGE = 'could not serialize access due to concurrent transactions',
            DETAIL = 'The transaction''s snapshot is older than what others have committed.',
            HINT = 'Run it in a transaction of its own, at best at READ COMMITTED.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._need_current_snapshot() IS 'Refuses a transaction whose snapshot is out of date';
REVOKE ALL ON FUNCTION leadscore._need_current_snapshot() FROM PUBLIC;

-- The one order in which rows are locked: first the rows of attached tables that are written
-- back, as an application that updates them and then registers an activity has them, then the
-- persons; each in the order of their keys.
CREATE FUNCTION leadscore._lock_sources(ids bigint[]) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'lock_sources_wrapper';
COMMENT ON FUNCTION leadscore._lock_sources(bigint[]) IS 'Locks the rows of attached tables to which scores of these persons are written back';
REVOKE ALL ON FUNCTION leadscore._lock_sources(bigint[]) FROM PUBLIC;

-- Returns how many persons there are.
CREATE FUNCTION leadscore._lock_persons(ids bigint[]) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._lock_sources(ids);
    PERFORM FROM leadscore.person p WHERE p.person_id = ANY (ids) ORDER BY p.person_id FOR NO KEY UPDATE;
    RETURN (SELECT count(*) FROM leadscore.person p WHERE p.person_id = ANY (ids));
END $$;
COMMENT ON FUNCTION leadscore._lock_persons(bigint[]) IS 'Locks persons, and the rows that their scores are written back to, in one order';
REVOKE ALL ON FUNCTION leadscore._lock_persons(bigint[]) FROM PUBLIC;

-- What happened after the last run's day counts at once: persons whose new activities lie
-- between that day and now are taken to the day of the latest of them.
CREATE FUNCTION leadscore._reach(ids bigint[], days date[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    today date := leadscore._begin();
BEGIN
    PERFORM leadscore._lock_persons(ids);
    UPDATE leadscore.person p SET scored_through = n.day
    FROM (SELECT u.id, max(u.day) AS day
          FROM unnest(ids, days) u(id, day)
          WHERE u.day > today AND u.day <= leadscore.scoring_day()
          GROUP BY u.id) n
    WHERE p.person_id = n.id AND (p.scored_through IS NULL OR p.scored_through < n.day);
END $$;
COMMENT ON FUNCTION leadscore._reach(bigint[], date[]) IS 'Lets records that began since the last run count, up to the given days of the given persons';
REVOKE ALL ON FUNCTION leadscore._reach(bigint[], date[]) FROM PUBLIC;

-- Triggers that run later in the same transaction ask whether their rows were derived already.
CREATE FUNCTION leadscore._note_derived() RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'note_derived_wrapper';
COMMENT ON FUNCTION leadscore._note_derived() IS 'Notes that persons are derived anew in this transaction';
REVOKE ALL ON FUNCTION leadscore._note_derived() FROM PUBLIC;

-- Scores and categories go back into the application's own tables, where they changed. It runs
-- as the table's owner, since triggers on that table are the owner's code.
CREATE FUNCTION leadscore._write_back(ids bigint[]) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'write_back_wrapper';
COMMENT ON FUNCTION leadscore._write_back(bigint[]) IS 'Brings scores and categories of persons to the attached tables that have columns for them';
REVOKE ALL ON FUNCTION leadscore._write_back(bigint[]) FROM PUBLIC;

-- Copies of a record cannot come about by leadscore, but somebody may have inserted them.
CREATE FUNCTION leadscore._drop_copies(ids bigint[]) RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH copy AS (
        SELECT s.ctid AS at, row_number() OVER (PARTITION BY s.person_id, s.activity_id, s.rule_id, s.points, s.counts_from,
                                                             s.counts_until, s.decays_until, s.adjustment_id) AS nth
        FROM leadscore.score_record s
        WHERE s.person_id = ANY (ids)
    ), dropped AS (
        DELETE FROM leadscore.score_record s USING copy c WHERE s.ctid = c.at AND c.nth > 1 RETURNING s.person_id
    )
    SELECT count(*) FROM dropped;
END;
COMMENT ON FUNCTION leadscore._drop_copies(bigint[]) IS 'Removes copies of score records of some persons and returns how many';
REVOKE ALL ON FUNCTION leadscore._drop_copies(bigint[]) FROM PUBLIC;

-- Derives the given persons anew on the day of the last run and stores what differs. With
-- touch, a person's row is written even if it stays the same: a transaction that goes by an
-- older snapshot then fails to lock it, instead of deriving from activities of the past.
CREATE FUNCTION leadscore._rescore(ids bigint[], touch boolean DEFAULT true) RETURNS leadscore._outcome
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    today   date := leadscore._begin();
    outcome leadscore._outcome;
    surplus bigint;
    moved   bigint[];
BEGIN
    PERFORM leadscore._note_derived();
    -- A plan that is made once serves a few persons best; for many, one made for the occasion.
    IF cardinality(ids) > 200 THEN
        PERFORM set_config('plan_cache_mode', 'force_custom_plan', true);
    END IF;
    PERFORM leadscore._lock_persons(ids);

    WITH derived AS MATERIALIZED (
        SELECT * FROM leadscore._derived(today, true) d WHERE d.person_id = ANY (ids)
    ), stored AS MATERIALIZED (
        SELECT s.ctid AS at, s.* FROM leadscore.score_record s WHERE s.person_id = ANY (ids)
    ), difference AS MATERIALIZED (
        SELECT s.at, d.*
        FROM derived d
        FULL JOIN stored s
          ON s.person_id = d.person_id AND s.counts_from = d.counts_from
         AND coalesce(s.activity_id, 0) = coalesce(d.activity_id, 0)
         AND coalesce(s.rule_id, 0) = coalesce(d.rule_id, 0)
         AND coalesce(s.adjustment_id, 0) = coalesce(d.adjustment_id, 0)
         AND s.points = d.points
         AND coalesce(s.counts_until, 'infinity') = coalesce(d.counts_until, 'infinity')
         AND coalesce(s.decays_until, 'infinity') = coalesce(d.decays_until, 'infinity')
        WHERE s.at IS NULL OR d.person_id IS NULL
    ), removed AS (
        DELETE FROM leadscore.score_record s
        WHERE s.ctid = ANY (ARRAY(SELECT f.at FROM difference f WHERE f.at IS NOT NULL))
        RETURNING s.person_id
    ), added AS (
        INSERT INTO leadscore.score_record
            (person_id, activity_id, rule_id, points, counts_from, counts_until, decays_until, adjustment_id)
        SELECT f.person_id, f.activity_id, f.rule_id, f.points, f.counts_from, f.counts_until, f.decays_until, f.adjustment_id
        FROM difference f WHERE f.at IS NULL
        RETURNING person_id
    )
    SELECT (SELECT count(*) FROM added), (SELECT count(*) FROM removed),
           (SELECT count(*) FROM stored) + (SELECT count(*) FROM added) - (SELECT count(*) FROM removed) - (SELECT count(*) FROM derived)
    INTO outcome.records_added, outcome.records_removed, surplus;
    IF surplus > 0 THEN
        outcome.records_removed := outcome.records_removed + leadscore._drop_copies(ids);
    END IF;

    WITH silence AS (
        SELECT n.person_id,
               min(n.counts_from) FILTER (WHERE n.counts_from > today) AS next_on,
               coalesce(bool_or(n.counts_from <= today
                   AND (n.next_touch IS NULL OR n.next_touch > greatest(today, n.scored_through))), false) AS penalised
        FROM leadscore._penalty(today) n
        WHERE n.person_id = ANY (ids)
        GROUP BY n.person_id
    ), standing AS MATERIALIZED (
        SELECT p.person_id, p.category AS old_category, t.score, b.name AS category, l.last_activity_at,
               coalesce(n.penalised, false) AS penalised,
               CASE WHEN p.scored_through > today THEN today ELSE least(n.next_on, t.starts_on) END AS due_on,
               greatest(today, p.scored_through) AS scored_on,
               (p.score, p.category) IS DISTINCT FROM (t.score, b.name) AS moved,
               (p.score, p.category, p.last_activity_at, p.penalised)
                   IS DISTINCT FROM (t.score, b.name, l.last_activity_at, coalesce(n.penalised, false)) AS changed
        FROM leadscore.person p
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(leadscore._worth(s.points, s.counts_from, s.decays_until, greatest(today, s.counts_from)))
                            FILTER (WHERE s.counts_from <= greatest(today, p.scored_through)), 0)::bigint AS score,
                   min(s.counts_from) FILTER (WHERE s.counts_from > greatest(today, p.scored_through)) AS starts_on
            FROM leadscore.score_record s
            WHERE s.person_id = p.person_id) t
        CROSS JOIN LATERAL (
            SELECT max(a.occurred_at) AS last_activity_at
            FROM leadscore.activity a
            WHERE a.person_id = p.person_id) l
        LEFT JOIN LATERAL leadscore._band_at(p.kind, t.score) b ON true
        LEFT JOIN silence n ON n.person_id = p.person_id
        WHERE p.person_id = ANY (ids)
    ), updated AS (
        UPDATE leadscore.person p
        SET score = t.score, category = t.category, last_activity_at = t.last_activity_at, penalised = t.penalised
        FROM standing t
        WHERE p.person_id = t.person_id AND (t.changed OR touch)
    ), logged AS (
        INSERT INTO leadscore.category_change (person_id, from_category, to_category, score, scored_on)
        SELECT t.person_id, t.old_category, t.category, t.score, t.scored_on
        FROM standing t
        WHERE t.old_category IS DISTINCT FROM t.category
        ORDER BY t.person_id
    ), settled AS (
        DELETE FROM leadscore.due u USING standing t
        WHERE u.person_id = t.person_id AND t.due_on IS NULL
    ), awaited AS (
        INSERT INTO leadscore.due AS u (person_id, due_on)
        SELECT t.person_id, t.due_on FROM standing t WHERE t.due_on IS NOT NULL
        ON CONFLICT (person_id) DO UPDATE SET due_on = EXCLUDED.due_on WHERE u.due_on <> EXCLUDED.due_on
    )
    SELECT count(*) FILTER (WHERE t.moved), count(*) FILTER (WHERE t.old_category IS DISTINCT FROM t.category),
           array_agg(t.person_id ORDER BY t.person_id) FILTER (WHERE t.moved)
    INTO outcome.persons_changed, outcome.categories_changed, moved
    FROM standing t;
    PERFORM leadscore._write_back(moved);
    RETURN outcome;
END $$;
COMMENT ON FUNCTION leadscore._rescore(bigint[], boolean) IS 'Derives some persons anew and stores what differs';
REVOKE ALL ON FUNCTION leadscore._rescore(bigint[], boolean) FROM PUBLIC;

CREATE FUNCTION leadscore._rescore_each(ids bigint[]) RETURNS bigint[]
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'rescore_each_wrapper';
COMMENT ON FUNCTION leadscore._rescore_each(bigint[]) IS 'Derives some persons anew, one after the other, and returns what changed';
REVOKE ALL ON FUNCTION leadscore._rescore_each(bigint[]) FROM PUBLIC;

-- A run's part: persons of whom more is due than expiry, or who differ. Each has little to derive from, so one
-- after the other is faster than a set; where a statement cannot see what others committed, SQL
-- raises the serialization error.
CREATE FUNCTION leadscore._rescore_due(ids bigint[]) RETURNS leadscore._outcome
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    counts bigint[];
BEGIN
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        RETURN leadscore._rescore(ids, touch => false);
    END IF;
    counts := leadscore._rescore_each(ids);
    RETURN (counts[1], counts[2], counts[3], counts[4])::leadscore._outcome;
END $$;
COMMENT ON FUNCTION leadscore._rescore_due(bigint[]) IS 'Derives persons anew for whom more is due than expiry';
REVOKE ALL ON FUNCTION leadscore._rescore_due(bigint[]) FROM PUBLIC;

-- The same for everybody. Unless ahead is asked for, nobody is ahead of the day afterwards.
CREATE FUNCTION leadscore._rescore_all(ahead boolean) RETURNS leadscore._outcome
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ids      bigint[];
    orphaned bigint;
    outcome  leadscore._outcome;
BEGIN
    PERFORM leadscore._begin();
    IF NOT ahead THEN
        UPDATE leadscore.person SET scored_through = NULL WHERE scored_through IS NOT NULL;
    END IF;
    ids := ARRAY(SELECT leadscore._differing(true));
    -- Of persons who are not there, which only tampering can leave.
    WITH removed AS (
        DELETE FROM leadscore.score_record s
        WHERE s.person_id = ANY (ARRAY(SELECT unnest(ids) EXCEPT SELECT p.person_id FROM leadscore.person p))
        RETURNING s.person_id
    )
    SELECT count(*) INTO orphaned FROM removed;
    outcome := leadscore._rescore_due(ids);
    outcome.records_removed := outcome.records_removed + orphaned;
    RETURN outcome;
END $$;
COMMENT ON FUNCTION leadscore._rescore_all(boolean) IS 'Derives everybody anew and stores what differs';
REVOKE ALL ON FUNCTION leadscore._rescore_all(boolean) FROM PUBLIC;
