-- Rules, categories, activity types and settings as one document.

CREATE FUNCTION leadscore._checked_config(config text) RETURNS jsonb
LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', 'checked_config_wrapper';
COMMENT ON FUNCTION leadscore._checked_config(text) IS 'The document with its types checked; an error names the path to the field that is wrong';

CREATE FUNCTION leadscore._preset(name text) RETURNS jsonb
LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', 'preset_wrapper';
COMMENT ON FUNCTION leadscore._preset(text) IS 'The document of a preset';

-- Not interval's own output, which depends on the session's intervalstyle.
CREATE FUNCTION leadscore._length(length interval) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN nullif(concat_ws(' ',
    CASE WHEN extract(year FROM length) <> 0 THEN extract(year FROM length)::int || CASE extract(year FROM length) WHEN 1 THEN ' year' ELSE ' years' END END,
    CASE WHEN extract(month FROM length) <> 0 THEN extract(month FROM length)::int || CASE extract(month FROM length) WHEN 1 THEN ' month' ELSE ' months' END END,
    CASE WHEN extract(day FROM length) <> 0 THEN extract(day FROM length)::int || CASE extract(day FROM length) WHEN 1 THEN ' day' ELSE ' days' END END), '');
COMMENT ON FUNCTION leadscore._length(interval) IS 'A length of time in words, such as 60 days';

CREATE FUNCTION leadscore.export_config() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT jsonb_build_object(
        'settings', (SELECT jsonb_strip_nulls(jsonb_build_object(
                                'time_zone', s.time_zone, 'notify_channel', s.notify_channel,
                                'keep_category_changes', leadscore._length(s.keep_category_changes)))
                     FROM leadscore.settings s),
        'activity_types', (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(to_jsonb(t)) ORDER BY t.activity_type), '[]')
                           FROM leadscore.activity_type t),
        'categories', (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(to_jsonb(c) - 'category_id')
                                                 ORDER BY c.person_kind NULLS FIRST, c.min_score NULLS FIRST), '[]')
                       FROM leadscore.category c),
        'rules', (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(to_jsonb(r) - 'rule_id' - 'created_at'
                                                              - 'relevant_for' - 'inactive_for' - 'condition'
                                                              -- A rule of before can have max_repeats that limit nothing.
                                                              - CASE WHEN r.repeat_every IS NULL THEN 'max_repeats' ELSE 'repeat_every' END)
                                            || CASE WHEN r.condition IS NULL THEN '{}' ELSE jsonb_build_object('condition', r.condition) END
                                            || jsonb_strip_nulls(jsonb_build_object(
                                                   'relevant_for', leadscore._length(r.relevant_for),
                                                   'inactive_for', leadscore._length(r.inactive_for),
                                                   'repeat_every', leadscore._length(r.repeat_every)))
                                            ORDER BY r.name), '[]')
                  FROM leadscore.rule r));
END;
COMMENT ON FUNCTION leadscore.export_config() IS 'Rules, categories, activity types and settings as one document';

-- The rules of a checked document as rows, with the ids of those that are there by that name;
-- others have negative ones, which no stored rule has.
CREATE FUNCTION leadscore._document_rules(document jsonb) RETURNS SETOF leadscore.rule
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT x.*
    FROM jsonb_array_elements(document -> 'rules') WITH ORDINALITY n(rule, nth)
    LEFT JOIN leadscore.rule r ON r.name = n.rule ->> 'name' AND r.tenant IS NULL
    CROSS JOIN LATERAL (SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}') AS given
                        FROM jsonb_each(n.rule) e WHERE e.value <> 'null') g
    CROSS JOIN LATERAL jsonb_populate_record(NULL::leadscore.rule,
        '{"kind": "activity", "decay": "none", "enabled": true, "scorecard": "main", "excused_by_planned": false}'::jsonb || g.given
        || jsonb_build_object('rule_id', coalesce(r.rule_id, -n.nth::int), 'created_at', coalesce(r.created_at, now()))) x;
