-- leadscore 0.1.0 to 0.2.0. tests/upgrade/write makes this script: what is by hand in it comes from
-- tests/upgrade/by_hand. tests/upgrade/run holds it to the install script.
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL check_function_bodies = false;

DROP FUNCTION leadscore._is_scored_on(timestamp with time zone);

DROP FUNCTION leadscore._next_batch(integer);

DROP FUNCTION leadscore._begin_batches(timestamp with time zone);

CREATE OR REPLACE FUNCTION leadscore._need_right_to_batches()
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    -- Behind the function with its owner's rights that asks; SECURITY DEFINER does not change these.
    caller name := CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role') END;
BEGIN
    IF NOT has_function_privilege(caller, 'leadscore.recompute_in_batches(timestamptz, int)', 'EXECUTE') THEN
        RAISE insufficient_privilege USING
            MESSAGE = 'permission denied for procedure leadscore.recompute_in_batches',
            DETAIL = format('Role %I may not run its parts either.', caller),
            HINT = format('GRANT EXECUTE ON PROCEDURE leadscore.recompute_in_batches TO %I;', caller);
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._begin_batches(as_of timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    begun    record;
    run      leadscore.run;
    last_day date;
BEGIN
    PERFORM leadscore._need_right_to_batches();
    -- Under the lock that runs begin with, and before the day moves: another call may just have
    -- begun, for another day.
    LOCK TABLE leadscore.state IN EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM leadscore.run r WHERE r.finished_at IS NULL) THEN
        RETURN;  -- one that is under way or was interrupted comes first
    END IF;
    begun := leadscore._begin_run(as_of, false);
    run := begun.run;
    last_day := begun.last_day;
    IF run.full_rebuild THEN
        UPDATE leadscore.person SET scored_through = NULL WHERE scored_through IS NOT NULL;
        UPDATE leadscore.instance SET rebuild_due = false WHERE rebuild_due;
        INSERT INTO leadscore.pending SELECT p.person_id FROM leadscore.person p;
    ELSE
        INSERT INTO leadscore.pending
        SELECT s.person_id FROM leadscore.score_record s WHERE s.counts_until <= run.scored_on
        UNION
        SELECT s.person_id FROM leadscore.score_record s WHERE s.decays_until IS NOT NULL AND run.scored_on <> last_day
        UNION
        SELECT u.person_id FROM leadscore.due u WHERE u.due_on <= run.scored_on;
    END IF;
    INSERT INTO leadscore.run (scored_on, started_at, full_rebuild, persons_due)
    SELECT run.scored_on, run.started_at, run.full_rebuild, count(*) FROM leadscore.pending;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._next_batch(batch_size integer)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    ids  bigint[];
    part leadscore._outcome;
BEGIN
    PERFORM leadscore._need_right_to_batches();
    PERFORM leadscore._begin();
    -- Batches of two calls do not meet; who removes a person goes on.
    LOCK TABLE leadscore.pending IN SHARE UPDATE EXCLUSIVE MODE;
    PERFORM leadscore._need_current_snapshot();
    SELECT array_agg(n.person_id) INTO ids
    FROM (SELECT p.person_id FROM leadscore.pending p ORDER BY p.person_id LIMIT batch_size) n;
    IF ids IS NULL THEN
        UPDATE leadscore.run r SET finished_at = clock_timestamp() WHERE r.finished_at IS NULL;
        RETURN false;
    END IF;
    PERFORM leadscore._lock_persons(ids);
    UPDATE leadscore.person p SET scored_through = NULL
    WHERE p.person_id = ANY (ids) AND p.scored_through <= (SELECT s.scored_on FROM leadscore.state s);
    part := leadscore._rescore(ids, touch => false);
    DELETE FROM leadscore.pending n WHERE n.person_id = ANY (ids);
    UPDATE leadscore.run r
    SET records_added = r.records_added + part.records_added, records_removed = r.records_removed + part.records_removed,
        persons_changed = r.persons_changed + part.persons_changed, categories_changed = r.categories_changed + part.categories_changed
    WHERE r.finished_at IS NULL;
    RETURN true;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._is_scored_on(as_of timestamp with time zone)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    PERFORM leadscore._need_right_to_batches();
    RETURN (SELECT s.scored_on = leadscore.scoring_day(as_of) FROM leadscore.state s)
       AND NOT (SELECT i.rebuild_due FROM leadscore.instance i);
END $function$;

COMMENT ON FUNCTION leadscore._need_right_to_batches() IS 'Refuses a caller who may not call recompute_in_batches()';
COMMENT ON FUNCTION leadscore._begin_batches(timestamp with time zone) IS 'Begins a run in batches, or leaves it to one that was interrupted';
COMMENT ON FUNCTION leadscore._next_batch(integer) IS 'Derives the next persons of a run in batches anew and returns whether there may be more';
COMMENT ON FUNCTION leadscore._is_scored_on(timestamp with time zone) IS 'Whether the scores stand for the day of a moment, by the rules as they are';
