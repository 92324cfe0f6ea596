-- Bringing what is stored to what is derived, for some persons or for all.

CREATE TYPE leadscore._outcome AS (
    records_added bigint, records_removed bigint, persons_changed bigint, categories_changed bigint
);
COMMENT ON TYPE leadscore._outcome IS 'What a run or a part of it changed';

-- Begin to write: from here to the end of the transaction no run moves the day.
CREATE FUNCTION leadscore._begin() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    LOCK TABLE leadscore.state IN ROW SHARE MODE;
END $$;
COMMENT ON FUNCTION leadscore._begin() IS 'Waits for a running recompute';
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

-- Scores and categories go back into the application's own tables, where they changed. It runs
-- as the table's owner, since triggers on that table are the owner's code.
CREATE FUNCTION leadscore._write_back(ids bigint[]) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'write_back_wrapper';
COMMENT ON FUNCTION leadscore._write_back(bigint[]) IS 'Brings scores and categories of persons to the attached tables that have columns for them';
REVOKE ALL ON FUNCTION leadscore._write_back(bigint[]) FROM PUBLIC;

CREATE FUNCTION leadscore._rescore_counts(ids bigint[], days date[], in_run boolean) RETURNS bigint[]
LANGUAGE c AS 'MODULE_PATHNAME', 'rescore_wrapper';
COMMENT ON FUNCTION leadscore._rescore_counts(bigint[], date[], boolean) IS 'Derives some persons anew and returns what changed as four numbers';
REVOKE ALL ON FUNCTION leadscore._rescore_counts(bigint[], date[], boolean) FROM PUBLIC;

-- Derives the given persons anew on the day of the last run and stores what differs. What is new to them
-- on the given days, between that day and now, counts at once. A person's row is written even if it stays the same:
-- a transaction that goes by an older snapshot then fails to lock it, instead of deriving from activities of the past.
-- In a run it is not, and persons are brought to its day.
CREATE FUNCTION leadscore._rescore(ids bigint[], days date[] DEFAULT NULL, in_run boolean DEFAULT false) RETURNS leadscore._outcome
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    counts bigint[];
BEGIN
    counts := leadscore._rescore_counts(ids, days, in_run);
    RETURN (counts[1], counts[2], counts[3], counts[4])::leadscore._outcome;
END $$;
COMMENT ON FUNCTION leadscore._rescore(bigint[], date[], boolean) IS 'Derives some persons anew and stores what differs';
REVOKE ALL ON FUNCTION leadscore._rescore(bigint[], date[], boolean) FROM PUBLIC;

-- The same for everybody. Unless ahead is asked for, nobody is ahead of the day afterwards.
CREATE FUNCTION leadscore._rescore_all(ahead boolean) RETURNS leadscore._outcome
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
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
    WITH gone AS MATERIALIZED (
        SELECT u.id FROM unnest(ids) u(id) WHERE NOT EXISTS (SELECT FROM leadscore.person p WHERE p.person_id = u.id)
    ), other AS (
        DELETE FROM leadscore.person_score s WHERE s.person_id IN (SELECT g.id FROM gone g)
    ), removed AS (
        DELETE FROM leadscore.score_record s WHERE s.person_id IN (SELECT g.id FROM gone g) RETURNING s.person_id
    )
    SELECT count(*) INTO orphaned FROM removed;
    outcome := leadscore._rescore(ids, in_run => true);
    outcome.records_removed := outcome.records_removed + orphaned;
    RETURN outcome;
END $$;
COMMENT ON FUNCTION leadscore._rescore_all(boolean) IS 'Derives everybody anew and stores what differs';
REVOKE ALL ON FUNCTION leadscore._rescore_all(boolean) FROM PUBLIC;
