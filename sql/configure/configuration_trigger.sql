-- What an edit of settings, activity types, rules or categories means: backends forget what
-- they keep of them, and the next run derives everything anew.

CREATE FUNCTION leadscore._forget_configuration() RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'forget_configuration_wrapper';
COMMENT ON FUNCTION leadscore._forget_configuration() IS 'Tells all backends, at commit, to read rules, categories, settings and the day again';
REVOKE ALL ON FUNCTION leadscore._forget_configuration() FROM PUBLIC;

-- Called by what can only happen in a database that is in use, not in one being restored.
CREATE FUNCTION leadscore._go_live() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM leadscore.instance) THEN
        INSERT INTO leadscore.instance DEFAULT VALUES ON CONFLICT DO NOTHING;
        PERFORM leadscore._forget_configuration();
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._go_live() IS 'Notes that this copy of the database is in use';
REVOKE ALL ON FUNCTION leadscore._go_live() FROM PUBLIC;

-- Editors of different tables meet here before they lock any row, so that they wait in one order.
CREATE FUNCTION leadscore._configuration_write_begins() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._begin();
    PERFORM FROM leadscore.instance FOR NO KEY UPDATE;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._configuration_write_begins() IS 'Trigger: waits for a running recompute and for other editors before rows are locked';
REVOKE ALL ON FUNCTION leadscore._configuration_write_begins() FROM PUBLIC;
CREATE TRIGGER a_write_begins BEFORE INSERT OR UPDATE OR DELETE ON leadscore.rule
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._configuration_write_begins();
CREATE TRIGGER a_write_begins BEFORE INSERT OR UPDATE OR DELETE ON leadscore.category
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._configuration_write_begins();
CREATE TRIGGER a_write_begins BEFORE INSERT OR UPDATE OR DELETE ON leadscore.settings
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._configuration_write_begins();

CREATE FUNCTION leadscore._configuration_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._begin();
    IF TG_TABLE_NAME = 'rule' AND EXISTS (SELECT FROM leadscore.rule r WHERE r.created_at = now()) THEN
        PERFORM leadscore._go_live();
    END IF;
    IF TG_ARGV[0] = 'rebuild' THEN
        -- Even if it is due already: an older snapshot would not see that a run has just been.
        UPDATE leadscore.instance SET rebuild_due = true;
    END IF;
    PERFORM leadscore._forget_configuration();
    IF TG_TABLE_NAME = 'activity_type' AND EXISTS (SELECT FROM leadscore.instance) THEN
        PERFORM leadscore._admit_waiting();
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._configuration_changed() IS 'Trigger: an edit of the configuration takes effect at the next run';
REVOKE ALL ON FUNCTION leadscore._configuration_changed() FROM PUBLIC;

CREATE TRIGGER configuration_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON leadscore.rule
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._configuration_changed('rebuild');
CREATE TRIGGER configuration_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON leadscore.category
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._configuration_changed('rebuild');
-- No score depends on the other settings.
CREATE TRIGGER configuration_changed AFTER INSERT OR UPDATE OF time_zone OR DELETE OR TRUNCATE ON leadscore.settings
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._configuration_changed('rebuild');
-- A type that is added has no activities yet, and one in use cannot go: nothing to derive.
CREATE TRIGGER configuration_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON leadscore.activity_type
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._configuration_changed();

-- Rules are checked in Rust, where their types are.
CREATE FUNCTION leadscore._check_rule() RETURNS trigger
LANGUAGE c SECURITY DEFINER AS 'MODULE_PATHNAME', 'check_rule_wrapper';
COMMENT ON FUNCTION leadscore._check_rule() IS 'Trigger: refuses a rule that has no meaning';
REVOKE ALL ON FUNCTION leadscore._check_rule() FROM PUBLIC;
CREATE TRIGGER check_rule BEFORE INSERT OR UPDATE ON leadscore.rule
    FOR EACH ROW EXECUTE FUNCTION leadscore._check_rule();

CREATE FUNCTION leadscore._refuse_bound(name text, other text, person_kind text, min_score bigint) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    whom text := coalesce('kind ' || quote_literal(person_kind), 'all kinds');
BEGIN
    IF min_score IS NULL THEN
        RAISE unique_violation USING
            MESSAGE = format('category %L would be a second lowest one', name),
            DETAIL = format('Category %L has no min_score already, for %s.', other, whom),
            HINT = format('Give %L a min_score, the lowest score that falls in it.', name);
    ELSE
        RAISE unique_violation USING
            MESSAGE = format('category %L begins at %s like category %L', name, min_score, other),
            DETAIL = format('Two categories for %s cannot begin at the same score.', whom),
            HINT = 'Choose another min_score, or change the category that is there.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._refuse_bound(text, text, text, bigint) IS 'Raises the error for a category whose bound another one has';

CREATE FUNCTION leadscore._check_category() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._refuse_bound(NEW.name, c.name, c.person_kind, c.min_score)
    FROM leadscore.category c
    WHERE c.person_kind IS NOT DISTINCT FROM NEW.person_kind
      AND c.min_score IS NOT DISTINCT FROM NEW.min_score
      AND c.category_id <> NEW.category_id;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION leadscore._check_category() IS 'Trigger: refuses a category whose bound another one has';
REVOKE ALL ON FUNCTION leadscore._check_category() FROM PUBLIC;
CREATE TRIGGER check_category BEFORE INSERT OR UPDATE ON leadscore.category
    FOR EACH ROW EXECUTE FUNCTION leadscore._check_category();

