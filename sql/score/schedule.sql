-- The nightly job, made by pg_cron.

CREATE FUNCTION leadscore._cron_command() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT format('SELECT * FROM %I.leadscore_recompute()', n.nspname)
    FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
    WHERE e.extname = 'leadscore';
END;
COMMENT ON FUNCTION leadscore._cron_command() IS 'The statement that the nightly job runs';

-- A server without pg_cron can have the setting too, as a placeholder of any user.
CREATE FUNCTION leadscore._cron_home() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT g.setting FROM pg_settings g WHERE g.name = 'cron.database_name' AND g.context = 'postmaster';
END;
COMMENT ON FUNCTION leadscore._cron_home() IS 'The database that pg_cron lives in; NULL where it is not loaded';

CREATE FUNCTION leadscore._need_cron(remedy text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    home text := leadscore._cron_home();
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
        RETURN;
    END IF;
    IF home IS NULL THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'pg_cron is not loaded in this server',
            DETAIL = 'The nightly job needs pg_cron, which must be in shared_preload_libraries.',
            HINT = 'Install pg_cron, set shared_preload_libraries = ''pg_cron'', restart the server, CREATE EXTENSION pg_cron, and call this again.';
    ELSIF home = current_database() THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'pg_cron is not installed in this database',
            DETAIL = format('The server has pg_cron loaded, with its jobs in database %L.', home),
            HINT = 'CREATE EXTENSION pg_cron; and call this again.';
    ELSE
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('pg_cron keeps its jobs in database %L, not in %L', home, current_database()),
            DETAIL = 'A job for this database is made from there.',
            HINT = format('In database %I run: %s', home, remedy);
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._need_cron(text) IS 'Raises an error that says what to do when pg_cron cannot be reached from this database';

-- The job is named after the database, since one pg_cron serves all databases of a server.
CREATE FUNCTION leadscore._job_name(database name) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN 'leadscore nightly in ' || database;
COMMENT ON FUNCTION leadscore._job_name(name) IS 'The name of the nightly job of a database';

CREATE FUNCTION leadscore.schedule(cron text DEFAULT '15 0 * * *') RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF cron IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = 'leadscore.schedule: cron is NULL',
            DETAIL = 'A job without a schedule would never run.',
            HINT = 'Give a schedule of five fields, such as ''15 0 * * *'' for a quarter past midnight.';
    END IF;
    PERFORM leadscore._need_cron(format('SELECT cron.schedule_in_database(%L, %L, %L, %L);',
        leadscore._job_name(current_database()), schedule.cron, leadscore._cron_command(), current_database()));
    -- pg_cron replaces a job of the same name and user, so there is never a second one.
    RETURN cron.schedule(leadscore._job_name(current_database()), schedule.cron, leadscore._cron_command());
EXCEPTION
    WHEN internal_error OR invalid_parameter_value THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('%L is no schedule', cron),
            DETAIL = SQLERRM,
            HINT = 'Give five fields: minute, hour, day of the month, month, day of the week; ''15 0 * * *'' is a quarter past midnight.';
END $$;
COMMENT ON FUNCTION leadscore.schedule(text) IS 'Makes or changes the nightly pg_cron job of this database and returns its job id; pg_cron reads the time in its own time zone, GMT unless set otherwise';
-- A job runs under the role that makes it, again and again: the owner says who may.
REVOKE ALL ON FUNCTION leadscore.schedule(text) FROM PUBLIC;

CREATE FUNCTION leadscore.unschedule() RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._need_cron(format('SELECT cron.unschedule(%L);', leadscore._job_name(current_database())));
    RETURN coalesce((SELECT cron.unschedule(j.jobid) FROM cron.job j
                     WHERE j.jobname = leadscore._job_name(current_database())), false);
END $$;
COMMENT ON FUNCTION leadscore.unschedule() IS 'Removes the nightly job of this database and returns whether there was one';
REVOKE ALL ON FUNCTION leadscore.unschedule() FROM PUBLIC;
