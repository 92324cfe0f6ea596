-- No ordinary role gets further than its rights by any function, trigger, view or document of leadscore: every function is called
-- as each role that docs/operations.md makes, and as one that may do nothing but connect. What is printed is what must not be.
\set ECHO none
\set SHOW_CONTEXT never
SET client_min_messages = error;
SET timezone = 'UTC';
UPDATE leadscore.settings SET time_zone = 'UTC';
SELECT leadscore.load_preset('recruitment') \g /dev/null
INSERT INTO leadscore.person (kind, external_id) VALUES ('candidate', 'a'), ('candidate', 'b');
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (1, 'appointment'), (2, 'call');
SELECT leadscore.adjust(1, 3, 'known') \g /dev/null
SELECT leadscore.track('{"event": "jobview", "visitor": "v", "person": "candidate:a", "consent": true}') \g /dev/null
CREATE TABLE public.of_the_owner (id int PRIMARY KEY, person int, score bigint);
INSERT INTO public.of_the_owner VALUES (1, 1);
SELECT leadscore.attach_person('public.of_the_owner', 'owned', score => 'score') \g /dev/null
SELECT leadscore_recompute() \g /dev/null

CREATE ROLE regress_nobody;
CREATE ROLE regress_attaches;
CREATE ROLE regress_website;
CREATE ROLE regress_dashboard;
CREATE ROLE regress_operations;
CREATE ROLE regress_pixel;
CREATE SCHEMA own;
GRANT USAGE, CREATE ON SCHEMA own TO PUBLIC;
GRANT USAGE ON SCHEMA leadscore TO regress_attaches, regress_website, regress_dashboard, regress_operations, regress_pixel;
GRANT SELECT ON leadscore.person, leadscore.activity, leadscore.activity_type, leadscore.category TO regress_website;
GRANT INSERT (kind, external_id, status, owner, since), UPDATE (external_id, status, owner, since), DELETE ON leadscore.person TO regress_website;
GRANT INSERT (person_id, activity_type, occurred_at, attributes), UPDATE (person_id, activity_type, occurred_at, attributes), DELETE ON leadscore.activity TO regress_website;
GRANT SELECT ON ALL TABLES IN SCHEMA leadscore TO regress_dashboard, regress_operations;
GRANT INSERT, UPDATE, DELETE ON leadscore.rule, leadscore.category, leadscore.scorecard, leadscore.activity_type TO regress_operations;
GRANT UPDATE ON leadscore.settings TO regress_operations;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA leadscore TO regress_operations;
GRANT EXECUTE ON FUNCTION leadscore_recompute(timestamptz, boolean) TO regress_operations;
GRANT EXECUTE ON FUNCTION leadscore.adjust(bigint, int, text, date, date, text), leadscore.unadjust(bigint) TO regress_operations;
GRANT EXECUTE ON FUNCTION leadscore.track(jsonb, text) TO regress_pixel;
CREATE TEMP TABLE probed (role name, may_change text[]);
INSERT INTO probed VALUES
    ('regress_nobody', '{}'), ('regress_attaches', '{}'), ('regress_website', '{}'), ('regress_dashboard', '{}'),
    -- Its own business: track() for the pixel, and what follows from rules, runs and adjustments.
    ('regress_pixel', '{leadscore.event,leadscore.visitor,leadscore.visitor_person,leadscore.person,leadscore.activity,leadscore.score_record,leadscore.category_change,leadscore.due,leadscore.person_consent}'),
    ('regress_operations', '{leadscore.rule,leadscore.category,leadscore.scorecard,leadscore.person_score,leadscore.activity_type,leadscore.settings,leadscore.adjustment,leadscore.run,leadscore.person,leadscore.score_record,leadscore.category_change,leadscore.due,leadscore.state,leadscore.instance,leadscore.edited,leadscore.configuration_change,public.of_the_owner}');