CREATE FUNCTION leadscore._require_time_zone(name text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = _require_time_zone.name) THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('time zone %L does not exist', name),
            DETAIL = 'leadscore.settings.time_zone names the zone whose days count.',
            HINT = 'Use a full name such as Europe/Amsterdam; SELECT name FROM pg_timezone_names lists them.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._require_time_zone(text) IS 'Raises an error when a time zone does not exist';

CREATE FUNCTION leadscore._check_outbox(notify_channel text, keep_category_changes interval) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    room int := current_setting('max_identifier_length');
BEGIN
    IF notify_channel = '' OR octet_length(notify_channel) > room THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('settings: notify_channel %L cannot be listened to', notify_channel),
            DETAIL = format('The name of a channel has 1 to %s bytes; this one has %s.', room, octet_length(notify_channel)),
            HINT = 'Use a name such as leadscore, or NULL to send nothing.';
    END IF;
    -- In this order: an infinite one has no fields.
    IF keep_category_changes NOT BETWEEN '1 day' AND '1000 years'
        OR date_trunc('day', keep_category_changes) <> keep_category_changes
        OR least(extract(year FROM keep_category_changes), extract(month FROM keep_category_changes), extract(day FROM keep_category_changes)) < 0 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('settings: keep_category_changes of %s cannot be used', keep_category_changes),
            DETAIL = 'Changes of category are kept for whole days, at least one of them and at most 1000 years.',
            HINT = 'Use days, weeks, months or years, such as ''90 days'', or NULL to keep them for ever.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._check_outbox(text, interval) IS 'Refuses a channel that cannot be and a length of time that is not of whole days';

CREATE FUNCTION leadscore._check_settings() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' AS $$
BEGIN
    PERFORM leadscore._require_time_zone(NEW.time_zone), leadscore._check_outbox(NEW.notify_channel, NEW.keep_category_changes);
    RETURN NEW;
END $$;
COMMENT ON FUNCTION leadscore._check_settings() IS 'Trigger: refuses settings that cannot be';
REVOKE ALL ON FUNCTION leadscore._check_settings() FROM PUBLIC;
CREATE TRIGGER check_settings BEFORE INSERT OR UPDATE ON leadscore.settings
    FOR EACH ROW EXECUTE FUNCTION leadscore._check_settings();

-- There is always one row of settings.
CREATE FUNCTION leadscore._keep_the_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- An INSERT that replaces the row removes the old one from within a trigger.
    IF pg_trigger_depth() = 1 AND NOT EXISTS (SELECT FROM leadscore.settings) THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'leadscore.settings must keep its row',
            DETAIL = 'Every score depends on its time zone.',
            HINT = 'UPDATE the row instead.';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._keep_the_row() IS 'Trigger: refuses to leave leadscore.settings empty';
REVOKE ALL ON FUNCTION leadscore._keep_the_row() FROM PUBLIC;
CREATE TRIGGER keep_the_row AFTER DELETE OR TRUNCATE ON leadscore.settings
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._keep_the_row();

CREATE FUNCTION leadscore._check_activity_type() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.activity_type = NEW.activity_type THEN
        RETURN NEW;
    END IF;
    IF EXISTS (SELECT FROM leadscore.activity a WHERE a.activity_type = OLD.activity_type) THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('activity type %L is in use', OLD.activity_type),
            DETAIL = 'Activities of that type are registered.',
            HINT = format('Move them first: UPDATE leadscore.activity SET activity_type = … WHERE activity_type = %L;', OLD.activity_type);
    END IF;
    IF EXISTS (SELECT FROM leadscore.rule r WHERE OLD.activity_type = ANY (r.activity_types)) THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('activity type %L is in use', OLD.activity_type),
            DETAIL = format('Rule %L names it.', (SELECT r.name FROM leadscore.rule r WHERE OLD.activity_type = ANY (r.activity_types) ORDER BY 1 LIMIT 1)),
            HINT = 'Change the rule first.';
    END IF;
    RETURN CASE TG_OP WHEN 'UPDATE' THEN NEW ELSE OLD END;
END $$;
COMMENT ON FUNCTION leadscore._check_activity_type() IS 'Trigger: keeps an activity type that is in use';
REVOKE ALL ON FUNCTION leadscore._check_activity_type() FROM PUBLIC;
CREATE TRIGGER check_activity_type BEFORE UPDATE OR DELETE ON leadscore.activity_type
    FOR EACH ROW EXECUTE FUNCTION leadscore._check_activity_type();

CREATE FUNCTION leadscore._check_activity_types_truncated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM leadscore.activity) OR EXISTS (SELECT FROM leadscore.rule r WHERE r.activity_types IS NOT NULL) THEN
        RAISE foreign_key_violation USING
            MESSAGE = 'activity types are in use',
            DETAIL = 'Activities are registered, or rules name types.',
            HINT = 'Name those that are to go: DELETE FROM leadscore.activity_type WHERE …';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._check_activity_types_truncated() IS 'Trigger: keeps activity types that are in use';
REVOKE ALL ON FUNCTION leadscore._check_activity_types_truncated() FROM PUBLIC;
CREATE TRIGGER check_activity_types BEFORE TRUNCATE ON leadscore.activity_type
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._check_activity_types_truncated();
