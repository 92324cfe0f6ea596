-- What an activity that is inserted, updated or deleted does to its person, in the same statement.

-- Says which of its parts makes an activity unacceptable; returns when none does.
CREATE FUNCTION leadscore._refuse_activity(person_id bigint, activity_type text, occurred_at timestamptz) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    IF NOT isfinite(occurred_at) OR occurred_at NOT BETWEEN '0001-01-01 UTC' AND '9999-12-31 UTC' THEN
        RAISE datetime_field_overflow USING
            MESSAGE = format('activity of person %s: occurred_at %L is out of range', person_id, occurred_at),
            DETAIL = 'An activity takes place at one finite moment between the years 1 and 9999.',
            HINT = 'Correct occurred_at, or leave it out for the present moment.';
    END IF;
    IF NOT EXISTS (SELECT FROM leadscore.activity_type t WHERE t.activity_type = _refuse_activity.activity_type) THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('activity type %L does not exist', activity_type),
            DETAIL = format('An activity of person %s names it, and leadscore.activity_type has no such row.', person_id),
            HINT = format('INSERT INTO leadscore.activity_type (activity_type) VALUES (%L);', activity_type);
    END IF;
    IF NOT EXISTS (SELECT FROM leadscore.person p WHERE p.person_id = _refuse_activity.person_id) THEN
        IF leadscore._has_distributed_sources() THEN
            RAISE feature_not_supported USING
                MESSAGE = format('person %s is not on this node', person_id),
                DETAIL = 'Persons of distributed tables are on the nodes that have their rows, and a plain INSERT would not follow them when they move.',
                HINT = 'Insert into a table of the application that is distributed with them and attached: SELECT leadscore.attach_activity(…);';
        END IF;
        RAISE foreign_key_violation USING
            MESSAGE = format('person %s does not exist', person_id),
            DETAIL = format('An activity of type %L names it, and leadscore.person has no such row.', activity_type),
            HINT = 'Insert the person into leadscore.person first.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._refuse_activity(bigint, text, timestamptz) IS 'Raises the error of an unacceptable activity';
REVOKE ALL ON FUNCTION leadscore._refuse_activity(bigint, text, timestamptz) FROM PUBLIC;

-- Inserts, of one row or of many.
CREATE FUNCTION leadscore._activity_inserted() RETURNS trigger
LANGUAGE c SECURITY DEFINER AS 'MODULE_PATHNAME', 'activity_inserted_wrapper';
COMMENT ON FUNCTION leadscore._activity_inserted() IS 'Trigger: scores inserted activities';
REVOKE ALL ON FUNCTION leadscore._activity_inserted() FROM PUBLIC;
CREATE TRIGGER score_inserted AFTER INSERT ON leadscore.activity
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._activity_inserted();

-- Updates: only what a rule can see counts as a change.
CREATE FUNCTION leadscore._activity_updated() RETURNS trigger
LANGUAGE c SECURITY DEFINER AS 'MODULE_PATHNAME', 'activity_updated_wrapper';
COMMENT ON FUNCTION leadscore._activity_updated() IS 'Trigger: scores updated activities';
REVOKE ALL ON FUNCTION leadscore._activity_updated() FROM PUBLIC;
CREATE TRIGGER score_updated AFTER UPDATE ON leadscore.activity
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._activity_updated();

CREATE FUNCTION leadscore._activity_deleted() RETURNS trigger
LANGUAGE c SECURITY DEFINER AS 'MODULE_PATHNAME', 'activity_deleted_wrapper';
COMMENT ON FUNCTION leadscore._activity_deleted() IS 'Trigger: takes back what deleted activities gave';
REVOKE ALL ON FUNCTION leadscore._activity_deleted() FROM PUBLIC;
CREATE TRIGGER score_deleted AFTER DELETE ON leadscore.activity
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._activity_deleted();

CREATE FUNCTION leadscore._activity_truncated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._begin();
    PERFORM leadscore._lock_persons(ARRAY(SELECT p.person_id FROM leadscore.person p));
    PERFORM leadscore._rescore_all(true);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._activity_truncated() IS 'Trigger: takes back what all activities gave';
REVOKE ALL ON FUNCTION leadscore._activity_truncated() FROM PUBLIC;
CREATE TRIGGER score_truncated AFTER TRUNCATE ON leadscore.activity
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._activity_truncated();
