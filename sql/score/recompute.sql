-- The night: bring everything to a day.

CREATE FUNCTION leadscore._pass_days(last_day date, today date, left_out bigint[])
RETURNS TABLE (counts bigint[], to_derive bigint[])
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'pass_days_between_wrapper';
COMMENT ON FUNCTION leadscore._pass_days(date, date, bigint[]) IS 'Brings persons through the days between two days: removes records that ended, takes what decays and what silence takes; returns what changed and who is to be derived anew';
REVOKE ALL ON FUNCTION leadscore._pass_days(date, date, bigint[]) FROM PUBLIC;

CREATE FUNCTION leadscore._with(run leadscore.run, part leadscore._outcome) RETURNS leadscore.run
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    run.records_added := run.records_added + part.records_added;
    run.records_removed := run.records_removed + part.records_removed;
    run.persons_changed := run.persons_changed + part.persons_changed;
    run.categories_changed := run.categories_changed + part.categories_changed;
    RETURN run;
END $$;
COMMENT ON FUNCTION leadscore._with(leadscore.run, leadscore._outcome) IS 'A run with what a part of it changed';
REVOKE ALL ON FUNCTION leadscore._with(leadscore.run, leadscore._outcome) FROM PUBLIC;

-- How every run begins: it waits for writers, keeps others waiting, and moves the day.
-- Deferred, rows of attached tables come for persons who are just going or getting another key. They belong to whoever has the
-- key that they name now, or wait, which only they tell. Returns who has them now. Their activities are locked, or gone, before
-- the rows are read: so whoever changes a row meanwhile comes after this.
CREATE FUNCTION leadscore._set_right(ids bigint[]) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    strayed record;
    have    bigint[] := '{}';
BEGIN
    -- Persons before activities of attached rows, as who removes persons has them.
    PERFORM leadscore._lock_persons(ARRAY(SELECT r.person_id FROM leadscore.renumbered r WHERE r.person_id = ANY (ids)));
    FOR strayed IN
        WITH orphan AS (
            DELETE FROM leadscore.activity a
            WHERE a.person_id IN (SELECT u.id FROM unnest(ids) u(id) WHERE NOT EXISTS (SELECT FROM leadscore.person p WHERE p.person_id = u.id))
            RETURNING a.source_id, a.source_key
        ), renumbered AS MATERIALIZED (
            SELECT a.source_id, a.source_key FROM leadscore.activity a
            WHERE a.person_id IN (SELECT r.person_id FROM leadscore.renumbered r WHERE r.person_id = ANY (ids)) AND a.source_id IS NOT NULL
            ORDER BY a.activity_id FOR UPDATE
        )
        SELECT s.source_id, array_agg(s.source_key) AS keys
        FROM (SELECT * FROM orphan UNION ALL SELECT * FROM renumbered) s
        JOIN leadscore.source x ON x.source_id = s.source_id AND x.attached
        GROUP BY s.source_id ORDER BY s.source_id
    LOOP
        PERFORM leadscore._bring_rows(strayed.source_id, strayed.keys);
        have := have || ARRAY(SELECT a.person_id FROM leadscore.activity a
                              WHERE a.source_id = strayed.source_id AND a.source_key = ANY (strayed.keys));
    END LOOP;
    RETURN have;
END $$;
COMMENT ON FUNCTION leadscore._set_right(bigint[]) IS 'Brings activities of persons who are gone, or got another key, to whoever has the key that their rows name';
REVOKE ALL ON FUNCTION leadscore._set_right(bigint[]) FROM PUBLIC;

