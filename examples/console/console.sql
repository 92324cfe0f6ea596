-- The console's side of the database: who may sign in, what the two roles may do, and a function for each page and button.
-- As a superuser, once:   psql -v ON_ERROR_STOP=1 -f console.sql DATABASE
--
-- The server logs in as "console", which can do nothing but take one of two roles: console_look reads, console_set also edits.
-- Row-level security shows both the persons, rules and changes of one tenant, that of app.tenant; unset, those without a tenant.

BEGIN;
SET LOCAL client_min_messages = warning;

SELECT format('CREATE ROLE %I %s', name, attributes)
FROM (VALUES ('console_look', 'NOLOGIN'), ('console_set', 'NOLOGIN'), ('console', 'LOGIN NOINHERIT')) r(name, attributes)
WHERE to_regrole(name) IS NULL \gexec
GRANT console_look TO console_set;
GRANT console_look, console_set TO console;

CREATE SCHEMA console;
GRANT USAGE ON SCHEMA console TO console, console_look;

-- ── What a tenant sees ───────────────────────────────────────────────────────────────────────────────────────

-- A setting that a transaction had made is empty after it.
CREATE FUNCTION console.tenant() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('app.tenant', true), '');
CREATE FUNCTION console.account() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('app.account', true), '');
CREATE FUNCTION console.language() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(nullif(current_setting('app.language', true), ''), 'en');

-- Policies for every table that names a tenant or a person, and for what only those without a tenant edit. Who could reach a
-- table before it had policies (roles with a privilege on it) still can; who gets a privilege later needs a policy of their own.
WITH policed AS (
    SELECT c.oid, c.relname, c.relacl, c.relowner, c.relrowsecurity,
           CASE WHEN 'tenant' = ANY (a.columns) THEN 'tenant IS NOT DISTINCT FROM (SELECT console.tenant())'
                WHEN 'person_id' = ANY (a.columns) THEN format('person_id IS NULL OR EXISTS (SELECT FROM leadscore.person p WHERE p.person_id = %I.person_id)', c.relname)
                ELSE '(SELECT console.tenant()) IS NULL' END AS own,
           CASE WHEN c.relname IN ('rule', 'category', 'configuration_change') THEN 'tenant IS NULL' WHEN NOT a.columns && '{tenant,person_id}' THEN 'true' END AS common
    FROM pg_class c
    CROSS JOIN LATERAL (SELECT array_agg(x.attname::text) AS columns FROM pg_attribute x WHERE x.attrelid = c.oid) a
    WHERE c.relnamespace = 'leadscore'::regnamespace AND c.relkind = 'r'
      AND (a.columns && '{tenant,person_id}' OR c.relname IN ('settings', 'scorecard', 'activity_type'))
), before AS (
    SELECT p.oid, string_agg(DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END, ', ') AS roles
    FROM policed p
    CROSS JOIN LATERAL (SELECT x.grantee FROM aclexplode(p.relacl) x
                        UNION ALL SELECT x.grantee FROM pg_attribute t, aclexplode(t.attacl) x WHERE t.attrelid = p.oid) a
    WHERE NOT p.relrowsecurity AND a.grantee <> p.relowner GROUP BY p.oid
)
SELECT format('CREATE POLICY console_before ON leadscore.%I TO ', relname) || b.roles || ' USING (true)',
       format('ALTER TABLE leadscore.%I ENABLE ROW LEVEL SECURITY', relname),
       format('CREATE POLICY console_own ON leadscore.%I TO console_look USING (%s)', relname, own),
       format('CREATE POLICY console_common ON leadscore.%I FOR SELECT TO console, console_look USING ', relname) || '(' || common || ')'
FROM policed LEFT JOIN before b USING (oid) \gexec

-- What questions read. Of a run, when it was: how many of all customers it changed is for console.operations() to say.
GRANT USAGE ON SCHEMA leadscore TO console, console_look;
GRANT SELECT ON leadscore.settings TO console;
GRANT SELECT ON leadscore.settings, leadscore.state, leadscore.instance, leadscore.activity_type, leadscore.scorecard, leadscore.person,
    leadscore.activity, leadscore.adjustment, leadscore.score_record, leadscore.person_score, leadscore.due, leadscore.pending,
    leadscore.person_consent, leadscore.category_change, leadscore.rule, leadscore.category, leadscore.configuration_change,
    leadscore.worklist, leadscore.status TO console_look;
