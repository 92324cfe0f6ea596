-- Rules, categories, scorecards, activity types and settings as one document. A column of these tables is in it by itself:
-- nothing here lists them.

CREATE FUNCTION leadscore._checked_config(config text, tenant text DEFAULT NULL) RETURNS jsonb
LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', 'checked_document_wrapper';
COMMENT ON FUNCTION leadscore._checked_config(text, text) IS 'The document, of a tenant if one is named, with its types checked; an error names the path to the field that is wrong';

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

-- PostgreSQL prints every key in quotes and a predicate in parentheses. What is in quotes after a dot is a key: within a
-- string the quotes would have backslashes.
CREATE FUNCTION leadscore._path(path jsonpath) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN p.words ~ '^\(([^()"]|"([^"\\]|\\.)*")*\)$' THEN substr(p.words, 2, length(p.words) - 2) ELSE p.words END
    FROM regexp_replace(path::text, '\."([A-Za-z_][A-Za-z0-9_]*)"', '.\1', 'g') p(words);
END;
COMMENT ON FUNCTION leadscore._path(jsonpath) IS 'An SQL/JSON path as people write it';

CREATE FUNCTION leadscore._as_document(written jsonb, of regclass) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce(jsonb_object_agg(c.key, CASE a.atttypid WHEN 'interval'::regtype THEN to_jsonb(leadscore._length((c.value #>> '{}')::interval))
                                                            WHEN 'jsonpath'::regtype THEN to_jsonb(leadscore._path((c.value #>> '{}')::jsonpath))
                                                            ELSE c.value END), '{}')
    FROM jsonb_each(written) c
    JOIN pg_attribute a ON a.attrelid = of AND a.attname = c.key
    WHERE c.value <> 'null';
END;
COMMENT ON FUNCTION leadscore._as_document(jsonb, regclass) IS 'A row of a table as documents have it: without NULLs, with lengths of time and filters as people write them';

CREATE FUNCTION leadscore.export_config(tenant text DEFAULT NULL) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE WHEN export_config.tenant IS NULL THEN jsonb_build_object(
        'settings', (SELECT leadscore._as_document(to_jsonb(s) - 'one_row', 'leadscore.settings') FROM leadscore.settings s),
        'activity_types', (SELECT coalesce(jsonb_agg(leadscore._as_document(to_jsonb(t), 'leadscore.activity_type') ORDER BY t.activity_type), '[]')
                           FROM leadscore.activity_type t),
        'scorecards', (SELECT coalesce(jsonb_agg(leadscore._as_document(to_jsonb(c) - 'recorded_at', 'leadscore.scorecard')
                                                 ORDER BY c.scorecard <> 'main', c.scorecard), '[]')
                       FROM leadscore.scorecard c)) ELSE '{}' END
        || jsonb_build_object(
        'categories', (SELECT coalesce(jsonb_agg(leadscore._as_document(to_jsonb(c) - '{category_id,tenant,recorded_at}'::text[], 'leadscore.category')
                                                 ORDER BY c.scorecard <> 'main', c.scorecard, c.person_kind NULLS FIRST, c.min_score NULLS FIRST), '[]')
                       FROM leadscore.category c WHERE c.tenant IS NOT DISTINCT FROM export_config.tenant),
        -- A rule of before can have max_repeats that limit nothing.
        'rules', (SELECT coalesce(jsonb_agg(leadscore._as_document(to_jsonb(r) - '{rule_id,tenant,created_at}'::text[]
                                                                   - CASE WHEN r.repeat_every IS NULL THEN 'max_repeats' ELSE '' END, 'leadscore.rule')
                                            ORDER BY r.name), '[]')
                  FROM leadscore.rule r WHERE r.tenant IS NOT DISTINCT FROM export_config.tenant));
END;
COMMENT ON FUNCTION leadscore.export_config(text) IS 'Rules, categories, scorecards, activity types and settings as one document; of a tenant, its own rules and categories';

-- The rules of a checked document as rows, with the ids of those that are there by that name;
-- others have negative ones, which no stored rule has.
CREATE FUNCTION leadscore._document_rules(document jsonb, tenant text DEFAULT NULL) RETURNS SETOF leadscore.rule
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT x.*
    FROM jsonb_array_elements(document -> 'rules') WITH ORDINALITY n(rule, nth)
    LEFT JOIN leadscore.rule r ON r.name = n.rule ->> 'name' AND r.tenant IS NOT DISTINCT FROM _document_rules.tenant
    CROSS JOIN LATERAL (SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}') AS given
                        FROM jsonb_each(n.rule) e WHERE e.value <> 'null') g
    CROSS JOIN LATERAL jsonb_populate_record(NULL::leadscore.rule,
        -- Columns that are not NULL by default.
        '{"scorecard": "main", "kind": "activity", "decay": "none", "excused_by_planned": false, "enabled": true}'::jsonb || g.given
        || jsonb_build_object('rule_id', coalesce(r.rule_id, -n.nth::int), 'tenant', _document_rules.tenant, 'created_at', coalesce(r.created_at, now()))) x;
END;
COMMENT ON FUNCTION leadscore._document_rules(jsonb, text) IS 'The rules of a checked document as rows';

CREATE FUNCTION leadscore._document_categories(document jsonb, tenant text DEFAULT NULL) RETURNS SETOF leadscore.category
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT x.*
    FROM jsonb_array_elements(document -> 'categories') WITH ORDINALITY n(category, nth)
    LEFT JOIN leadscore.category c ON c.name = n.category ->> 'name' AND c.scorecard = coalesce(n.category ->> 'scorecard', 'main')
        AND c.person_kind IS NOT DISTINCT FROM n.category ->> 'person_kind' AND c.tenant IS NOT DISTINCT FROM _document_categories.tenant
    CROSS JOIN LATERAL jsonb_populate_record(NULL::leadscore.category, n.category || jsonb_build_object(
        'category_id', coalesce(c.category_id, -n.nth::int), 'tenant', _document_categories.tenant, 'scorecard', coalesce(n.category ->> 'scorecard', 'main'),
        'recorded_at', coalesce(c.recorded_at, now()))) x;
END;
COMMENT ON FUNCTION leadscore._document_categories(jsonb, text) IS 'The categories of a checked document as rows, with the ids of those that are there, and negative ones';

-- Lengths of time, days and filters are text in JSON: what PostgreSQL cannot read is named by its path.
CREATE FUNCTION leadscore._check_times(document jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item    record;
    problem text;
BEGIN
    FOR item IN
        SELECT 'settings.' || a.attname AS path, a.atttypid::regtype::text AS sort, document -> 'settings' ->> a.attname AS value
        FROM pg_attribute a WHERE a.attrelid = 'leadscore.settings'::regclass AND a.atttypid = 'interval'::regtype
        UNION ALL
        SELECT format('rules[%s].%s', r.nth - 1, a.attname), a.atttypid::regtype::text, r.rule ->> a.attname
        FROM jsonb_array_elements(document -> 'rules') WITH ORDINALITY r(rule, nth)
        JOIN pg_attribute a ON a.attrelid = 'leadscore.rule'::regclass AND a.atttypid IN ('interval'::regtype, 'date'::regtype, 'jsonpath'::regtype)
        UNION ALL
        SELECT format('tests[%s].person.since', t.nth - 1), 'moment', t.test #>> '{person,since}'
        FROM jsonb_array_elements(document -> 'tests') WITH ORDINALITY t(test, nth)
        UNION ALL
        SELECT format('tests[%s].%s[%s].on', t.nth - 1, f.name, i.nth - 1), f.sort, i.item ->> 'on'
        FROM jsonb_array_elements(document -> 'tests') WITH ORDINALITY t(test, nth)
        CROSS JOIN (VALUES ('activities', 'moment'), ('expect', 'date')) f(name, sort)
        CROSS JOIN jsonb_array_elements(t.test -> f.name) WITH ORDINALITY i(item, nth)
    LOOP
        CONTINUE WHEN item.value IS NULL;
        problem := NULL;
        BEGIN
            CASE item.sort
                WHEN 'interval' THEN PERFORM item.value::interval;
                WHEN 'date' THEN PERFORM item.value::date;
                WHEN 'jsonpath' THEN problem := leadscore._no_predicate(item.value::jsonpath);
                ELSE PERFORM item.value::timestamp;
            END CASE;
        EXCEPTION
            WHEN data_exception THEN
                problem := format('%L is no %s.', item.value, CASE item.sort WHEN 'interval' THEN 'length of time' WHEN 'date' THEN 'day' ELSE item.sort END);
            WHEN syntax_error THEN
                problem := format('It cannot be read: %s.', SQLERRM);
        END;
        IF problem IS NOT NULL THEN
            RAISE invalid_parameter_value USING
                MESSAGE = format('configuration: %s is not as expected', item.path),
                DETAIL = problem,
                HINT = CASE item.sort WHEN 'interval' THEN 'Write days, weeks, months or years, such as "60 days" or "3 months".'
                                      WHEN 'date' THEN 'Write a day as 2026-01-31.'
                                      WHEN 'jsonpath' THEN 'Write a comparison, such as "$.minutes >= 30 && $.channel == \"video\"".'
                                      ELSE 'Write a day, or a day and a time, such as 2026-01-31 or 2026-01-31 14:30.' END;
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION leadscore._check_times(jsonb) IS 'Refuses a document with a length of time, a day, a moment or a filter that cannot be read';

-- Rows into a table of the configuration, matched by a key: those that differ from what is there. The columns come from
-- the catalog; left_alone are those that a document does not have.
CREATE FUNCTION leadscore._write_configuration(target regclass, written jsonb, key text[], left_alone text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' AS $$
DECLARE
    columns text := (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
                     WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> ALL (left_alone));
    values  text := (SELECT string_agg('excluded.' || quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
                     WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> ALL (left_alone));
BEGIN
    EXECUTE format('SELECT jsonb_agg(to_jsonb(n)) FROM jsonb_populate_recordset(NULL::%1$s, $1) n
                    WHERE NOT EXISTS (SELECT FROM %1$s t WHERE to_jsonb(t) - $2 = to_jsonb(n) - $2)', target)
    INTO written USING written, left_alone;
    IF written IS NOT NULL THEN
        EXECUTE format('INSERT INTO %1$s (%2$s) SELECT %2$s FROM jsonb_populate_recordset(NULL::%1$s, $1)
                        ON CONFLICT (%4$s) DO UPDATE SET (%2$s) = ROW(%3$s)',
                       target, columns, values, (SELECT string_agg(quote_ident(k), ', ') FROM unnest(key) k))
        USING written;
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._write_configuration(regclass, jsonb, text[], text[]) IS 'Inserts and updates rows of the configuration that differ from what is there';

-- A category gives way to those of a document: they replace all, or those for the same scorecard and kind.
CREATE FUNCTION leadscore._gives_way(old leadscore.category, bands leadscore.category[], replace boolean) RETURNS boolean
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT NOT EXISTS (SELECT FROM unnest(bands) b WHERE b = old)
       AND (replace OR EXISTS (SELECT FROM unnest(bands) b WHERE b.scorecard = old.scorecard AND b.person_kind IS NOT DISTINCT FROM old.person_kind));
END;
COMMENT ON FUNCTION leadscore._gives_way(leadscore.category, leadscore.category[], boolean) IS 'Whether a category goes, or changes, when a document''s categories are applied';

-- With replace, a section that the document has is the whole of that section afterwards;
-- without, the document only adds and changes, and its categories take the place of those for
-- the same scorecards and kinds. Activity types are never removed. With a tenant all of it is about that tenant's rows alone.
CREATE FUNCTION leadscore._apply_config(config jsonb, replace boolean, tenant text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' AS $$
DECLARE
    document jsonb;
    settings leadscore.settings;
    wanted   leadscore.settings;
    bands    leadscore.category[];
    gone     text[];
BEGIN
    IF _apply_config.tenant = '' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'configuration: the tenant is empty',
            DETAIL = 'A tenant has a name, as leadscore.person.tenant has it.',
            HINT = 'Leave it NULL for what is everybody''s.';
    END IF;
    document := leadscore._checked_config(config::text, _apply_config.tenant);
    PERFORM leadscore._check_times(document);

    -- Editors wait for each other before they look at what is there: a statement that changes nothing, of which the
    -- privileges are needed anyway.
    IF document ? 'rules' THEN
        UPDATE leadscore.rule SET points = points WHERE false;
    ELSIF document ? 'categories' THEN
        DELETE FROM leadscore.category WHERE false;
    ELSIF document ? 'scorecards' THEN
        UPDATE leadscore.scorecard SET part_of = part_of WHERE false;
    ELSIF document ? 'settings' THEN
        UPDATE leadscore.settings SET time_zone = time_zone WHERE false;
    END IF;

    IF document ? 'settings' THEN
        SELECT s.* INTO settings FROM leadscore.settings s;
        wanted := CASE WHEN replace THEN jsonb_populate_record(NULL::leadscore.settings,
                                             '{"one_row": true, "scoring": "at_once"}' || jsonb_strip_nulls(document -> 'settings'))
                       ELSE jsonb_populate_record(settings, document -> 'settings') END;
    END IF;

    IF document ? 'activity_types' THEN
        INSERT INTO leadscore.activity_type AS t (activity_type, description)
        SELECT n.activity_type, n.description
        FROM jsonb_to_recordset(document -> 'activity_types') n(activity_type text, description text)
        ON CONFLICT (activity_type) DO UPDATE SET description = EXCLUDED.description
        WHERE t.description IS DISTINCT FROM EXCLUDED.description;
    END IF;

    -- After the types, as one can be the outcome.
    IF to_jsonb(settings) <> to_jsonb(wanted) THEN
        EXECUTE format('UPDATE leadscore.settings SET (%1$s) = (SELECT %1$s FROM (SELECT ($1).*) n)',
                       (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
                        WHERE a.attrelid = 'leadscore.settings'::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> 'one_row'))
        USING wanted;
    END IF;

    PERFORM leadscore._write_configuration('leadscore.scorecard',
        coalesce(document -> 'scorecards', '[]')
        || CASE WHEN replace AND document ? 'scorecards' AND NOT document -> 'scorecards' @> '[{"scorecard": "main"}]'
                THEN '[{"scorecard": "main"}]' ELSE '[]' END::jsonb, '{scorecard}', '{recorded_at}');

    IF document ? 'categories' THEN
        bands := ARRAY(SELECT b FROM leadscore._document_categories(document, _apply_config.tenant) b);
        -- Bounds move past each other, so what changes makes place first; a category keeps its id.
        IF EXISTS (SELECT FROM leadscore.category c
                   WHERE c.tenant IS NOT DISTINCT FROM _apply_config.tenant AND leadscore._gives_way(c, bands, replace)) THEN
            DELETE FROM leadscore.category c
            WHERE c.tenant IS NOT DISTINCT FROM _apply_config.tenant AND leadscore._gives_way(c, bands, replace);
        END IF;
        IF EXISTS (SELECT FROM unnest(bands) b WHERE NOT EXISTS (SELECT FROM leadscore.category c WHERE c = b)) THEN
            INSERT INTO leadscore.category
            SELECT x.*
            FROM unnest(bands) b
            CROSS JOIN LATERAL jsonb_populate_record(b, CASE WHEN b.category_id < 0
                THEN jsonb_build_object('category_id', nextval('leadscore.category_category_id_seq')) ELSE '{}' END) x
            WHERE NOT EXISTS (SELECT FROM leadscore.category c WHERE c.category_id = b.category_id);
        END IF;
    END IF;

    IF document ? 'rules' THEN
        gone := ARRAY(SELECT r.name FROM leadscore.rule r
                      WHERE replace AND r.tenant IS NOT DISTINCT FROM _apply_config.tenant
                        AND r.name NOT IN (SELECT n.name FROM jsonb_to_recordset(document -> 'rules') n(name text)));
        IF gone <> '{}' THEN
            DELETE FROM leadscore.rule r WHERE r.tenant IS NOT DISTINCT FROM _apply_config.tenant AND r.name = ANY (gone);
        END IF;
        PERFORM leadscore._write_configuration('leadscore.rule',
            (SELECT jsonb_agg(to_jsonb(r)) FROM leadscore._document_rules(document, _apply_config.tenant) r), '{tenant,name}', '{rule_id,created_at}');
    END IF;

    IF replace AND document ? 'scorecards' THEN
        gone := ARRAY(SELECT c.scorecard FROM leadscore.scorecard c
                      WHERE c.scorecard <> 'main'
                        AND c.scorecard NOT IN (SELECT n.scorecard FROM jsonb_to_recordset(document -> 'scorecards') n(scorecard text)));
        IF gone <> '{}' THEN
            DELETE FROM leadscore.scorecard c WHERE c.scorecard = ANY (gone);
        END IF;
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._apply_config(jsonb, boolean, text) IS 'Brings the configuration to a document, all of it or nothing';

CREATE FUNCTION leadscore.import_config(config jsonb, tenant text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._require_tests_pass(config, import_config.tenant);
    PERFORM leadscore._apply_config(config, true, import_config.tenant);
END $$;
COMMENT ON FUNCTION leadscore.import_config(jsonb, text) IS 'Makes a document the configuration, or a tenant''s own rules and categories: a section that it has replaces that section, rules are matched by name; all or nothing, and nothing when a test that it carries fails';

-- For a tenant, what is common to all is only added where it lacks.
CREATE FUNCTION leadscore.load_preset(name text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    preset jsonb := leadscore._preset(load_preset.name);
    common jsonb;
BEGIN
    IF load_preset.tenant IS NOT NULL THEN
        common := jsonb_build_object(
            'activity_types', (SELECT jsonb_agg(t.section) FROM jsonb_array_elements(preset -> 'activity_types') t(section)
                               WHERE NOT EXISTS (SELECT FROM leadscore.activity_type k WHERE k.activity_type = t.section ->> 'activity_type')),
            'scorecards', (SELECT jsonb_agg(c.section) FROM jsonb_array_elements(preset -> 'scorecards') c(section)
                           WHERE NOT EXISTS (SELECT FROM leadscore.scorecard k WHERE k.scorecard = c.section ->> 'scorecard')));
        IF jsonb_strip_nulls(common) <> '{}' THEN
            PERFORM leadscore._apply_config(jsonb_strip_nulls(common), false);
        END IF;
        preset := preset - '{settings,activity_types,scorecards}'::text[];
    END IF;
    PERFORM leadscore._apply_config(preset, false, load_preset.tenant);
END $$;
COMMENT ON FUNCTION leadscore.load_preset(text, text) IS 'Adds the activity types, scorecards, categories and rules of a preset: recruitment or recruitment_nl; for a tenant, as rules and categories of its own';

CREATE FUNCTION leadscore.config_schema() RETURNS jsonb
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'config_schema_wrapper';
COMMENT ON FUNCTION leadscore.config_schema() IS 'The JSON Schema of a configuration document';