CREATE TEMP VIEW member AS
SELECT p.oid, p.proisstrict, p.prokind, p.prorettype, p.pronamespace::regnamespace AS schema, p.proname, p.proargtypes::oid[] AS types
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'leadscore';
CREATE TEMP VIEW relation AS
SELECT c.oid::regclass AS relation, c.relkind FROM pg_class c
WHERE c.relnamespace = 'leadscore'::regnamespace AND c.relkind IN ('r', 'v', 'S', 'm', 'p');

-- What there is: each table's rows, and who may what.
CREATE FUNCTION pg_temp.fingerprint() RETURNS TABLE (thing text, print text) LANGUAGE plpgsql AS $$
DECLARE
    t text;
BEGIN
    FOR t IN SELECT r.relation::text FROM relation r WHERE r.relkind = 'r' UNION ALL SELECT 'public.of_the_owner' LOOP
        RETURN QUERY EXECUTE format('SELECT %L, md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '''')) FROM %s t', t, t);
    END LOOP;
    RETURN QUERY
    SELECT 'roles', md5(coalesce(string_agg(a::text, chr(10) ORDER BY a.rolname), '')) FROM pg_authid a
    UNION ALL SELECT 'memberships', md5(coalesce(string_agg(m::text, chr(10) ORDER BY m::text), '')) FROM pg_auth_members m
    UNION ALL SELECT 'role settings', md5(coalesce(string_agg(s::text, chr(10) ORDER BY s::text), '')) FROM pg_db_role_setting s
    UNION ALL SELECT 'relations', md5(string_agg(concat_ws(' ', c.oid, c.relowner, c.relacl, c.relname, c.relhastriggers), chr(10) ORDER BY c.oid))
              FROM pg_class c WHERE c.relnamespace = 'leadscore'::regnamespace OR c.oid = 'public.of_the_owner'::regclass
    UNION ALL SELECT 'columns', md5(coalesce(string_agg(concat_ws(' ', a.attrelid, a.attname, a.attacl), chr(10) ORDER BY a.attrelid, a.attnum), ''))
              FROM pg_attribute a JOIN relation r ON r.relation = a.attrelid
    UNION ALL SELECT 'functions', md5(string_agg(concat_ws(' ', p.oid, p.proowner, p.proacl, p.prosecdef, p.proconfig, p.prosrc), chr(10) ORDER BY p.oid))
              FROM pg_proc p JOIN member m USING (oid)
    UNION ALL SELECT 'schemas', md5(string_agg(concat_ws(' ', n.oid, n.nspowner, n.nspacl), chr(10) ORDER BY n.oid)) FROM pg_namespace n WHERE n.nspname !~ '^pg_'
    UNION ALL SELECT 'triggers', md5(string_agg(concat_ws(' ', t.tgrelid, t.tgname, t.tgfoid, t.tgenabled), chr(10) ORDER BY t.oid))
              FROM pg_trigger t WHERE t.tgrelid IN (SELECT r.relation FROM relation r) OR t.tgrelid = 'public.of_the_owner'::regclass;
END $$;

-- A value of a type, as SQL; the second is one that finds something.
CREATE FUNCTION pg_temp.value(kind regtype, variant int) RETURNS text LANGUAGE sql AS $$
SELECT CASE
    WHEN variant = 0 THEN format('NULL::%s', kind)
    WHEN kind IN ('bigint'::regtype, 'integer') THEN format('1::%s', kind)
    WHEN kind = 'boolean'::regtype THEN 'true'
    WHEN kind = 'date'::regtype THEN 'current_date'
    WHEN kind IN ('timestamptz'::regtype, 'timestamp') THEN 'now()'
    WHEN kind = 'interval'::regtype THEN '''1 day''::interval'
    WHEN kind = 'regclass'::regtype THEN CASE variant WHEN 1 THEN '''public.of_the_owner''::regclass' ELSE '''leadscore.person''::regclass' END
    WHEN kind = 'oid'::regtype THEN '''leadscore.person''::regclass::oid'
    WHEN kind = 'jsonb'::regtype THEN CASE variant WHEN 1 THEN '''{"rules": [{"name": "Mine", "points": 1000}]}''::jsonb' ELSE '''{"event": "jobview", "visitor": "w", "person": "candidate:b", "consent": false}''::jsonb' END
    WHEN kind IN ('name'::regtype, 'text') THEN format('%L::%s', CASE variant WHEN 1 THEN 'id' ELSE 'recruitment_nl' END, kind)
    WHEN kind = 'bigint[]'::regtype THEN '''{1,2}''::bigint[]'
    ELSE format('NULL::%s', kind) END
$$;

CREATE FUNCTION pg_temp.attempt(as_role name, statement text, may_change text[], before jsonb, OUT state text, OUT changed text) LANGUAGE plpgsql AS $$
DECLARE
    was text := current_user;
BEGIN
    BEGIN
        EXECUTE format('SET LOCAL ROLE %I', as_role);
        EXECUTE statement;
        state := '00000';
        IF current_user <> as_role THEN
            changed := 'current_user';
        END IF;
        EXECUTE format('SET LOCAL ROLE %I', was);
        SELECT string_agg(f.thing, ', ' ORDER BY f.thing COLLATE "C") INTO changed
        FROM pg_temp.fingerprint() f WHERE before ->> f.thing IS DISTINCT FROM f.print AND f.thing <> ALL (may_change);
        RAISE EXCEPTION USING ERRCODE = 'RB000', MESSAGE = coalesce(changed, '');
    EXCEPTION
        WHEN SQLSTATE 'RB000' THEN changed := nullif(SQLERRM, '');
        WHEN OTHERS THEN state := SQLSTATE;
    END;
END $$;

\pset tuples_only on
-- Calls: refused with 42501 unless granted, and none changes what its caller may not.
CREATE TEMP TABLE tried (role name, statement text, may boolean, state text, changed text);
DO $$
DECLARE
    p       record;
    m       record;
    variant int;
    call    text;
    seen    record;
    before  jsonb := (SELECT jsonb_object_agg(f.thing, f.print) FROM pg_temp.fingerprint() f);
BEGIN
    FOR p IN TABLE probed LOOP
        FOR m IN SELECT * FROM member f WHERE f.prorettype <> 'trigger'::regtype LOOP
            -- NULL for a strict function is no call.
            FOR variant IN CASE WHEN m.proisstrict AND cardinality(m.types) > 0 THEN 1 ELSE 0 END..CASE WHEN cardinality(m.types) = 0 THEN 0 ELSE 2 END LOOP
                call := format(CASE m.prokind WHEN 'p' THEN 'CALL %s.%I(%s)' ELSE 'SELECT * FROM %s.%I(%s)' END, m.schema, m.proname,
                               (SELECT string_agg(pg_temp.value(k::regtype, variant), ', ' ORDER BY nth) FROM unnest(m.types) WITH ORDINALITY u(k, nth)));
                seen := pg_temp.attempt(p.role, call, p.may_change, before);
                INSERT INTO tried VALUES (p.role, call, has_function_privilege(p.role, m.oid, 'EXECUTE') AND has_schema_privilege(p.role, m.schema::oid, 'USAGE'), seen.state, seen.changed);
            END LOOP;
        END LOOP;
    END LOOP;
END $$;
SELECT 'called without the right: ' || role, state, statement FROM tried WHERE NOT may AND state <> '42501';
SELECT 'changed: ' || role, changed, statement FROM tried WHERE changed IS NOT NULL;
SELECT 'internal error: ' || role, state, statement FROM tried WHERE state LIKE 'XX%';
-- That the loop above does try: each role has been refused, and all but the first have also got through.
SELECT role, bool_or(state = '42501') AS refused, bool_or(state = '00000') AS "got through", count(*) > 300 AS many FROM tried GROUP BY role ORDER BY role;

-- Triggers: a trigger function of leadscore's on a table of one's own.
TRUNCATE tried;
DO $$
DECLARE
    p       record;
    m       record;
    timing  text;
    seen    record;
    before  jsonb := (SELECT jsonb_object_agg(f.thing, f.print) FROM pg_temp.fingerprint() f);
BEGIN
    FOR p IN TABLE probed LOOP
        FOR m IN SELECT * FROM member f WHERE f.prorettype = 'trigger'::regtype LOOP
            FOREACH timing IN ARRAY ARRAY['BEFORE INSERT ON own.activity FOR EACH ROW', 'AFTER INSERT ON own.activity REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT', 'AFTER INSERT ON own.activity FOR EACH ROW'] LOOP
                seen := pg_temp.attempt(p.role, format('CREATE TABLE own.activity (LIKE leadscore.activity);
                    CREATE TRIGGER mine %s EXECUTE FUNCTION %s.%I(); INSERT INTO own.activity (activity_id, person_id, activity_type, occurred_at) VALUES (99, 1, ''appointment'', now())',
                    timing, m.schema, m.proname), p.may_change, before);
                IF seen.state = '42501' AND p.role <> 'regress_nobody' AND NOT has_table_privilege(p.role, 'leadscore.activity', 'SELECT') THEN
                    -- The shape of the table is not to be had; its columns are no secret.
                    seen := pg_temp.attempt(p.role, format('CREATE TABLE own.activity (activity_id bigint, person_id bigint, activity_type text, occurred_at timestamptz, attributes jsonb, recorded_at timestamptz, source_id int, source_key text);
                        CREATE TRIGGER mine %s EXECUTE FUNCTION %s.%I(); INSERT INTO own.activity (activity_id, person_id, activity_type, occurred_at) VALUES (99, 1, ''appointment'', now())',
                        timing, m.schema, m.proname), p.may_change, before);
                END IF;
                INSERT INTO tried VALUES (p.role, format('%s %s', m.proname, timing), has_function_privilege(p.role, m.oid, 'EXECUTE') AND has_schema_privilege(p.role, m.schema::oid, 'USAGE'), seen.state, seen.changed);
            END LOOP;
        END LOOP;
    END LOOP;
END $$;
SELECT 'trigger without the right: ' || role, state, statement FROM tried WHERE NOT may AND state <> '42501';
SELECT 'trigger changed: ' || role, changed, statement FROM tried WHERE changed IS NOT NULL;
SELECT role, bool_or(state = '42501') AS refused, count(*) > 20 AS many FROM tried GROUP BY role ORDER BY role;

-- Tables and views: written through only by whom may, and no object of leadscore's is anybody's to alter.
TRUNCATE tried;
DO $$
DECLARE
    p       record;
    r       record;
    seen    record;
    what    text;
    before  jsonb := (SELECT jsonb_object_agg(f.thing, f.print) FROM pg_temp.fingerprint() f);
BEGIN
    FOR p IN TABLE probed LOOP
        FOR r IN SELECT x.relation, x.relkind, (SELECT quote_ident(a.attname) FROM pg_attribute a WHERE a.attrelid = x.relation AND a.attnum = 1) AS first_column FROM relation x LOOP
            FOREACH what IN ARRAY CASE WHEN r.relkind = 'S' THEN ARRAY['SELECT setval(%1$L, 1)', 'ALTER SEQUENCE %1$s RESTART'] ELSE ARRAY[
                'INSERT INTO %1$s DEFAULT VALUES', 'UPDATE %1$s SET %2$s = %2$s', 'DELETE FROM %1$s', 'TRUNCATE %1$s', 'SELECT * FROM %1$s', 'LOCK TABLE %1$s',
                'CREATE TRIGGER mine AFTER INSERT ON %1$s FOR EACH STATEMENT EXECUTE FUNCTION suppress_redundant_updates_trigger()',
                'CREATE RULE mine AS ON INSERT TO %1$s DO ALSO SELECT 1', 'ALTER TABLE %1$s OWNER TO CURRENT_USER', 'GRANT ALL ON %1$s TO PUBLIC',
                'COMMENT ON COLUMN %1$s.%2$s IS ''mine''', 'CREATE INDEX mine ON %1$s (%2$s)', 'CREATE TABLE own.child () INHERITS (%1$s)', 'DROP TABLE %1$s'] END LOOP
                seen := pg_temp.attempt(p.role, format(what, r.relation, r.first_column), p.may_change, before);
                INSERT INTO tried VALUES (p.role, format(what, r.relation, r.first_column),
                    CASE split_part(what, ' ', 1) WHEN 'INSERT' THEN has_any_column_privilege(p.role, r.relation, 'INSERT') WHEN 'UPDATE' THEN has_any_column_privilege(p.role, r.relation, 'UPDATE')
                        WHEN 'DELETE' THEN has_table_privilege(p.role, r.relation, 'DELETE') WHEN 'SELECT' THEN r.relkind <> 'S' AND has_table_privilege(p.role, r.relation, 'SELECT')
                        -- Who may write a table may lock it.
                        WHEN 'LOCK' THEN has_table_privilege(p.role, r.relation, 'UPDATE') OR has_table_privilege(p.role, r.relation, 'DELETE') ELSE false END, seen.state, seen.changed);
            END LOOP;
        END LOOP;
        FOREACH what IN ARRAY ARRAY['CREATE TABLE leadscore.mine ()', 'CREATE FUNCTION leadscore.mine() RETURNS int LANGUAGE sql AS ''SELECT 1''',
            'ALTER FUNCTION leadscore.verify() SECURITY DEFINER', 'ALTER FUNCTION leadscore.verify() RESET ALL', 'CREATE OR REPLACE FUNCTION leadscore.verify() RETURNS int LANGUAGE sql AS ''SELECT 1''',
            'DROP FUNCTION leadscore.verify()', 'ALTER EXTENSION leadscore UPDATE', 'ALTER EXTENSION leadscore ADD SCHEMA own', 'DROP EXTENSION leadscore', 'ALTER SCHEMA leadscore RENAME TO mine',
            'SELECT leadscore.detach(''public.of_the_owner'')', 'SELECT leadscore.attach_person(''public.of_the_owner'', ''mine'')', 'SELECT leadscore.attach_activity(''leadscore.person'', ''call'', person => ''person_id'', person_kind => ''x'')',
            'INSERT INTO public.of_the_owner VALUES (5)', 'DROP TRIGGER keep_the_row ON leadscore.settings'] LOOP
            seen := pg_temp.attempt(p.role, what, p.may_change, before);
            INSERT INTO tried VALUES (p.role, what, false, seen.state, seen.changed);
        END LOOP;
    END LOOP;