END;
COMMENT ON FUNCTION leadscore._document_rules(jsonb) IS 'The rules of a checked document as rows';

-- Lengths of time and days are text in JSON: what PostgreSQL cannot read is named by its path.
CREATE FUNCTION leadscore._check_times(document jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item record;
BEGIN
    FOR item IN
        SELECT 'settings.keep_category_changes' AS path, 'length' AS sort, document #>> '{settings,keep_category_changes}' AS value
        UNION ALL
        SELECT format('rules[%s].%s', r.nth - 1, f.name), f.sort, r.rule ->> f.name
        FROM jsonb_array_elements(document -> 'rules') WITH ORDINALITY r(rule, nth)
        CROSS JOIN (VALUES ('relevant_for', 'length'), ('inactive_for', 'length'), ('repeat_every', 'length'),
                           ('effective_from', 'day')) f(name, sort)
        UNION ALL
        SELECT format('tests[%s].person.since', t.nth - 1), 'moment', t.test #>> '{person,since}'
        FROM jsonb_array_elements(document -> 'tests') WITH ORDINALITY t(test, nth)
        UNION ALL
        SELECT format('tests[%s].%s[%s].on', t.nth - 1, f.name, i.nth - 1), f.sort, i.item ->> 'on'
        FROM jsonb_array_elements(document -> 'tests') WITH ORDINALITY t(test, nth)
        CROSS JOIN (VALUES ('activities', 'moment'), ('expect', 'day')) f(name, sort)
        CROSS JOIN jsonb_array_elements(t.test -> f.name) WITH ORDINALITY i(item, nth)
    LOOP
        BEGIN
            CASE item.sort
                WHEN 'length' THEN PERFORM item.value::interval;
                WHEN 'day' THEN PERFORM item.value::date;
                ELSE PERFORM item.value::timestamp;
            END CASE;
        EXCEPTION WHEN data_exception THEN
            RAISE invalid_parameter_value USING
                MESSAGE = format('configuration: %s is not as expected', item.path),
                DETAIL = format('%L is no %s.', item.value, CASE item.sort WHEN 'length' THEN 'length of time' ELSE item.sort END),
                HINT = CASE item.sort WHEN 'length' THEN 'Write days, weeks, months or years, such as "60 days" or "3 months".'
                                      WHEN 'day' THEN 'Write a day as 2026-01-31.'
                                      ELSE 'Write a day, or a day and a time, such as 2026-01-31 or 2026-01-31 14:30.' END;
        END;
    END LOOP;
END $$;
COMMENT ON FUNCTION leadscore._check_times(jsonb) IS 'Refuses a document with a length of time, a day or a moment that cannot be read';

-- With replace, a section that the document has is the whole of that section afterwards;
-- without, the document only adds and changes, and its categories take the place of those for
-- the same kinds. Activity types are never removed.
CREATE FUNCTION leadscore._apply_config(config jsonb, replace boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    document jsonb := leadscore._checked_config(config::text);
BEGIN
    PERFORM leadscore._check_times(document);

    -- An update of the time zone, even of no row, has everything derived anew.
    IF document #>> '{settings,time_zone}' <> (SELECT s.time_zone FROM leadscore.settings s) THEN
        UPDATE leadscore.settings SET time_zone = document #>> '{settings,time_zone}';
    END IF;
    UPDATE leadscore.settings s
    SET notify_channel = n.notify_channel, keep_category_changes = n.keep_category_changes
    FROM jsonb_to_record(document -> 'settings') n(notify_channel text, keep_category_changes interval)
    WHERE replace AND document ? 'settings'
      AND (s.notify_channel, leadscore._length(s.keep_category_changes))
          IS DISTINCT FROM (n.notify_channel, leadscore._length(n.keep_category_changes));

    INSERT INTO leadscore.activity_type AS t (activity_type, description)
    SELECT n.activity_type, n.description
    FROM jsonb_to_recordset(document -> 'activity_types') n(activity_type text, description text)
    ON CONFLICT (activity_type) DO UPDATE SET description = EXCLUDED.description
    WHERE t.description IS DISTINCT FROM EXCLUDED.description;

    IF document ? 'categories' THEN
        -- Bounds move past each other, so all make place first; a category keeps its id.
        WITH old AS (
            DELETE FROM leadscore.category RETURNING *
        )
        SELECT coalesce(jsonb_agg(to_jsonb(o)), '[]') INTO config FROM old o;
        INSERT INTO leadscore.category (category_id, person_kind, name, min_score, color)
        SELECT coalesce(o.category_id, nextval('leadscore.category_category_id_seq')::int), n.person_kind, n.name, n.min_score, n.color
        FROM jsonb_to_recordset(document -> 'categories') n(person_kind text, name text, min_score bigint, color text)
        LEFT JOIN jsonb_to_recordset(config) o(category_id int, person_kind text, name text)
               ON o.name = n.name AND o.person_kind IS NOT DISTINCT FROM n.person_kind
        UNION ALL
        SELECT o.category_id, o.person_kind, o.name, o.min_score, o.color
        FROM jsonb_to_recordset(config) o(category_id int, person_kind text, name text, min_score bigint, color text)
        WHERE NOT replace AND NOT EXISTS (
            SELECT FROM jsonb_to_recordset(document -> 'categories') n(person_kind text)
            WHERE n.person_kind IS NOT DISTINCT FROM o.person_kind);
    END IF;

    IF document ? 'rules' THEN
        IF replace THEN
            DELETE FROM leadscore.rule r
            WHERE r.name NOT IN (SELECT n.name FROM jsonb_to_recordset(document -> 'rules') n(name text));
        END IF;
        INSERT INTO leadscore.rule AS r
            (name, kind, activity_types, condition, person_kinds, statuses, points, relevant_for, decay, max_per_day,
             max_counted, inactive_for, repeat_every, max_repeats, effective_from, enabled)
        SELECT n.name, n.kind, n.activity_types, n.condition, n.person_kinds, n.statuses, n.points, n.relevant_for, n.decay, n.max_per_day,
               n.max_counted, n.inactive_for, n.repeat_every, n.max_repeats, n.effective_from, n.enabled
        FROM leadscore._document_rules(document) n
        ON CONFLICT (tenant, name) DO UPDATE SET
            kind = EXCLUDED.kind, activity_types = EXCLUDED.activity_types, condition = EXCLUDED.condition,
            person_kinds = EXCLUDED.person_kinds, statuses = EXCLUDED.statuses, points = EXCLUDED.points,
            relevant_for = EXCLUDED.relevant_for, decay = EXCLUDED.decay, max_per_day = EXCLUDED.max_per_day,
            max_counted = EXCLUDED.max_counted, inactive_for = EXCLUDED.inactive_for, repeat_every = EXCLUDED.repeat_every,
            max_repeats = EXCLUDED.max_repeats, effective_from = EXCLUDED.effective_from, enabled = EXCLUDED.enabled
        WHERE to_jsonb(r) - 'rule_id' - 'created_at' <> to_jsonb(EXCLUDED) - 'rule_id' - 'created_at';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._apply_config(jsonb, boolean) IS 'Brings the configuration to a document, all of it or nothing';

CREATE FUNCTION leadscore.import_config(config jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._require_tests_pass(config);
    PERFORM leadscore._apply_config(config, true);
END $$;
COMMENT ON FUNCTION leadscore.import_config(jsonb) IS 'Makes a document the configuration: a section that it has replaces that section, rules are matched by name; all or nothing, and nothing when a test that it carries fails';

CREATE FUNCTION leadscore.load_preset(name text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT leadscore._apply_config(leadscore._preset(name), false);
END;
COMMENT ON FUNCTION leadscore.load_preset(text) IS 'Adds the activity types, categories and rules of a preset: recruitment or recruitment_nl';

CREATE FUNCTION leadscore.config_schema() RETURNS jsonb
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'config_schema_wrapper';
COMMENT ON FUNCTION leadscore.config_schema() IS 'The JSON Schema of a configuration document';