CREATE FUNCTION leadscore._begin_run(as_of timestamptz, full_rebuild boolean, OUT run leadscore.run, OUT last_day date, OUT edited bigint[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF as_of IS NULL OR NOT isfinite(as_of) OR as_of NOT BETWEEN '0001-01-01 UTC' AND '9999-12-31 UTC' THEN
        RAISE datetime_field_overflow USING
            MESSAGE = format('leadscore_recompute: as_of %s is no moment to score at', coalesce(quote_literal(as_of), 'NULL')),
            DETAIL = 'A run brings everything to one local day between the years 1 and 9999.',
            HINT = 'Leave as_of out for today, or give a timestamp with time zone.';
    END IF;
    IF full_rebuild IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = 'leadscore_recompute: full_rebuild is NULL',
            DETAIL = 'A run derives either everything anew or what is due.',
            HINT = 'Say true to derive everything anew, or leave it out.';
    END IF;
    run.started_at := clock_timestamp();
    -- Writers are waited for, and wait, so that none scores by the day before.
    PERFORM leadscore._lock_days();
    PERFORM leadscore._need_current_snapshot();
    PERFORM leadscore._go_live();
    -- No writer is under way now: what was registered on persons who went or got other keys is all here, and so are persons whom
    -- an attached table that was just being read missed.
    PERFORM leadscore._set_right(ARRAY(SELECT DISTINCT n.person_id FROM leadscore.pending n));
    DELETE FROM leadscore.renumbered;
    PERFORM leadscore._admit_present();
    SELECT s.scored_on INTO last_day FROM leadscore.state s;
    run.scored_on := leadscore.scoring_day(as_of);
    -- An edit concerns everybody, or so many persons who are derived anew beside those for whom the day changes anything.
    edited := leadscore._persons_edited();
    run.full_rebuild := full_rebuild OR run.scored_on < last_day OR edited IS NULL;
    run.configuration_change_id := leadscore._present_configuration();
    PERFORM leadscore._take_edits_in();
    run.records_added := 0;
    run.records_removed := 0;
    run.persons_changed := 0;
    run.categories_changed := 0;
    IF run.scored_on <> last_day THEN
        UPDATE leadscore.state SET scored_on = run.scored_on;
        PERFORM leadscore._forget_configuration();
    END IF;
    -- What columns without a time zone say depends on that of the settings.
    PERFORM leadscore._read_again();
END $$;
COMMENT ON FUNCTION leadscore._begin_run(timestamptz, boolean) IS 'Waits for writers and moves the day';
REVOKE ALL ON FUNCTION leadscore._begin_run(timestamptz, boolean) FROM PUBLIC;

CREATE FUNCTION leadscore._recompute_here(as_of timestamptz, full_rebuild boolean) RETURNS leadscore.run
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    begun  record;
    run    leadscore.run;
    passed record;
BEGIN
    begun := leadscore._begin_run(as_of, full_rebuild);
    run := begun.run;

    IF run.full_rebuild THEN
        run := leadscore._with(run, leadscore._rescore_all(false));
    ELSE
        SELECT * INTO passed
        FROM leadscore._pass_days(begun.last_day, run.scored_on, ARRAY(SELECT n.person_id FROM leadscore.pending n) || begun.edited) d;
        run := leadscore._with(run, (passed.counts[1], passed.counts[2], passed.counts[3], passed.counts[4])::leadscore._outcome);
        IF passed.to_derive <> '{}' THEN
            -- A run to a day that is over takes back what counted beyond it.
            IF run.scored_on < leadscore.scoring_day(clock_timestamp()) THEN
                UPDATE leadscore.person p SET scored_through = NULL
                WHERE p.person_id = ANY (passed.to_derive) AND p.scored_through > run.scored_on;
            END IF;
            run := leadscore._with(run, leadscore._rescore(passed.to_derive, in_run => true));
        END IF;
    END IF;

    -- A run in batches that was interrupted has nothing left to do.
    DELETE FROM leadscore.pending;
    UPDATE leadscore.run r SET finished_at = clock_timestamp() WHERE r.finished_at IS NULL;
    INSERT INTO leadscore.run
        (scored_on, started_at, finished_at, full_rebuild, records_added, records_removed, persons_changed, categories_changed, configuration_change_id)
    VALUES (run.scored_on, run.started_at, clock_timestamp(), run.full_rebuild,
            run.records_added, run.records_removed, run.persons_changed, run.categories_changed, run.configuration_change_id)
    RETURNING * INTO run;
    PERFORM leadscore._end_run(run);
    RETURN run;
END $$;
COMMENT ON FUNCTION leadscore._recompute_here(timestamptz, boolean) IS 'A run on this node';
REVOKE ALL ON FUNCTION leadscore._recompute_here(timestamptz, boolean) FROM PUBLIC;

CREATE FUNCTION leadscore._recompute(as_of timestamptz, full_rebuild boolean) RETURNS leadscore.run
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF leadscore._leads() THEN
        RETURN leadscore._recompute_everywhere(as_of, full_rebuild);
    END IF;
    RETURN leadscore._recompute_here(as_of, full_rebuild);
END $$;
COMMENT ON FUNCTION leadscore._recompute(timestamptz, boolean) IS 'leadscore_recompute(), in the schema that never moves';
REVOKE ALL ON FUNCTION leadscore._recompute(timestamptz, boolean) FROM PUBLIC;

CREATE FUNCTION @extschema@.leadscore_recompute(as_of timestamptz DEFAULT now(), full_rebuild boolean DEFAULT false)
RETURNS TABLE (run_id bigint, scored_on date, records_added bigint, records_removed bigint,
               persons_changed bigint, categories_changed bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT r.run_id, r.scored_on, r.records_added, r.records_removed, r.persons_changed, r.categories_changed
    FROM leadscore._recompute(as_of, full_rebuild) r;
END;
COMMENT ON FUNCTION @extschema@.leadscore_recompute(timestamptz, boolean) IS 'Brings all scores and categories to the local day of as_of and returns what changed; with full_rebuild it derives everything anew';
-- A run writes every person's score and keeps other writers waiting: the owner says who may.
REVOKE ALL ON FUNCTION @extschema@.leadscore_recompute(timestamptz, boolean) FROM PUBLIC;

-- A procedure that commits runs with its caller's rights. So whoever may call it may call these parts of it, which run with
-- their owner's, and nobody else.
CREATE FUNCTION leadscore._need_right_to_batches() RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._need_right_to_batches() IS 'Refuses a caller who may not call recompute_in_batches()';

-- The same in batches that commit, so that writers of a person wait for its batch alone. The
-- day moves first; persons for whom it changes anything wait in leadscore.pending, and each is
-- derived anew, whole, whatever happened to it since.
CREATE FUNCTION leadscore._begin_batches(as_of timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    begun    record;
    run      leadscore.run;
    last_day date;
BEGIN
    PERFORM leadscore._need_right_to_batches();
    -- Under the lock that runs begin with, and before the day moves: another call may just have
    -- begun, for another day.
    PERFORM leadscore._lock_days();
    IF EXISTS (SELECT FROM leadscore.run r WHERE r.finished_at IS NULL) THEN
        RETURN;  -- one that is under way or was interrupted comes first
    END IF;
    begun := leadscore._begin_run(as_of, false);
    run := begun.run;
    last_day := begun.last_day;
    IF run.full_rebuild THEN
        UPDATE leadscore.person SET scored_through = NULL WHERE scored_through IS NOT NULL;
        INSERT INTO leadscore.pending (person_id) SELECT p.person_id FROM leadscore.person p;
    ELSE
        INSERT INTO leadscore.pending (person_id)
        SELECT s.person_id FROM leadscore.score_record s WHERE s.counts_until <= run.scored_on
        UNION
        SELECT s.person_id FROM leadscore.score_record s WHERE s.decays_until IS NOT NULL AND run.scored_on <> last_day
        UNION
        SELECT u.person_id FROM leadscore.due u WHERE u.due_on <= run.scored_on
        UNION
        SELECT unnest(begun.edited);
    END IF;
    INSERT INTO leadscore.run (scored_on, started_at, full_rebuild, persons_due, configuration_change_id)
    SELECT run.scored_on, run.started_at, run.full_rebuild, count(DISTINCT n.person_id), run.configuration_change_id FROM leadscore.pending n;
END $$;
COMMENT ON FUNCTION leadscore._begin_batches(timestamptz) IS 'Begins a run in batches, or leaves it to one that was interrupted';

-- Returns whether there is more to do.
CREATE FUNCTION leadscore._next_batch(batch_size int) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    ids  bigint[];
    part leadscore._outcome;
    run  leadscore.run;
BEGIN
    PERFORM leadscore._need_right_to_batches();
    PERFORM leadscore._begin();
    -- Batches of two calls do not meet; who removes a person goes on.
    LOCK TABLE leadscore.pending IN SHARE UPDATE EXCLUSIVE MODE;
    PERFORM leadscore._need_current_snapshot();
    IF NOT EXISTS (SELECT FROM leadscore.pending) THEN
        UPDATE leadscore.run r SET finished_at = clock_timestamp() WHERE r.finished_at IS NULL RETURNING * INTO run;
        IF FOUND THEN
            PERFORM leadscore._end_run(run);
        END IF;
        RETURN false;
    END IF;
    -- Before the persons, as score_pending() takes them, and before they are read: what is registered on them meanwhile is pending anew.
    WITH chosen AS MATERIALIZED (
        SELECT DISTINCT p.person_id FROM leadscore.pending p ORDER BY p.person_id LIMIT batch_size
    ), taken AS (
        DELETE FROM leadscore.pending n USING chosen c WHERE n.person_id = c.person_id RETURNING n.person_id
    )
    SELECT array_agg(DISTINCT t.person_id) INTO ids FROM taken t;
    -- score_pending() may have had all of them.
    IF ids IS NULL THEN
        RETURN true;
    END IF;
    PERFORM leadscore._lock_persons(ids);
    PERFORM leadscore._set_right(ids);
    part := leadscore._rescore(ids, in_run => true);
    UPDATE leadscore.run r
    SET records_added = r.records_added + part.records_added, records_removed = r.records_removed + part.records_removed,
        persons_changed = r.persons_changed + part.persons_changed, categories_changed = r.categories_changed + part.categories_changed
    WHERE r.finished_at IS NULL;
    RETURN true;
END $$;
COMMENT ON FUNCTION leadscore._next_batch(int) IS 'Derives the next persons of a run in batches anew and returns whether there may be more';

-- A procedure that commits can neither pin search_path nor run with its owner's rights: it only
-- calls what does, by qualified names.
CREATE PROCEDURE leadscore.recompute_in_batches(as_of timestamptz DEFAULT now(), batch_size int DEFAULT 2000)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM leadscore._check_batch_size(batch_size);
    PERFORM leadscore._batches_elsewhere(as_of, batch_size);
    COMMIT;
    LOOP
        PERFORM leadscore._begin_batches(as_of);
        COMMIT;
        WHILE leadscore._next_batch(batch_size) LOOP
            COMMIT;
        END LOOP;
        COMMIT;
        -- One that was interrupted may have been of an earlier day.
        EXIT WHEN leadscore._is_scored_on(as_of);
    END LOOP;
END $$;
COMMENT ON PROCEDURE leadscore.recompute_in_batches(timestamptz, int) IS 'leadscore_recompute() in batches of so many persons that commit; call it again after an interruption to go on; leadscore.progress shows how far it is';
-- It writes every person's score: the owner says who may.
REVOKE ALL ON PROCEDURE leadscore.recompute_in_batches(timestamptz, int) FROM PUBLIC;

CREATE FUNCTION leadscore._check_batch_size(batch_size int) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF batch_size IS NULL OR batch_size NOT BETWEEN 1 AND 1000000 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('recompute_in_batches: batch_size is %s', coalesce(batch_size::text, 'NULL')),
            DETAIL = 'A batch is of 1 to 1,000,000 persons.',
            HINT = 'Leave it out for 2,000.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._check_batch_size(int) IS 'Refuses a batch size that makes no sense';

CREATE FUNCTION leadscore._is_scored_on(as_of timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._need_right_to_batches();
    RETURN (SELECT s.scored_on = leadscore.scoring_day(as_of) FROM leadscore.state s)
       AND NOT (SELECT i.rebuild_due FROM leadscore.instance i);
END $$;
COMMENT ON FUNCTION leadscore._is_scored_on(timestamptz) IS 'Whether the scores stand for the day of a moment, by the rules as they are';

-- Two calls take different rows; what comes meanwhile is for the next call.
CREATE FUNCTION leadscore._take_pending(most int, of_persons bigint[], OUT ids bigint[], OUT days date[])
LANGUAGE sql SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH chosen AS MATERIALIZED (
        SELECT DISTINCT n.person_id FROM leadscore.pending n
        WHERE of_persons IS NULL OR n.person_id = ANY (of_persons)
        ORDER BY n.person_id LIMIT most
    ), locked AS MATERIALIZED (
        SELECT n.ctid AS at FROM leadscore.pending n WHERE n.person_id IN (SELECT c.person_id FROM chosen c) FOR UPDATE SKIP LOCKED
    ), taken AS (
        DELETE FROM leadscore.pending n WHERE n.ctid IN (SELECT l.at FROM locked l) RETURNING n.person_id, n.day
    )
    SELECT array_agg(t.person_id), array_agg(t.day)
    FROM (SELECT x.person_id, max(x.day) AS day FROM taken x GROUP BY x.person_id) t;
END;
COMMENT ON FUNCTION leadscore._take_pending(int, bigint[]) IS 'Takes pending persons that nobody else is taking: so many, of all or of some';
REVOKE ALL ON FUNCTION leadscore._take_pending(int, bigint[]) FROM PUBLIC;

-- Deferred scoring: what is registered marks its person as pending, by INSERTs alone, and is scored here.
CREATE FUNCTION leadscore.score_pending(most int DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    taken     record;
    ids       bigint[] := '{}';
    days      date[] := '{}';
    brought   bigint[];
    elsewhere bigint := 0;
BEGIN
    IF most < 1 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('score_pending: most is %s', most),
            DETAIL = 'It scores at most so many persons, at least one.',
            HINT = 'Leave it out to score all that are pending.';
    END IF;
    PERFORM leadscore._begin();
    -- Whom an attached table missed that was just being read. Where many rows wait that is left to the runs.
    IF pg_relation_size('leadscore.waiting') BETWEEN 1 AND 1024 * 1024 AND (SELECT z.scoring = 'deferred' FROM leadscore.settings z) THEN
        PERFORM leadscore._admit_present();
    END IF;
    taken := leadscore._take_pending(most, NULL);
    IF leadscore._leads() THEN
        elsewhere := (SELECT coalesce(sum((a.answer -> 0 ->> 'scored')::bigint), 0)
                      FROM leadscore._ask_all(format('SELECT leadscore.score_pending(%L) AS scored', most)) a);
    END IF;
    IF taken.ids IS NULL THEN
        RETURN elsewhere;
    END IF;
    LOOP
        -- Who is just removing one of them, or giving it another key, is waited for, and what they did is seen.
        PERFORM leadscore._lock_persons(taken.ids);
        brought := leadscore._set_right(taken.ids);
        ids := ids || taken.ids;
        days := days || taken.days;
        -- Those to whom rows came are pending now, and may be going themselves; where there is a limit they are for the next call.
        EXIT WHEN brought = '{}' OR most IS NOT NULL;
        taken := leadscore._take_pending(NULL, brought);
        EXIT WHEN taken.ids IS NULL;
    END LOOP;
    PERFORM leadscore._rescore(ids, days);
    RETURN (SELECT count(DISTINCT i) FROM unnest(ids) i) + elsewhere;
END $$;
COMMENT ON FUNCTION leadscore.score_pending(int) IS 'Scores persons that are pending in deferred mode, at most so many, and returns how many';
-- It writes anybody's score: the owner says who may.
REVOKE ALL ON FUNCTION leadscore.score_pending(int) FROM PUBLIC;