GRANT SELECT (run_id, scored_on, started_at, finished_at) ON leadscore.run TO console_look;
-- An import asks for all of these, even one without activity types.
GRANT INSERT, UPDATE, DELETE ON leadscore.rule, leadscore.category, leadscore.scorecard, leadscore.activity_type TO console_set;
GRANT UPDATE ON leadscore.settings TO console_set;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA leadscore TO console_set;
GRANT EXECUTE ON FUNCTION leadscore_recompute(timestamptz, boolean), leadscore.adjust(bigint, int, text, date, date, text),
    leadscore.unadjust(bigint) TO console_set;

-- ── Accounts, edits that are not published, tests ────────────────────────────────────────────────────────────

CREATE TABLE console.account (
    account  text PRIMARY KEY,
    password text NOT NULL,
    tenant   text,
    owner    text,
    may_set  boolean NOT NULL DEFAULT false,
    language text NOT NULL DEFAULT 'en' CHECK (language IN ('en', 'nl'))
);
COMMENT ON TABLE console.account IS 'Who may sign in: password as a hash, whose data (NULL: of no tenant), whose persons the worklist begins with, and whether rules may be set';
GRANT SELECT, UPDATE (language) ON console.account TO console;

CREATE TABLE console.edit (
    account   text NOT NULL DEFAULT console.account() REFERENCES console.account ON DELETE CASCADE,
    section   text NOT NULL,
    name      text NOT NULL,
    was       jsonb,
    becomes   jsonb,
    edited_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account, section, name)
);
COMMENT ON TABLE console.edit IS 'What an account edited and has not published: an item of the configuration as it was when the edit began, and as it is to be (NULL: gone)';
ALTER TABLE console.edit ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON console.edit TO console_look USING (account = console.account());
CREATE POLICY counted ON console.edit FOR SELECT TO console USING (true);
GRANT SELECT ON console.edit TO console, console_look;
GRANT INSERT, UPDATE, DELETE ON console.edit TO console_set;

CREATE TABLE console.publication (
    configuration_change_id bigint PRIMARY KEY,
    account                 text NOT NULL DEFAULT console.account()
);
COMMENT ON TABLE console.publication IS 'Whose changes of the configuration they were: for leadscore all are made by the role console';
GRANT SELECT ON console.publication TO console_look;
GRANT INSERT ON console.publication TO console_set;

CREATE TABLE console.test (
    tenant text DEFAULT console.tenant(),
    test   jsonb NOT NULL
);
COMMENT ON TABLE console.test IS 'Tests that go with what is published, as "tests" of a configuration: when one fails, nothing is published';
ALTER TABLE console.test ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON console.test USING (tenant IS NOT DISTINCT FROM console.tenant());
GRANT SELECT ON console.test TO console_look;

-- ── A configuration as single items ──────────────────────────────────────────────────────────────────────────

-- The bands of a scorecard, or of a kind on it, are one item.
CREATE FUNCTION console.items(document jsonb) RETURNS TABLE (section text, name text, item jsonb)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'settings', 'settings', document -> 'settings' WHERE document ? 'settings'
    UNION ALL
    SELECT 'scorecards', s ->> 'scorecard', s FROM jsonb_array_elements(document -> 'scorecards') s
    UNION ALL
    SELECT 'categories', concat_ws(' ', c ->> 'scorecard', c ->> 'person_kind'), jsonb_agg(c ORDER BY (c ->> 'min_score')::bigint NULLS FIRST)
    FROM jsonb_array_elements(document -> 'categories') c GROUP BY 2
    UNION ALL
    SELECT 'rules', r ->> 'name', r FROM jsonb_array_elements(document -> 'rules') r
$$;

