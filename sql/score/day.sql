-- Days, and what most functions that people call check first. What a rule gives is not said in SQL: the scoring
-- engine says it (crates/scoring).

CREATE FUNCTION leadscore._day(at timestamptz, time_zone text) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (at AT TIME ZONE time_zone)::date;
COMMENT ON FUNCTION leadscore._day(timestamptz, text) IS 'The local day of an instant in a time zone';

CREATE FUNCTION leadscore.scoring_day(at timestamptz DEFAULT now()) RETURNS date
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT isfinite(at) THEN
        RAISE datetime_field_overflow USING
            MESSAGE = format('scoring_day: %L is on no day', at),
            DETAIL = 'An infinite moment has no local day.',
            HINT = 'Give a finite moment, or leave it out for now.';
    END IF;
    RETURN (SELECT leadscore._day(at, s.time_zone) FROM leadscore.settings s);
END $$;
COMMENT ON FUNCTION leadscore.scoring_day(timestamptz) IS 'The local day of an instant in the time zone of leadscore.settings';

-- Days that people name are in the years 1 to 9999, so that no length of time in a rule leaves
-- the calendar.
CREATE FUNCTION leadscore._check_day(day date, purpose text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF day IS NULL OR day NOT BETWEEN '0001-01-01' AND '9999-12-31' THEN
        RAISE datetime_field_overflow USING
            MESSAGE = format('%s: %s is no day to score on', purpose, coalesce(quote_literal(day), 'NULL')),
            DETAIL = 'Scoring knows the days of the years 1 to 9999.',
            HINT = 'Give a date, such as current_date.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._check_day(date, text) IS 'Refuses a day that is NULL, infinite or out of range';

CREATE FUNCTION leadscore._refuse_person(id bigint, purpose text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE no_data_found USING
        MESSAGE = format('%s: person %s does not exist', purpose, coalesce(id::text, 'NULL')),
        DETAIL = 'leadscore.person has no such row.',
        HINT = CASE WHEN leadscore._leads() THEN 'Ids are those of the person''s node; here persons are named by kind and key, as in explain_by_key(), adjust_by_key() or merge_person_by_key().'
                    ELSE 'Look the person up in leadscore.person.' END;
END $$;
COMMENT ON FUNCTION leadscore._refuse_person(bigint, text) IS 'Raises the error for a person that does not exist';

CREATE FUNCTION leadscore._need_person(id bigint, purpose text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM leadscore.person p WHERE p.person_id = id) THEN
        PERFORM leadscore._refuse_person(id, purpose);
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._need_person(bigint, text) IS 'Refuses a person that does not exist';

-- What runs with its owner's rights asks whom the policies let the session's role see.
CREATE FUNCTION leadscore._is_seen(person_id bigint) RETURNS boolean
LANGUAGE c AS 'MODULE_PATHNAME', 'is_seen_wrapper';
COMMENT ON FUNCTION leadscore._is_seen(bigint) IS 'Whether row-level security hides no persons from the role of the session, or not this one';
REVOKE ALL ON FUNCTION leadscore._is_seen(bigint) FROM PUBLIC;

CREATE FUNCTION leadscore._sees_all() RETURNS boolean
LANGUAGE c AS 'MODULE_PATHNAME', 'sees_all_wrapper';
COMMENT ON FUNCTION leadscore._sees_all() IS 'Whether row-level security hides no persons from the role of the session';
REVOKE ALL ON FUNCTION leadscore._sees_all() FROM PUBLIC;

CREATE FUNCTION leadscore._need_sight_of_all(purpose text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT leadscore._sees_all() THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('%s: policies hide persons from role %I', purpose, CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role') END),
            DETAIL = 'What it does is for a role that sees all persons.',
            HINT = 'Call it as a role that owns leadscore.person or has BYPASSRLS.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._need_sight_of_all(text) IS 'Refuses a session whose role does not see all persons';
REVOKE ALL ON FUNCTION leadscore._need_sight_of_all(text) FROM PUBLIC;

-- It says the same of a person that is not there and of one that is hidden.
CREATE FUNCTION leadscore._need_own_person(id bigint, purpose text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT leadscore._is_seen(id) THEN
        PERFORM leadscore._refuse_person(id, purpose);
    END IF;
    PERFORM leadscore._need_person(id, purpose);
END $$;
COMMENT ON FUNCTION leadscore._need_own_person(bigint, text) IS 'Refuses a person that does not exist, or that policies hide from the role of the session';
REVOKE ALL ON FUNCTION leadscore._need_own_person(bigint, text) FROM PUBLIC;

CREATE FUNCTION leadscore._need_scorecard(name text, purpose text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF name IS DISTINCT FROM 'main' AND NOT EXISTS (SELECT FROM leadscore.scorecard c WHERE c.scorecard = name) THEN
        RAISE undefined_object USING
            MESSAGE = format('%s: scorecard %s does not exist', purpose, coalesce(quote_literal(name), 'NULL')),
            DETAIL = 'leadscore.scorecard has no such row.',
            HINT = 'Leave it out for main; SELECT scorecard FROM leadscore.scorecard; lists all.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._need_scorecard(text, text) IS 'Refuses a scorecard that does not exist';