END $$;
-- 42809: not for a view; 0A000: not for an attached table; 55000: a view that cannot be written at all. Who may not grant gets a
-- warning.
SELECT 'object without the right: ' || role, state, statement FROM tried
WHERE NOT may AND state NOT IN ('42501', '42809', '55000', '0A000') AND statement !~ '^GRANT';
SELECT 'object changed: ' || role, changed, statement FROM tried WHERE changed IS NOT NULL AND NOT may;
SELECT role, bool_or(state = '42501') AS refused, bool_or(state = '00000') AS "got through", count(*) > 300 AS many FROM tried GROUP BY role ORDER BY role;

-- A document is data: what reads like SQL in it is a name.
SET ROLE regress_operations;
SELECT leadscore.import_config('{"rules": [{"name": "x''; ALTER ROLE regress_operations SUPERUSER; --", "points": 1, "activity_types": ["call"]}],
    "categories": [{"name": "$$; ALTER ROLE regress_operations SUPERUSER; $$"}], "settings": {"time_zone": "UTC", "notify_channel": "a\"; ALTER ROLE regress_operations SUPERUSER; --"}}') \g /dev/null
SELECT leadscore_recompute(full_rebuild => true) \g /dev/null
RESET ROLE;
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (1, 'call'), (2, 'call');
SELECT 'verify', v.* FROM leadscore.verify() v;
SELECT length(leadscore.report()) > 1000 AS "the report is there";
SELECT 'superuser: ' || rolname FROM pg_roles WHERE rolname ~ '^regress_' AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication);
SELECT leadscore.detach('public.of_the_owner', keep => false) \g /dev/null
DROP TABLE public.of_the_owner;
DROP SCHEMA own CASCADE;
DROP OWNED BY regress_nobody, regress_attaches, regress_website, regress_dashboard, regress_operations, regress_pixel;
DROP ROLE regress_nobody, regress_attaches, regress_website, regress_dashboard, regress_operations, regress_pixel;