CREATE FUNCTION console.present() RETURNS TABLE (section text, name text, item jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT i.* FROM leadscore.export_config(console.tenant()) d, console.items(d) i
$$;

-- The configuration with the account's edits. An edit is overtaken when somebody else changed its item since it began.
CREATE VIEW console.draft WITH (security_invoker = true) AS
SELECT section, name, p.item AS present, CASE WHEN e.account IS NULL THEN p.item ELSE e.becomes END AS item,
       e.account IS NOT NULL AS edited, e.account IS NOT NULL AND e.was IS DISTINCT FROM p.item AS overtaken
FROM console.present() p FULL JOIN console.edit e USING (section, name);
GRANT SELECT ON console.draft TO console_look;

CREATE FUNCTION console.document() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
               'rules', coalesce(jsonb_agg(item ORDER BY name) FILTER (WHERE section = 'rules'), '[]'),
               'categories', (SELECT coalesce(jsonb_agg(c), '[]') FROM console.draft b, jsonb_array_elements(b.item) c WHERE b.section = 'categories'))
        || CASE WHEN console.tenant() IS NOT NULL THEN '{}' ELSE jsonb_build_object(
               'scorecards', jsonb_agg(item) FILTER (WHERE section = 'scorecards'),
               'settings', jsonb_agg(item) FILTER (WHERE section = 'settings') -> 0) END
        || coalesce((SELECT jsonb_build_object('tests', jsonb_agg(t.test)) FROM console.test t HAVING count(*) > 0), '{}')
    FROM console.draft WHERE item IS NOT NULL
$$;

-- What is half typed need not be right yet.
CREATE FUNCTION console.words(section text, item jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE
        WHEN item IS NULL THEN NULL
        WHEN section = 'rules' THEN leadscore._in_words(jsonb_populate_record(NULL::leadscore.rule, item), console.language())
        WHEN section = 'categories' THEN (SELECT string_agg(concat_ws(' ≥ ', c ->> 'name', c ->> 'min_score'), ', ' ORDER BY (c ->> 'min_score')::bigint NULLS FIRST)
                                          FROM jsonb_array_elements(item) c)
        ELSE (SELECT string_agg(f.key || ' ' || f.value, ', ' ORDER BY f.key) FROM jsonb_each_text(item) f) END;
EXCEPTION WHEN data_exception THEN
    RETURN SQLERRM;
END $$;

CREATE FUNCTION console.differences(before jsonb, after jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('section', section, 'name', name, 'before', console.words(section, b.item),
                                                 'after', console.words(section, a.item)) ORDER BY section, name), '[]')
    FROM console.items(before) b FULL JOIN console.items(after) a USING (section, name)
    WHERE b.item IS DISTINCT FROM a.item
$$;

-- ── Pages ────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE FUNCTION console.colors() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('name', name, 'color', color) ORDER BY min_score NULLS FIRST), '[]')
    FROM (SELECT DISTINCT ON (c.name) c.name, c.color, c.min_score FROM leadscore.category c
          WHERE c.scorecard = 'main' ORDER BY c.name, c.tenant NULLS LAST) c
$$;

CREATE FUNCTION console.worklist(owner text, kind text, category text, search text, most int) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
    SELECT jsonb_build_object(
        'persons', (SELECT jsonb_agg(w ORDER BY w.score DESC, w.person_id)
                    FROM (SELECT w.* FROM leadscore.worklist w
                          WHERE (worklist.owner IS NULL OR w.owner = worklist.owner) AND (worklist.kind IS NULL OR w.kind = worklist.kind)
                            AND (worklist.category IS NULL OR w.category = worklist.category)
                            AND (search IS NULL OR strpos(lower(concat_ws(' ', w.name, w.external_id)), lower(search)) > 0)
                          ORDER BY w.score DESC, w.person_id LIMIT most) w),
        'owners', (SELECT jsonb_agg(DISTINCT p.owner) FROM leadscore.person p WHERE p.active AND p.owner IS NOT NULL),
        'kinds', (SELECT jsonb_agg(DISTINCT p.kind) FROM leadscore.person p WHERE p.active),
        'categories', console.colors())
$$;

