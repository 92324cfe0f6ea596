-- The meaning of a score once more, over rows that are assumed instead of stored: another
-- configuration, or persons that do not exist. The views and functions are those of derive.sql,
-- made again from their own definitions; only the tables that they read are others, so that
-- scoring itself pays nothing for it and there is no second text that could come to differ.
--
-- What is assumed is one document in the setting leadscore.what_if, which lasts as long as the
-- function that sets it. Nothing that writes reads it.

CREATE SCHEMA leadscore_what_if;
COMMENT ON SCHEMA leadscore_what_if IS 'What leadscore.preview() and test_config() derive from; internal';

CREATE FUNCTION leadscore_what_if.assumed(part text) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('leadscore.what_if', true), '')::jsonb -> part;
COMMENT ON FUNCTION leadscore_what_if.assumed(text) IS 'A part of what is assumed; NULL: as it is stored';

CREATE VIEW leadscore_what_if.settings WITH (security_invoker = true) AS
SELECT s.* FROM jsonb_populate_recordset(NULL::leadscore.settings, leadscore_what_if.assumed('settings')) s;
COMMENT ON VIEW leadscore_what_if.settings IS 'The settings assumed';
CREATE VIEW leadscore_what_if.activity_type WITH (security_invoker = true) AS
SELECT t.* FROM jsonb_populate_recordset(NULL::leadscore.activity_type, leadscore_what_if.assumed('activity_types')) t;
COMMENT ON VIEW leadscore_what_if.activity_type IS 'The activity types assumed';
CREATE VIEW leadscore_what_if.rule WITH (security_invoker = true) AS
SELECT r.* FROM jsonb_populate_recordset(NULL::leadscore.rule, leadscore_what_if.assumed('rules')) r;
COMMENT ON VIEW leadscore_what_if.rule IS 'The rules assumed';
CREATE VIEW leadscore_what_if.category WITH (security_invoker = true) AS
SELECT c.* FROM jsonb_populate_recordset(NULL::leadscore.category, leadscore_what_if.assumed('categories')) c;
COMMENT ON VIEW leadscore_what_if.category IS 'The categories assumed';

CREATE VIEW leadscore_what_if.person WITH (security_invoker = true) AS
SELECT p.* FROM leadscore.person p WHERE leadscore_what_if.assumed('persons') IS NULL
UNION ALL
SELECT p.* FROM jsonb_populate_recordset(NULL::leadscore.person, leadscore_what_if.assumed('persons')) p;
COMMENT ON VIEW leadscore_what_if.person IS 'The persons assumed, or those that there are';
CREATE VIEW leadscore_what_if.activity WITH (security_invoker = true) AS
SELECT a.* FROM leadscore.activity a WHERE leadscore_what_if.assumed('persons') IS NULL
UNION ALL
SELECT a.* FROM jsonb_populate_recordset(NULL::leadscore.activity, leadscore_what_if.assumed('activities')) a;
COMMENT ON VIEW leadscore_what_if.activity IS 'The activities of the persons assumed, or those that there are';
CREATE VIEW leadscore_what_if.adjustment WITH (security_invoker = true) AS
SELECT j.* FROM leadscore.adjustment j WHERE leadscore_what_if.assumed('persons') IS NULL;
COMMENT ON VIEW leadscore_what_if.adjustment IS 'The adjustments, unless persons are assumed';
CREATE VIEW leadscore_what_if.person_consent WITH (security_invoker = true) AS
SELECT c.* FROM leadscore.person_consent c WHERE leadscore_what_if.assumed('persons') IS NULL;
COMMENT ON VIEW leadscore_what_if.person_consent IS 'What persons consented to, unless persons are assumed';

-- An update that changes derive.sql or the tables runs this again.
DO $$
DECLARE
    path text := current_setting('search_path');
    part text;
    definition text;
