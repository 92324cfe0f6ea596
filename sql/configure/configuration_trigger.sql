-- What an edit of settings, activity types, scorecards, rules or categories means: backends forget what
-- they keep of them, the next run derives anew whom it concerns, and the history says what changed.

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
        -- Whatever a dump brought is derived anew by the first run.
        INSERT INTO leadscore.edited DEFAULT VALUES;
        PERFORM leadscore._forget_configuration();
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._go_live() IS 'Notes that this copy of the database is in use';
REVOKE ALL ON FUNCTION leadscore._go_live() FROM PUBLIC;

-- Editors of different tables meet here before they lock any row, so that they wait in one order.
CREATE FUNCTION leadscore._configuration_write_begins() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF leadscore._is_clustered() THEN
        PERFORM leadscore._refuse_edits_of_nodes(TG_RELID);
    END IF;
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
CREATE TRIGGER a_write_begins BEFORE INSERT OR UPDATE OR DELETE ON leadscore.scorecard
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._configuration_write_begins();
CREATE TRIGGER a_write_begins BEFORE INSERT OR UPDATE OR DELETE ON leadscore.settings
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._configuration_write_begins();

-- Notes whom an edit concerns. A database that is being restored is derived anew anyway, when it goes live.
CREATE FUNCTION leadscore._note_edited(concerned leadscore.edited[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF cardinality(concerned) > 0 AND EXISTS (SELECT FROM leadscore.instance) THEN
        INSERT INTO leadscore.edited SELECT DISTINCT e.* FROM unnest(concerned) e;
        -- Even if it is due already: an older snapshot would not see that a run has just been.
        UPDATE leadscore.instance SET rebuild_due = true;
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._note_edited(leadscore.edited[]) IS 'Has the next run derive persons anew';
REVOKE ALL ON FUNCTION leadscore._note_edited(leadscore.edited[]) FROM PUBLIC;

CREATE FUNCTION leadscore._configuration_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._begin();
    IF TG_ARGV[0] = 'rebuild' THEN
        PERFORM leadscore._note_edited('{"(,,)"}');
    END IF;
    PERFORM leadscore._forget_configuration();
    IF TG_TABLE_NAME = 'activity_type' AND EXISTS (SELECT FROM leadscore.instance) THEN
        PERFORM leadscore._admit_waiting();
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._configuration_changed() IS 'Trigger: an edit of the configuration takes effect at the next run, for everybody if it is said to';
REVOKE ALL ON FUNCTION leadscore._configuration_changed() FROM PUBLIC;
-- A type that is added has no activities yet, and one in use cannot go: nothing to derive.
CREATE TRIGGER configuration_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON leadscore.activity_type
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._configuration_changed();
CREATE TRIGGER configuration_emptied AFTER TRUNCATE ON leadscore.rule
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._configuration_changed('rebuild');
CREATE TRIGGER configuration_emptied AFTER TRUNCATE ON leadscore.category
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._configuration_changed('rebuild');

-- The rows that a statement changed, before and after, each as JSON without what no score depends on.
CREATE FUNCTION leadscore._rules_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    concerned leadscore.edited[];
BEGIN
    PERFORM leadscore._begin();
    -- A tenant's rule takes the place of everybody's of the same name, so it concerns all of the tenant's persons.
    IF TG_OP = 'INSERT' THEN
        IF EXISTS (SELECT FROM new_rows n WHERE n.created_at = now()) THEN
            PERFORM leadscore._go_live();
        END IF;
        concerned := ARRAY(SELECT DISTINCT ROW(n.tenant, NULL, CASE WHEN n.tenant IS NULL THEN n.rule_id END)::leadscore.edited FROM new_rows n);
    ELSIF TG_OP = 'DELETE' THEN
        concerned := ARRAY(SELECT DISTINCT ROW(o.tenant, NULL, CASE WHEN o.tenant IS NULL THEN o.rule_id END)::leadscore.edited FROM old_rows o);
    ELSE
        concerned := ARRAY(
            SELECT DISTINCT ROW(w.tenant, NULL, CASE WHEN w.tenant IS NULL THEN w.rule_id END)::leadscore.edited
            FROM old_rows o
            FULL JOIN new_rows n ON n.rule_id = o.rule_id
            CROSS JOIN LATERAL (VALUES (o.tenant, o.rule_id), (n.tenant, n.rule_id)) w(tenant, rule_id)
            WHERE to_jsonb(o) - 'created_at' IS DISTINCT FROM to_jsonb(n) - 'created_at' AND w.rule_id IS NOT NULL);
    END IF;
    PERFORM leadscore._note_edited(concerned), leadscore._forget_configuration();
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._rules_changed() IS 'Trigger: notes whom an edit of rules concerns';
REVOKE ALL ON FUNCTION leadscore._rules_changed() FROM PUBLIC;
CREATE TRIGGER rules_added AFTER INSERT ON leadscore.rule REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._rules_changed();
CREATE TRIGGER rules_changed AFTER UPDATE ON leadscore.rule REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._rules_changed();
CREATE TRIGGER rules_removed AFTER DELETE ON leadscore.rule REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._rules_changed();

CREATE FUNCTION leadscore._categories_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    concerned leadscore.edited[];
BEGIN
    PERFORM leadscore._begin();
    IF TG_OP = 'INSERT' THEN
        concerned := ARRAY(SELECT DISTINCT ROW(n.tenant, n.person_kind, NULL)::leadscore.edited FROM new_rows n);
    ELSIF TG_OP = 'DELETE' THEN
        concerned := ARRAY(SELECT DISTINCT ROW(o.tenant, o.person_kind, NULL)::leadscore.edited FROM old_rows o);
    ELSE
        concerned := ARRAY(
            SELECT DISTINCT ROW(w.tenant, w.person_kind, NULL)::leadscore.edited
            FROM old_rows o
            FULL JOIN new_rows n ON n.category_id = o.category_id
            CROSS JOIN LATERAL (VALUES (o.category_id, o.tenant, o.person_kind), (n.category_id, n.tenant, n.person_kind)) w(category_id, tenant, person_kind)
            WHERE to_jsonb(o) - 'color' IS DISTINCT FROM to_jsonb(n) - 'color' AND w.category_id IS NOT NULL);
    END IF;
    PERFORM leadscore._note_edited(concerned), leadscore._forget_configuration();
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._categories_changed() IS 'Trigger: notes whom an edit of categories concerns';
REVOKE ALL ON FUNCTION leadscore._categories_changed() FROM PUBLIC;
CREATE TRIGGER categories_added AFTER INSERT ON leadscore.category REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._categories_changed();
CREATE TRIGGER categories_changed AFTER UPDATE ON leadscore.category REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._categories_changed();
CREATE TRIGGER categories_removed AFTER DELETE ON leadscore.category REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._categories_changed();

-- Everybody has a score on each scorecard, and days by the time zone.
CREATE FUNCTION leadscore._scorecards_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    concerns_all boolean := true;
BEGIN
    PERFORM leadscore._begin();
    IF TG_OP = 'INSERT' THEN
        IF EXISTS (SELECT FROM new_rows n WHERE n.recorded_at = now() AND n.scorecard <> 'main') THEN
            PERFORM leadscore._go_live();
        END IF;
        concerns_all := EXISTS (SELECT FROM new_rows);
    ELSIF TG_OP = 'DELETE' THEN
        concerns_all := EXISTS (SELECT FROM old_rows);
    ELSE
        concerns_all := EXISTS (SELECT FROM old_rows o FULL JOIN new_rows n ON n.scorecard = o.scorecard
                                WHERE (o.part_of, o.min_score, o.max_score) IS DISTINCT FROM (n.part_of, n.min_score, n.max_score));
    END IF;
    PERFORM leadscore._note_edited(CASE WHEN concerns_all THEN '{"(,,)"}' ELSE '{}' END::leadscore.edited[]), leadscore._forget_configuration();
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._scorecards_changed() IS 'Trigger: notes that an edit of scorecards concerns everybody, unless it is one of words';
REVOKE ALL ON FUNCTION leadscore._scorecards_changed() FROM PUBLIC;
CREATE TRIGGER scorecards_added AFTER INSERT ON leadscore.scorecard REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._scorecards_changed();
CREATE TRIGGER scorecards_changed AFTER UPDATE ON leadscore.scorecard REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._scorecards_changed();
CREATE TRIGGER scorecards_removed AFTER DELETE ON leadscore.scorecard REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._scorecards_changed();

-- No score depends on the other settings.
CREATE FUNCTION leadscore._settings_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._begin();
    IF EXISTS (SELECT FROM new_rows n WHERE NOT EXISTS (SELECT FROM old_rows o WHERE o.time_zone = n.time_zone)) THEN
        PERFORM leadscore._note_edited('{"(,,)"}');
        -- Rows may come before it changes back.
        UPDATE leadscore.source x SET read_in = '' WHERE x.time_zone IS NULL AND x.parts ? 'moment' AND x.read_in <> '';
    END IF;
    PERFORM leadscore._forget_configuration();
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._settings_changed() IS 'Trigger: notes that another time zone concerns everybody';
REVOKE ALL ON FUNCTION leadscore._settings_changed() FROM PUBLIC;
CREATE TRIGGER settings_changed AFTER UPDATE ON leadscore.settings REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._settings_changed();
-- Another row in the place of the one that was there.
CREATE TRIGGER configuration_changed AFTER INSERT ON leadscore.settings
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._configuration_changed('rebuild');

-- Records that the rule gave stand for the persons to whom it applied, and its present columns for those to whom it applies:
-- what else became of anybody since was scored by the rules as they stood.
CREATE FUNCTION leadscore._persons_edited() RETURNS bigint[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    rules   int[] := ARRAY(SELECT DISTINCT e.rule_id FROM leadscore.edited e WHERE e.rule_id IS NOT NULL);
    tenants text[] := ARRAY(SELECT DISTINCT e.tenant FROM leadscore.edited e WHERE e.tenant IS NOT NULL);
    -- Of tenants that were forgotten; see forget_tenant().
    sums    text[] := ARRAY(SELECT DISTINCT e.tenant FROM leadscore.edited e WHERE e.tenant LIKE 'md5 %');
    kinds   text[] := ARRAY(SELECT DISTINCT e.person_kind FROM leadscore.edited e WHERE e.tenant IS NULL AND e.person_kind IS NOT NULL);
    ids     bigint[];
BEGIN
    IF NOT EXISTS (SELECT FROM leadscore.instance i WHERE i.rebuild_due) THEN
        RETURN '{}';
    END IF;
    IF NOT EXISTS (SELECT FROM leadscore.edited)
        OR EXISTS (SELECT FROM leadscore.edited e WHERE e.tenant IS NULL AND e.person_kind IS NULL AND e.rule_id IS NULL)
        OR EXISTS (SELECT FROM leadscore.rule r WHERE r.rule_id = ANY (rules) AND r.enabled AND r.tenant IS NULL
                   AND r.person_kinds IS NULL AND r.statuses IS NULL AND r.person_filter IS NULL) THEN
        RETURN NULL;
    END IF;
    SELECT array_agg(c.person_id ORDER BY c.person_id) INTO ids
    FROM (SELECT p.person_id
          FROM leadscore.person p
          WHERE p.tenant = ANY (tenants)
            AND EXISTS (SELECT FROM leadscore.edited e WHERE e.tenant = p.tenant AND (e.person_kind IS NULL OR e.person_kind = p.kind))
          UNION
          SELECT p.person_id FROM leadscore.person p WHERE sums <> '{}' AND p.tenant IS NOT NULL AND 'md5 ' || md5(p.tenant) = ANY (sums)
          UNION
          SELECT p.person_id FROM leadscore.person p WHERE kinds <> '{}' AND p.kind = ANY (kinds)
          UNION
          SELECT p.person_id
          FROM leadscore.person p
          JOIN leadscore.rule r ON r.rule_id = ANY (rules) AND r.enabled AND r.tenant IS NULL
           AND (r.person_kinds IS NULL OR p.kind = ANY (r.person_kinds)) AND (r.statuses IS NULL OR p.status = ANY (r.statuses))
           AND (r.person_filter IS NULL OR jsonb_path_match(coalesce(p.attributes, '{}'), r.person_filter, silent => true))
          WHERE rules <> '{}'
          UNION
          SELECT s.person_id FROM leadscore.score_record s WHERE rules <> '{}' AND s.rule_id = ANY (rules)) c;
    RETURN coalesce(ids, '{}');
END $$;
COMMENT ON FUNCTION leadscore._persons_edited() IS 'The persons whom edits of the configuration since the last run concern; NULL: everybody';
REVOKE ALL ON FUNCTION leadscore._persons_edited() FROM PUBLIC;

CREATE FUNCTION leadscore._take_edits_in() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM leadscore.edited;
    UPDATE leadscore.instance SET rebuild_due = false WHERE rebuild_due;
END $$;
COMMENT ON FUNCTION leadscore._take_edits_in() IS 'Notes that a run derives anew whom edits concern';
REVOKE ALL ON FUNCTION leadscore._take_edits_in() FROM PUBLIC;

-- What a rule says by itself is checked in Rust, where its type is.
CREATE FUNCTION leadscore._check_rule(rule text, restored boolean) RETURNS void
LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', 'check_rule_row_wrapper';
COMMENT ON FUNCTION leadscore._check_rule(text, boolean) IS 'Raises an error when a rule, as JSON with ISO 8601 intervals, has no meaning; one that is restored may be of an earlier version';

-- Why a filter cannot be one; NULL if it can. A predicate is true, false or unknown whatever it looks at; any other path
-- gives values, of which an object without keys has none.
CREATE FUNCTION leadscore._no_predicate(path jsonpath) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS $$
DECLARE
    variable text;
BEGIN
    IF regexp_replace(path::text, '^strict ', '') IN ('true', 'false', 'null') THEN
        RETURN 'It says the same of everybody, where a comparison was expected.';
    END IF;
    -- Days with and without a time zone cannot be compared without knowing the session's: PostgreSQL raises an error, even where silent.
    IF regexp_replace(path::text, '"([^"\\]|\\.)*"', '""', 'g') ~ '\.(date|datetime|time|time_tz|timestamp|timestamp_tz)\(' THEN
        RETURN 'How days and times compare depends on the time zone of the session; as texts such as "2026-01-31" they compare well.';
    END IF;
    -- PostgreSQL raises an error where it comes to a variable, even where silent; in an object without keys it may come to none.
    variable := (SELECT min(t.token[1]) FROM regexp_matches(path::text, '(\$?"(?:[^"\\]|\\.)*")', 'g') t(token) WHERE t.token[1] LIKE '$%');
    IF variable IS NOT NULL THEN
        RETURN format('Nothing gives variable %s a value.', variable);
    END IF;
    PERFORM jsonb_path_match('{}', path);
    RETURN NULL;
EXCEPTION
    WHEN singleton_sql_json_item_required OR sql_json_member_not_found THEN
        RETURN 'It gives a value, where a comparison was expected.';
    WHEN data_exception THEN
        RETURN format('It cannot be evaluated: %s.', SQLERRM);
END $$;
COMMENT ON FUNCTION leadscore._no_predicate(jsonpath) IS 'Why an SQL/JSON path is no predicate; NULL if it is one';

-- What only the database can say of a rule; known are the activity types and scorecards that there are or would be.
CREATE FUNCTION leadscore._check_rule_names(rule leadscore.rule, known_types text[], known_scorecards text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unknown text := (SELECT min(t.name) FROM unnest(rule.activity_types) t(name) WHERE t.name <> ALL (known_types));
    filter  record;
BEGIN
    IF unknown IS NOT NULL THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('rule "%s": activity type "%s" does not exist', rule.name, unknown),
            DETAIL = 'A rule that waits for an activity which cannot be registered would never apply.',
            HINT = format('INSERT INTO leadscore.activity_type (activity_type) VALUES (%L);', unknown);
    END IF;
    IF rule.scorecard IS NOT NULL AND rule.scorecard <> ALL (known_scorecards) THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('rule "%s": scorecard "%s" does not exist', rule.name, rule.scorecard),
            DETAIL = 'The points of a rule belong to a scorecard.',
            HINT = format('INSERT INTO leadscore.scorecard (scorecard) VALUES (%L);', rule.scorecard);
    END IF;
    FOR filter IN
        SELECT f.name, leadscore._no_predicate(f.path) AS problem, f.example
        FROM (VALUES ('filter', rule.filter, '$.minutes >= 30 && $.channel == "video"'), ('person_filter', rule.person_filter, '$.region == "west"'))
             f(name, path, example)
        WHERE f.path IS NOT NULL
    LOOP
        IF filter.problem IS NOT NULL THEN
            RAISE invalid_parameter_value USING
                MESSAGE = format('rule "%s": %s is no predicate', rule.name, filter.name),
                DETAIL = filter.problem,
                HINT = format('Write it as a comparison, such as %L.', filter.example);
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION leadscore._check_rule_names(leadscore.rule, text[], text[]) IS 'Raises an error when a rule names what does not exist, or its filters are no predicates';

-- Raises what the trigger would raise, for a rule that is not to be stored.
CREATE FUNCTION leadscore._check_assumed_rule(rule leadscore.rule, known_types text[], known_scorecards text[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET intervalstyle = 'iso_8601' AS $$
BEGIN
    PERFORM leadscore._check_rule((to_jsonb(rule) - 'created_at')::text, false),
            leadscore._check_rule_names(rule, known_types, coalesce(known_scorecards, ARRAY(SELECT c.scorecard FROM leadscore.scorecard c)));
END $$;
COMMENT ON FUNCTION leadscore._check_assumed_rule(leadscore.rule, text[], text[]) IS 'Raises an error when a rule has no meaning; known are the activity types and scorecards that there would be';

CREATE FUNCTION leadscore._check_rule() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET intervalstyle = 'iso_8601' AS $$
DECLARE
    -- What was stored once can be restored, and what it names may follow.
    restored boolean := TG_OP = 'INSERT' AND NEW.created_at <> now() AND NOT EXISTS (SELECT FROM leadscore.instance);
BEGIN
    IF NEW.points IS NULL OR NEW.enabled IS NULL OR NEW.scorecard IS NULL THEN
        RETURN NEW;  -- PostgreSQL refuses it
    END IF;
    PERFORM leadscore._check_rule(
        (to_jsonb(NEW) - 'created_at' || jsonb_build_object('name', coalesce(NEW.name, ''))
            -- To JSON a NULL is a null, which is no object.
            || CASE WHEN jsonb_typeof(NEW.condition) = 'null' AND NOT restored THEN '{"condition": "null"}' ELSE '{}' END::jsonb)::text,
        restored);
    IF NOT restored THEN
        PERFORM leadscore._check_rule_names(NEW,
            ARRAY(SELECT t.activity_type FROM leadscore.activity_type t WHERE t.activity_type = ANY (NEW.activity_types)),
            ARRAY(SELECT c.scorecard FROM leadscore.scorecard c));
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION leadscore._check_rule() IS 'Trigger: refuses a rule that has no meaning';
REVOKE ALL ON FUNCTION leadscore._check_rule() FROM PUBLIC;
CREATE TRIGGER check_rule BEFORE INSERT OR UPDATE ON leadscore.rule
    FOR EACH ROW EXECUTE FUNCTION leadscore._check_rule();

-- Before PostgreSQL's own check of a row, which does not say what to do instead.
CREATE FUNCTION leadscore._check_filled() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    empty text := (SELECT min(c.name) FROM unnest(TG_ARGV) c(name) WHERE to_jsonb(NEW) ->> c.name = '');
BEGIN
    IF empty IS NOT NULL THEN
        RAISE check_violation USING
            MESSAGE = format('column %I of leadscore.%I is empty', empty, TG_TABLE_NAME),
            DETAIL = 'Nothing is told by an empty name.',
            HINT = CASE WHEN (SELECT a.attnotnull FROM pg_attribute a WHERE a.attrelid = TG_RELID AND a.attname = empty)
                        THEN 'Give it a name.' ELSE 'Leave it NULL for all, or give it a name.' END;
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION leadscore._check_filled() IS 'Trigger: refuses empty names in the columns that it is given';
REVOKE ALL ON FUNCTION leadscore._check_filled() FROM PUBLIC;
CREATE TRIGGER check_filled BEFORE INSERT OR UPDATE ON leadscore.rule
    FOR EACH ROW EXECUTE FUNCTION leadscore._check_filled('tenant');
CREATE TRIGGER check_filled BEFORE INSERT OR UPDATE ON leadscore.category
    FOR EACH ROW EXECUTE FUNCTION leadscore._check_filled('name', 'person_kind', 'tenant');
CREATE TRIGGER check_filled BEFORE INSERT OR UPDATE ON leadscore.scorecard
    FOR EACH ROW EXECUTE FUNCTION leadscore._check_filled('scorecard');
CREATE TRIGGER check_filled BEFORE INSERT OR UPDATE ON leadscore.activity_type
    FOR EACH ROW EXECUTE FUNCTION leadscore._check_filled('activity_type');

CREATE FUNCTION leadscore._refuse_bound(name text, other text, person_kind text, min_score bigint, scorecard text DEFAULT 'main', tenant text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    whom text := concat_ws(' ', coalesce('kind ' || quote_literal(person_kind), 'all kinds'),
                           'on scorecard ' || quote_literal(nullif(scorecard, 'main')), 'of tenant ' || quote_literal(tenant));
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
COMMENT ON FUNCTION leadscore._refuse_bound(text, text, text, bigint, text, text) IS 'Raises the error for a category whose bound another one has';

-- A trigger comes before policies are asked: what it says of another row must be no news.
CREATE FUNCTION leadscore._is_category_seen(category_id int) RETURNS boolean
LANGUAGE c AS 'MODULE_PATHNAME', 'is_category_seen_wrapper';
COMMENT ON FUNCTION leadscore._is_category_seen(int) IS 'Whether row-level security lets the role of the session see a category';
REVOKE ALL ON FUNCTION leadscore._is_category_seen(int) FROM PUBLIC;

CREATE FUNCTION leadscore._check_category() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A dump may bring the scorecard later.
    IF NOT EXISTS (SELECT FROM leadscore.scorecard c WHERE c.scorecard = NEW.scorecard)
       AND (TG_OP = 'UPDATE' OR NEW.recorded_at = now() OR EXISTS (SELECT FROM leadscore.instance)) THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('category %L: scorecard %L does not exist', NEW.name, NEW.scorecard),
            DETAIL = 'A category is a band of the score of a scorecard.',
            HINT = format('INSERT INTO leadscore.scorecard (scorecard) VALUES (%L);', NEW.scorecard);
    END IF;
    PERFORM leadscore._refuse_bound(NEW.name, c.name, c.person_kind, c.min_score, c.scorecard, c.tenant)
    FROM leadscore.category c
    WHERE c.person_kind IS NOT DISTINCT FROM NEW.person_kind
      AND c.min_score IS NOT DISTINCT FROM NEW.min_score
      AND c.scorecard = NEW.scorecard
      AND c.tenant IS NOT DISTINCT FROM NEW.tenant
      AND c.category_id <> NEW.category_id
      AND leadscore._is_category_seen(c.category_id);
    RETURN NEW;
END $$;
COMMENT ON FUNCTION leadscore._check_category() IS 'Trigger: refuses a category whose bound another one has, or of a scorecard that does not exist';
REVOKE ALL ON FUNCTION leadscore._check_category() FROM PUBLIC;
CREATE TRIGGER check_category BEFORE INSERT OR UPDATE ON leadscore.category
    FOR EACH ROW EXECUTE FUNCTION leadscore._check_category();

CREATE FUNCTION leadscore._category_renamed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO leadscore.renamed_category (category_id, name) VALUES (OLD.category_id, OLD.name) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._category_renamed() IS 'Trigger: keeps a name that persons may still have until the next run';
REVOKE ALL ON FUNCTION leadscore._category_renamed() FROM PUBLIC;
CREATE TRIGGER a_renamed AFTER UPDATE ON leadscore.category
    FOR EACH ROW WHEN (OLD.name <> NEW.name) EXECUTE FUNCTION leadscore._category_renamed();

CREATE FUNCTION leadscore._check_scorecards(rows text) RETURNS void
LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', 'check_scorecards_wrapper';
COMMENT ON FUNCTION leadscore._check_scorecards(text) IS 'Raises an error when scorecards, as JSON, make no sense together: one is part of itself or of none, or its limits leave no score';

CREATE FUNCTION leadscore._check_scorecards() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A dump may bring a part before the whole.
    IF TG_OP = 'INSERT' AND NOT EXISTS (SELECT FROM leadscore.instance) THEN
        IF NOT EXISTS (SELECT FROM added n WHERE n.recorded_at = now()) THEN
            RETURN NULL;
        END IF;
    ELSIF TG_OP = 'UPDATE' AND pg_trigger_depth() > 1 AND NOT EXISTS (SELECT FROM leadscore.instance) THEN
        -- The row main of a dump, which may be part of one that is still to come.
        RETURN NULL;
    END IF;
    PERFORM leadscore._check_scorecards((SELECT jsonb_agg(to_jsonb(c) - 'recorded_at' - 'description')::text FROM leadscore.scorecard c));
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._check_scorecards() IS 'Trigger: refuses scorecards that make no sense together';
REVOKE ALL ON FUNCTION leadscore._check_scorecards() FROM PUBLIC;
CREATE TRIGGER check_scorecards AFTER UPDATE OR DELETE ON leadscore.scorecard
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._check_scorecards();
CREATE TRIGGER check_added_scorecards AFTER INSERT ON leadscore.scorecard REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._check_scorecards();

-- What no document says of a scorecard.
CREATE FUNCTION leadscore._require_unused(scorecard text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    adjusted bigint := (SELECT min(j.adjustment_id) FROM leadscore.adjustment j WHERE j.scorecard = _require_unused.scorecard);
    written  text   := (SELECT min(s.source::text) FROM leadscore.source s
                        WHERE s.attached AND s.parts -> 'scorecards' @> jsonb_build_array(jsonb_build_object('scorecard', _require_unused.scorecard))
                          AND leadscore._name_of(s.source) IS NOT NULL);
BEGIN
    IF adjusted IS NOT NULL THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('scorecard %L is in use', scorecard),
            DETAIL = format('Adjustment %s belongs to it.', adjusted),
            HINT = 'Take it back first: SELECT leadscore.unadjust(…);';
    ELSIF written IS NOT NULL THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('scorecard %L is in use', scorecard),
            DETAIL = format('Its score is written back to %s.', written),
            HINT = format('Attach the table without it first: SELECT leadscore.detach(%L); then attach_person() again.', written);
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._require_unused(text) IS 'Raises an error when an adjustment belongs to a scorecard, or an attached table has columns for it';

CREATE FUNCTION leadscore._keep_scorecard() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    named text;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.scorecard = OLD.scorecard THEN
            RETURN NEW;
        END IF;
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('scorecard %L cannot be renamed', OLD.scorecard),
            DETAIL = 'Scores, rules, categories and adjustments know it by its name.',
            HINT = CASE OLD.scorecard WHEN 'main' THEN 'main is the scorecard of person.score; its description can be anything.'
                                      ELSE format('INSERT a scorecard %L, let what names %L name it, and DELETE %2$L.', NEW.scorecard, OLD.scorecard) END;
    END IF;
    -- An INSERT that replaces the row removes the old one from within a trigger.
    IF OLD.scorecard = 'main' THEN
        IF pg_trigger_depth() > 1 THEN
            RETURN OLD;
        END IF;
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'scorecard ''main'' cannot go',
            DETAIL = 'It is the one of person.score and person.category.',
            HINT = 'UPDATE its limits or its description instead.';
    END IF;
    named := coalesce((SELECT format('Rule %L', min(r.name)) FROM leadscore.rule r WHERE r.scorecard = OLD.scorecard HAVING count(*) > 0),
                      (SELECT format('Category %L', min(c.name)) FROM leadscore.category c WHERE c.scorecard = OLD.scorecard HAVING count(*) > 0));
    IF named IS NOT NULL THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('scorecard %L is in use', OLD.scorecard),
            DETAIL = format('%s belongs to it.', named),
            HINT = format('Move it first: UPDATE leadscore.%s SET scorecard = ''main'' WHERE scorecard = %L;', lower(split_part(named, ' ', 1)), OLD.scorecard);
    END IF;
    PERFORM leadscore._require_unused(OLD.scorecard);
    DELETE FROM leadscore.person_score s WHERE s.scorecard = OLD.scorecard;
    RETURN OLD;
END $$;
COMMENT ON FUNCTION leadscore._keep_scorecard() IS 'Trigger: keeps main and scorecards that are in use, and their names';
REVOKE ALL ON FUNCTION leadscore._keep_scorecard() FROM PUBLIC;
CREATE TRIGGER keep_scorecard BEFORE UPDATE OF scorecard OR DELETE ON leadscore.scorecard
    FOR EACH ROW EXECUTE FUNCTION leadscore._keep_scorecard();

CREATE FUNCTION leadscore._keep_scorecards() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE object_not_in_prerequisite_state USING
        MESSAGE = 'leadscore.scorecard cannot be emptied',
        DETAIL = 'Scorecard main is always there.',
        HINT = 'Name those that are to go: DELETE FROM leadscore.scorecard WHERE …';
END $$;
COMMENT ON FUNCTION leadscore._keep_scorecards() IS 'Trigger: refuses to truncate scorecards';
REVOKE ALL ON FUNCTION leadscore._keep_scorecards() FROM PUBLIC;
CREATE TRIGGER keep_scorecards BEFORE TRUNCATE ON leadscore.scorecard
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._keep_scorecards();

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

CREATE FUNCTION leadscore._check_setting_length(setting text, length interval) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' AS $$
BEGIN
    -- In this order: an infinite one has no fields.
    IF length NOT BETWEEN '1 day' AND '1000 years' OR date_trunc('day', length) <> length
        OR least(extract(year FROM length), extract(month FROM length), extract(day FROM length)) < 0 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('settings: %s of %s cannot be used', setting, length),
            DETAIL = format('%s is a length of whole days, at least one of them and at most 1000 years.', setting),
            HINT = 'Use days, weeks, months or years, such as ''90 days'', or NULL.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._check_setting_length(text, interval) IS 'Refuses a length of time that is not of whole days';

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
    PERFORM leadscore._check_setting_length('keep_category_changes', keep_category_changes);
END $$;
COMMENT ON FUNCTION leadscore._check_outbox(text, interval) IS 'Refuses a channel that cannot be and a length of time that is not of whole days';

-- Known are the activity types that there are or would be; NULL: they may follow.
CREATE FUNCTION leadscore._check_settings(settings leadscore.settings, known_types text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS $$
DECLARE
    unknown text := (SELECT p.part[1] FROM regexp_matches(settings.person_url, '\{[^}]*\}?', 'g') p(part)
                     WHERE p.part[1] NOT IN ('{person_id}', '{tenant}', '{kind}', '{external_id}') LIMIT 1);
BEGIN
    PERFORM leadscore._require_time_zone(settings.time_zone), leadscore._check_outbox(settings.notify_channel, settings.keep_category_changes),
            leadscore._check_setting_length('outcome_horizon', settings.outcome_horizon);
    IF settings.scoring NOT IN ('at_once', 'deferred') THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('settings: scoring %L does not exist', settings.scoring),
            DETAIL = 'What is registered is scored in its own transaction, or waits for score_pending().',
            HINT = 'Set scoring to at_once or deferred.';
    END IF;
    IF unknown IS NOT NULL THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('settings: person_url has %s, which no person has', unknown),
            DETAIL = format('The address is %s.', settings.person_url),
            HINT = 'Use {external_id}, {kind}, {tenant} and {person_id}, such as https://app/{kind}/{external_id}.';
    -- Pages leave control characters out of an address, so that /, a tab and / are two slashes, after which comes another host.
    ELSIF settings.person_url !~ '^(https?://[^/\\]|/(?![/\\]))' OR settings.person_url ~ '[[:cntrl:]]' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('settings: person_url %L is no address', settings.person_url),
            DETAIL = 'Pages link to it, so it begins with https:// or http:// and a host, or with one / for a path on the host of the page.',
            HINT = 'Write it as https://app/{kind}/{external_id}, or NULL for no links.';
    END IF;
    IF settings.outcome_type IS NOT NULL AND settings.outcome_type <> ALL (known_types) THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('settings: activity type %L does not exist', settings.outcome_type),
            DETAIL = 'outcome_type names the activities that scores are to foretell.',
            HINT = format('INSERT INTO leadscore.activity_type (activity_type) VALUES (%L);', settings.outcome_type);
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._check_settings(leadscore.settings, text[]) IS 'Refuses settings that cannot be';

CREATE FUNCTION leadscore._check_settings() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A dump may bring the types afterwards.
    PERFORM leadscore._check_settings(NEW, CASE WHEN TG_OP = 'UPDATE' OR EXISTS (SELECT FROM leadscore.instance)
                                                THEN ARRAY(SELECT t.activity_type FROM leadscore.activity_type t) END);
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
    IF EXISTS (SELECT FROM leadscore.settings s WHERE s.outcome_type = OLD.activity_type) THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('activity type %L is in use', OLD.activity_type),
            DETAIL = 'It is the outcome_type of leadscore.settings.',
            HINT = 'UPDATE leadscore.settings SET outcome_type = NULL; first.';
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

-- The history of the configuration. The first row that a transaction changes for a tenant finds the tables as they were
-- before; at commit it is known what they have become.

CREATE FUNCTION leadscore._history_document(tenant text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN leadscore.export_config(tenant) - 'activity_types';
END $$;
COMMENT ON FUNCTION leadscore._history_document(text) IS 'The configuration as its history has it: without activity types, on which no score depends';

CREATE FUNCTION leadscore._note_configuration(tenant text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM leadscore.configuration_change c WHERE c.after IS NULL AND c.tenant IS NOT DISTINCT FROM _note_configuration.tenant) THEN
        -- Whatever the transaction says of constraints: at once it would find that nothing has changed yet.
        SET CONSTRAINTS leadscore.complete_change DEFERRED;
        INSERT INTO leadscore.configuration_change (tenant, before)
        VALUES (_note_configuration.tenant, leadscore._history_document(_note_configuration.tenant));
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._note_configuration(text) IS 'Notes the configuration of a tenant as it was before the transaction, unless that is noted';
REVOKE ALL ON FUNCTION leadscore._note_configuration(text) FROM PUBLIC;

CREATE FUNCTION leadscore._note_configuration() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- A dump brings rows by INSERTs into a database that is not in use, whose single rows these take the place of; a row
    -- that is made here and now is none of a dump's.
    noted boolean := EXISTS (SELECT FROM leadscore.instance)
                     OR (TG_OP = 'UPDATE' AND NOT (TG_TABLE_NAME = 'scorecard' AND pg_trigger_depth() > 1));
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        IF noted AND TG_TABLE_NAME = 'rule' THEN
            PERFORM leadscore._note_configuration(t.tenant) FROM (SELECT DISTINCT r.tenant FROM leadscore.rule r) t;
        ELSIF noted THEN
            PERFORM leadscore._note_configuration(t.tenant) FROM (SELECT DISTINCT c.tenant FROM leadscore.category c) t;
        END IF;
        RETURN NULL;
    END IF;
    IF TG_OP = 'INSERT' AND NOT noted THEN
        IF TG_TABLE_NAME = 'rule' THEN
            noted := NEW.created_at = now();
        ELSIF TG_TABLE_NAME = 'scorecard' THEN
            noted := NEW.recorded_at = now();
        END IF;
    END IF;
    IF noted THEN
        IF TG_TABLE_NAME IN ('settings', 'scorecard') THEN
            PERFORM leadscore._note_configuration(NULL::text);
        ELSE
            IF TG_OP <> 'INSERT' THEN
                PERFORM leadscore._note_configuration(OLD.tenant);
            END IF;
            IF TG_OP <> 'DELETE' THEN
                PERFORM leadscore._note_configuration(NEW.tenant);
            END IF;
        END IF;
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
COMMENT ON FUNCTION leadscore._note_configuration() IS 'Trigger: notes the configuration before it changes';
REVOKE ALL ON FUNCTION leadscore._note_configuration() FROM PUBLIC;
CREATE TRIGGER a_note_configuration BEFORE INSERT OR UPDATE OR DELETE ON leadscore.rule
    FOR EACH ROW EXECUTE FUNCTION leadscore._note_configuration();
CREATE TRIGGER a_note_configuration BEFORE INSERT OR UPDATE OR DELETE ON leadscore.category
    FOR EACH ROW EXECUTE FUNCTION leadscore._note_configuration();
CREATE TRIGGER a_note_configuration BEFORE INSERT OR UPDATE OR DELETE ON leadscore.scorecard
    FOR EACH ROW EXECUTE FUNCTION leadscore._note_configuration();
CREATE TRIGGER a_note_configuration BEFORE INSERT OR UPDATE OR DELETE ON leadscore.settings
    FOR EACH ROW EXECUTE FUNCTION leadscore._note_configuration();
CREATE TRIGGER a_note_configurations BEFORE TRUNCATE ON leadscore.rule
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._note_configuration();
CREATE TRIGGER a_note_configurations BEFORE TRUNCATE ON leadscore.category
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._note_configuration();

CREATE FUNCTION leadscore._complete_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    present jsonb := leadscore._history_document(NEW.tenant);
BEGIN
    IF present = NEW.before THEN
        DELETE FROM leadscore.configuration_change c WHERE c.configuration_change_id = NEW.configuration_change_id;
    ELSE
        UPDATE leadscore.configuration_change c SET after = present WHERE c.configuration_change_id = NEW.configuration_change_id;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._complete_change() IS 'Trigger: at commit a change of the configuration has its document after, or was none';
REVOKE ALL ON FUNCTION leadscore._complete_change() FROM PUBLIC;
CREATE CONSTRAINT TRIGGER complete_change AFTER INSERT ON leadscore.configuration_change DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.after IS NULL) EXECUTE FUNCTION leadscore._complete_change();