CREATE FUNCTION console.person(person_id bigint, scorecard text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
    SELECT jsonb_build_object(
        'person', to_jsonb(p),
        'scorecards', (SELECT jsonb_agg(s.scorecard ORDER BY s.scorecard <> 'main', s.scorecard) FROM leadscore.scorecard s),
        'not_counting', (SELECT jsonb_agg(e) FROM leadscore.explain(p.person_id, scorecard => person.scorecard) e WHERE NOT e.counts),
        'adjustments', (SELECT jsonb_agg(a ORDER BY a.adjustment_id DESC) FROM leadscore.adjustment a WHERE a.person_id = p.person_id),
        'changes', (SELECT jsonb_agg(c ORDER BY c.change_id DESC) FROM (SELECT c.* FROM leadscore.category_change c WHERE c.person_id = p.person_id
                    ORDER BY c.change_id DESC LIMIT 10) c))
    FROM leadscore.person p WHERE p.person_id = person.person_id
$$;

CREATE FUNCTION console.rules() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'scorecards', (SELECT jsonb_agg(s ORDER BY s.scorecard <> 'main', s.scorecard) FROM leadscore.scorecard s),
        'rules', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                      'key', r.name, 'rule', coalesce(r.item, r.present), 'words', console.words('rules', coalesce(r.item, r.present)),
                      'edited', r.edited, 'overtaken', r.overtaken, 'gone', r.item IS NULL, 'common', r.common) ORDER BY r.item ->> 'kind', coalesce(r.item ->> 'name', r.name)), '[]')
                  FROM (SELECT d.name, d.present, d.item, d.edited, d.overtaken, false AS common FROM console.draft d WHERE d.section = 'rules'
                        UNION ALL
                        SELECT i.name, i.item, i.item, false, false, true FROM console.items(leadscore.export_config()) i
                        WHERE console.tenant() IS NOT NULL AND i.section = 'rules'
                          AND NOT EXISTS (SELECT FROM console.draft d WHERE d.section = 'rules' AND d.item ->> 'name' = i.name)) r))
$$;

-- A rule, the schema of its form, and what there is to choose from.
CREATE FUNCTION console.rule(key text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'rule', coalesce((SELECT coalesce(d.item, d.present) FROM console.draft d WHERE d.section = 'rules' AND d.name = key),
                         (SELECT i.item FROM console.items(leadscore.export_config()) i WHERE i.section = 'rules' AND i.name = key)),
        'present', (SELECT d.present FROM console.draft d WHERE d.section = 'rules' AND d.name = key),
        'words', (SELECT console.words('rules', d.item) FROM console.draft d WHERE d.section = 'rules' AND d.name = key),
        'schema', leadscore.config_schema(),
        'activity_types', (SELECT jsonb_agg(t.activity_type ORDER BY t.activity_type) FROM leadscore.activity_type t),
        'person_kinds', (SELECT jsonb_agg(DISTINCT p.kind) FROM leadscore.person p),
        'statuses', (SELECT jsonb_agg(DISTINCT p.status) FROM leadscore.person p WHERE p.status IS NOT NULL),
        'scorecards', (SELECT jsonb_agg(s.scorecard ORDER BY s.scorecard <> 'main', s.scorecard) FROM leadscore.scorecard s))
$$;