BEGIN
    -- Definitions come with qualified names only where the search_path does not reach them.
    PERFORM set_config('search_path', 'pg_catalog', true);
    FOREACH part IN ARRAY ARRAY['scoring_day', '_rule_by_type', '_matching_rule', '_match', '_plain_record', '_capped_record', '_online_rule',
                                '_spell', '_penalty', '_other_candidate', '_candidate', '_derived', '_band', '_band_at'] LOOP
        definition := coalesce(
            (SELECT pg_get_functiondef(p.oid) FROM pg_proc p WHERE p.pronamespace = 'leadscore'::regnamespace AND p.proname = part),
            (SELECT format('CREATE VIEW leadscore.%s WITH (security_invoker = true) AS %s', part, pg_get_viewdef(c.oid))
             FROM pg_class c WHERE c.relnamespace = 'leadscore'::regnamespace AND c.relname = part AND c.relkind = 'v'));
        EXECUTE regexp_replace(replace(definition, 'CREATE OR REPLACE', 'CREATE'),
            '\mleadscore\.(settings|activity_type|rule|category|person|person_consent|activity|adjustment|scoring_day|_rule_by_type|_matching_rule'
            || '|_match|_plain_record|_capped_record|_online_rule|_spell|_penalty|_other_candidate|_candidate|_derived|_band|_band_at)\M', 'leadscore_what_if.\1', 'g');
        IF EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = 'leadscore_what_if'::regnamespace AND c.relname = part) THEN
            EXECUTE format('COMMENT ON VIEW leadscore_what_if.%I IS %L', part, 'leadscore.' || part || ' over what is assumed');
        ELSE
            EXECUTE format('COMMENT ON FUNCTION leadscore_what_if.%I IS %L', part, 'leadscore.' || part || '() over what is assumed');
        END IF;
    END LOOP;
    PERFORM set_config('search_path', path, true);
END $$;

-- All of it runs with the rights of who asks: without SELECT on leadscore's own tables there is
-- nothing to see here.
GRANT USAGE ON SCHEMA leadscore_what_if TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA leadscore_what_if TO PUBLIC;

-- A section that the document leaves out stays as it is, as in an import.
CREATE FUNCTION leadscore._assumption(document jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' AS $$
DECLARE
    time_zone  text := coalesce(document #>> '{settings,time_zone}', (SELECT s.time_zone FROM leadscore.settings s));
    types      text[];
    rules      jsonb;
    categories jsonb;
BEGIN
    PERFORM leadscore._check_times(document);
    PERFORM leadscore._require_time_zone(time_zone),
            leadscore._check_outbox(document #>> '{settings,notify_channel}', (document #>> '{settings,keep_category_changes}')::interval);
    types := ARRAY(SELECT t.activity_type FROM leadscore.activity_type t
                   UNION
                   SELECT n.activity_type FROM jsonb_to_recordset(document -> 'activity_types') n(activity_type text));
    IF document ? 'rules' THEN
        PERFORM leadscore._check_assumed_rule(r, types) FROM leadscore._document_rules(document) r;
        rules := (SELECT jsonb_agg(to_jsonb(r)) FROM leadscore._document_rules(document) r);
    ELSE
        rules := (SELECT jsonb_agg(to_jsonb(r)) FROM leadscore.rule r);
    END IF;
    IF document ? 'categories' THEN
        categories := document -> 'categories';
        PERFORM leadscore._refuse_bound(c.name, c.other, c.person_kind, c.min_score)
        FROM (SELECT n.*, lag(n.name) OVER (PARTITION BY n.person_kind, n.min_score ORDER BY n.nth) AS other
              FROM ROWS FROM (jsonb_to_recordset(categories) AS (name text, person_kind text, min_score bigint))
                   WITH ORDINALITY n(name, person_kind, min_score, nth)) c
        WHERE c.other IS NOT NULL;
    ELSE
        categories := (SELECT jsonb_agg(to_jsonb(c)) FROM leadscore.category c);
    END IF;
    RETURN jsonb_build_object(
        'settings', jsonb_build_array(jsonb_build_object('time_zone', time_zone)),
        'activity_types', (SELECT jsonb_agg(jsonb_build_object('activity_type', t)) FROM unnest(types) t),
        'rules', coalesce(rules, '[]'),
        'categories', coalesce(categories, '[]'));
END $$;
COMMENT ON FUNCTION leadscore._assumption(jsonb) IS 'What a checked document makes of the configuration that there is, for the setting leadscore.what_if';