-- The sets of bands, how many persons have which score and, where the room in each band but the lowest is given, bands for it.
CREATE FUNCTION console.bands(key text, rooms int[]) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
    WITH sets AS (
        SELECT d.name, d.item, d.edited FROM console.draft d WHERE d.section = 'categories' AND d.item IS NOT NULL
        UNION ALL
        SELECT i.name, i.item, false FROM console.items(leadscore.export_config()) i
        WHERE console.tenant() IS NOT NULL AND i.section = 'categories'
          AND NOT EXISTS (SELECT FROM console.draft d WHERE d.section = 'categories' AND d.name = i.name AND d.item IS NOT NULL)
    ), chosen AS (
        SELECT s.name, s.item, coalesce(s.item #>> '{0,scorecard}', 'main') AS scorecard, s.item #>> '{0,person_kind}' AS kind FROM sets s WHERE s.name = key
    )
    SELECT jsonb_build_object(
        'sets', (SELECT coalesce(jsonb_agg(s ORDER BY s.name <> 'main', s.name), '[]') FROM sets s),
        'bands', (SELECT c.item FROM chosen c),
        'present', (SELECT d.present FROM console.draft d WHERE d.section = 'categories' AND d.name = key),
        'suggested', (SELECT jsonb_agg(b) FROM chosen c, LATERAL (SELECT jsonb_object_agg(b.band ->> 'name', rooms[b.nth - 1]) AS room
                                                                 FROM jsonb_array_elements(c.item) WITH ORDINALITY b(band, nth) WHERE b.nth > 1) r,
                             leadscore.suggest_bands(r.room, c.kind, c.scorecard, console.tenant()) b WHERE rooms IS NOT NULL),
        'scores', (SELECT coalesce(jsonb_agg(jsonb_build_array(n.score, n.persons) ORDER BY n.score), '[]')
                   FROM (SELECT coalesce(s.score, p.score) AS score, count(*) AS persons
                         FROM chosen c
                         JOIN leadscore.person p ON p.active AND CASE WHEN c.kind IS NOT NULL THEN p.kind = c.kind
                              ELSE NOT EXISTS (SELECT FROM sets o WHERE o.name = concat_ws(' ', c.scorecard, p.kind)) END
                         LEFT JOIN leadscore.person_score s ON s.person_id = p.person_id AND s.scorecard = c.scorecard
                         GROUP BY 1) n))
$$;

CREATE FUNCTION console.edits() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('section', d.section, 'key', d.name, 'name', coalesce(d.item ->> 'name', d.present ->> 'name', d.name),
                                                 'before', console.words(d.section, d.present),
                                                 'after', console.words(d.section, d.item), 'overtaken', d.overtaken) ORDER BY d.section, d.name), '[]')
    FROM console.draft d WHERE d.edited
$$;

CREATE FUNCTION console.latest_change() RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(max(c.configuration_change_id), 0) FROM leadscore.configuration_change c
$$;

CREATE FUNCTION console.preview() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
    WITH draft AS MATERIALIZED (
        SELECT console.document() AS document
    ), moved AS MATERIALIZED (
        SELECT m.* FROM draft d, leadscore.preview_persons(d.document, console.tenant()) m
    )
    SELECT jsonb_build_object(
        'seen', console.latest_change(),
        'categories', console.colors(),
        'persons', (SELECT count(*) FROM moved),
        'rescored', (SELECT count(*) FROM moved m WHERE m.score_before <> m.score_after),
        'moves', (SELECT coalesce(jsonb_agg(c ORDER BY c.kind, c.persons DESC), '[]')
                  FROM (SELECT m.kind, m.category_before, m.category_after, count(*) AS persons FROM moved m
                        WHERE m.category_before IS DISTINCT FROM m.category_after GROUP BY 1, 2, 3) c),
        'sample', (SELECT coalesce(jsonb_agg(s), '[]')
                   FROM (SELECT m.*, p.name, p.external_id, p.owner FROM moved m JOIN leadscore.person p USING (person_id)
                         WHERE m.score_before <> m.score_after OR m.category_before IS DISTINCT FROM m.category_after
                         ORDER BY m.category_before IS DISTINCT FROM m.category_after DESC, abs(m.score_after - m.score_before) DESC, m.person_id LIMIT 12) s),
        'tests', (SELECT coalesce(jsonb_agg(t), '[]') FROM draft d, leadscore.test_config(d.document, console.tenant()) t))
$$;

CREATE FUNCTION console.history() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('id', c.configuration_change_id, 'at', c.changed_at, 'by', coalesce(p.account, c.changed_by), 'tenant', c.tenant,
               'own', c.tenant IS NOT DISTINCT FROM console.tenant(),
               'differences', console.differences(c.before, c.after)) ORDER BY c.configuration_change_id DESC), '[]')
    FROM (SELECT c.* FROM leadscore.configuration_change c WHERE c.after IS NOT NULL ORDER BY c.configuration_change_id DESC LIMIT 30) c
    LEFT JOIN console.publication p USING (configuration_change_id)
$$;

-- Whether the score, by the rules as edited, foretold an outcome; suggest takes longer, and says which points would do it better.
CREATE FUNCTION console.works(outcome text, horizon interval, from_day date, until_day date, kind text, suggest boolean) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
    WITH question AS MATERIALIZED (
        SELECT coalesce(works.outcome, s.outcome_type) AS outcome, h.horizon, console.document() - 'tests' AS document,
               coalesce(works.from_day, (d.scored_on - h.horizon - interval '6 months')::date) AS from_day,
               coalesce(works.until_day, (d.scored_on - h.horizon)::date) AS until_day
        FROM leadscore.settings s, leadscore.state d, coalesce(works.horizon, s.outcome_horizon, '60 days') h(horizon)
    )
    SELECT jsonb_build_object(
        'activity_types', (SELECT jsonb_agg(t.activity_type ORDER BY t.activity_type) FROM leadscore.activity_type t),
        'kinds', (SELECT jsonb_agg(DISTINCT p.kind) FROM leadscore.person p),
        'categories', console.colors(),
        'asked', to_jsonb(q) - 'document',
        'bands', (SELECT jsonb_agg(e) FROM leadscore.evaluate(q.outcome, q.horizon, q.from_day, q.until_day, '1 month', works.kind, 'main', q.document, console.tenant()) e
                  WHERE q.outcome IS NOT NULL),
        'rules', (SELECT jsonb_agg(e) FROM leadscore.evaluate_rules(q.outcome, q.horizon, q.from_day, q.until_day, '1 month', works.kind, 'main', q.document,
                                                                    tenant => console.tenant()) e WHERE q.outcome IS NOT NULL),
        'suggestion', (SELECT to_jsonb(g) - 'config' || jsonb_build_object('points', (
                           SELECT coalesce(jsonb_agg(jsonb_build_object('rule', r.item ->> 'name', 'before', b.item -> 'points', 'after', r.item -> 'points') ORDER BY r.name), '[]')
                           FROM console.items(g.config) r LEFT JOIN console.items(q.document) b USING (section, name)
                           WHERE r.section = 'rules' AND r.item -> 'points' IS DISTINCT FROM b.item -> 'points'))
                       FROM leadscore.suggest_points(q.outcome, q.horizon, q.from_day, q.until_day, '1 month', works.kind, 'main', q.document,
                                                     tenant => console.tenant()) g WHERE works.suggest AND q.outcome IS NOT NULL))
    FROM question q
$$;

-- What may be out of order, and how much a run did, is about everybody's data: a tenant does not see it. Only the owner sees
-- all of pg_cron's jobs.
CREATE FUNCTION console.operations() RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
    SELECT jsonb_build_object(
        'findings', (SELECT coalesce(jsonb_agg(d), '[]') FROM leadscore.doctor() d),
        'runs', (SELECT jsonb_agg(r ORDER BY r.run_id DESC) FROM (SELECT r.* FROM leadscore.run r ORDER BY r.run_id DESC LIMIT 10) r))
    WHERE console.tenant() IS NULL
$$;

CREATE FUNCTION console.health() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
    SELECT coalesce(console.operations(), '{}') || jsonb_build_object('status', (SELECT to_jsonb(s) FROM leadscore.status s))
$$;

-- ── Buttons ──────────────────────────────────────────────────────────────────────────────────────────────────

-- An item is to be so (NULL: gone), and was so when the edit began; in words, and how many edits there are. What is as it
-- stands already is no edit.
CREATE FUNCTION console.keep(section text, name text, becomes jsonb, was jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF section = 'rules' THEN
        becomes := '{"kind": "activity", "decay": "none", "enabled": true, "scorecard": "main", "excused_by_planned": false}' || jsonb_strip_nulls(becomes);
    END IF;
    INSERT INTO console.edit (section, name, was, becomes) VALUES (keep.section, keep.name, keep.was, keep.becomes)
    ON CONFLICT ON CONSTRAINT edit_pkey DO UPDATE SET becomes = excluded.becomes, edited_at = now();
    DELETE FROM console.edit e USING console.draft d
    WHERE e.section = keep.section AND e.name = keep.name AND d.section = e.section AND d.name = e.name AND e.becomes IS NOT DISTINCT FROM d.present;
    RETURN jsonb_build_object('words', console.words(section, becomes), 'edits', (SELECT count(*) FROM console.edit));
END $$;

CREATE FUNCTION console.change(section text, name text, becomes jsonb) RETURNS jsonb
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT console.keep(section, name, becomes, (SELECT p.item FROM console.present() p WHERE p.section = change.section AND p.name = change.name))
$$;

CREATE FUNCTION console.undo(section text, name text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM console.edit e WHERE e.section = undo.section AND e.name = undo.name
$$;

-- The edit stands though somebody else changed its item.
CREATE FUNCTION console.insist(section text, name text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE console.edit e SET was = (SELECT d.present FROM console.draft d WHERE d.section = e.section AND d.name = e.name)
    WHERE e.section = insist.section AND e.name = insist.name
$$;

CREATE FUNCTION console.take_over(rule text, points int) RETURNS jsonb
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT console.change('rules', k.key, console.rule(k.key) -> 'rule' || jsonb_build_object('points', points))
    FROM (SELECT coalesce((SELECT d.name FROM console.draft d WHERE d.section = 'rules' AND d.item ->> 'name' = rule), rule) AS key) k
$$;

CREATE FUNCTION console.switch(key text) RETURNS jsonb
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT console.change('rules', key, r || jsonb_build_object('enabled', NOT (r -> 'enabled')::boolean))
    FROM (SELECT console.rule(key) -> 'rule') x(r)
$$;

-- The edits that lead back to the configuration before a change.
CREATE FUNCTION console.back(change_id bigint) RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT count(console.change(section, name, b.item))
    FROM (SELECT i.* FROM leadscore.configuration_change c, console.items(c.before) i
          WHERE c.configuration_change_id = change_id AND c.tenant IS NOT DISTINCT FROM console.tenant()) b
    FULL JOIN console.present() p USING (section, name)
    WHERE b.item IS DISTINCT FROM p.item
$$;

-- Publishes what was seen: refused when the configuration changed since. The run is a transaction of its own.
CREATE FUNCTION console.publish(seen bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Editors wait for each other at the first statement that writes rules, as in an import.
    UPDATE leadscore.rule SET points = points WHERE false;
    IF console.latest_change() <> seen OR EXISTS (SELECT FROM console.draft d WHERE d.overtaken) THEN
        RAISE serialization_failure USING
            MESSAGE = 'the configuration has changed since you looked',
            DETAIL = 'Somebody else published in the meantime; nothing of yours is lost, and nothing of theirs.',
            HINT = 'Look again at what your edits would do, and publish then.';
    END IF;
    PERFORM leadscore.import_config(console.document(), console.tenant());
    INSERT INTO console.publication (configuration_change_id)
    SELECT console.latest_change() WHERE console.latest_change() > seen;
    DELETE FROM console.edit;
END $$;

CREATE FUNCTION console.adjust(person_id bigint, points int, reason text, until_day date, scorecard text) RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT leadscore.adjust(adjust.person_id, points, nullif(reason, '') || format(' (%s)', console.account()), until_day => until_day, scorecard => adjust.scorecard)
$$;

CREATE FUNCTION console.unadjust(id bigint) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT leadscore.unadjust(id)
$$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA console FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA console TO console_look;
REVOKE EXECUTE ON FUNCTION console.keep, console.change, console.undo, console.insist, console.take_over, console.switch, console.back, console.publish, console.adjust, console.unadjust FROM console_look;
GRANT EXECUTE ON FUNCTION console.keep, console.change, console.undo, console.insist, console.take_over, console.switch, console.back, console.publish, console.adjust, console.unadjust TO console_set;
-- The defaults and policies of everybody call these two.
GRANT EXECUTE ON FUNCTION console.tenant(), console.account() TO PUBLIC;

COMMIT;
