-- A role of one tenant, by the policies of examples/tenants, reads and writes nothing of another's by any table, view or function
-- that it may call, and nothing tells it whether a person of another's exists: what it asks of one is answered as what it asks
-- of nobody. What is printed is what must not be, and how many attempts there were.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set recipe :srcdir /../examples/tenants/policies.sql
RESET ROLE;
INSERT INTO leadscore.activity_type VALUES ('call'), ('page');
INSERT INTO leadscore.event_type VALUES ('look', 'page', true);
INSERT INTO leadscore.scorecard (scorecard, max_score) VALUES ('fit', 50);
INSERT INTO leadscore.rule (rule_id, tenant, name, activity_types, points, relevant_for, scorecard) VALUES (1, NULL, 'Call', '{call}', 10, '5 days', 'main'), (2, NULL, 'Fit', '{call}', 1, NULL, 'fit'),
    (3, 'acme', 'Own', '{call}', 5, '5 days', 'main'), (4, 'other', 'Zugzwang rule', '{call}', 7, '5 days', 'main'), (5, 'other', 'Call', '{call}', 77, '5 days', 'main');
INSERT INTO leadscore.category (category_id, tenant, scorecard, name, min_score) VALUES (1, NULL, 'main', 'cold', NULL), (2, NULL, 'main', 'warm', 5), (3, NULL, 'fit', 'no', NULL),
    (4, 'other', 'main', 'zugzwang-low', NULL), (5, 'other', 'main', 'zugzwang-high', 20);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
UPDATE leadscore.rule SET points = 8 WHERE rule_id IN (3, 4);
-- Persons 1 to 3 are acme's, 90011 to 90013 another's, 90021 and 90022 nobody's; 99999 does not exist.
INSERT INTO leadscore.person (person_id, tenant, kind, external_id, name, owner, status, since)
SELECT n, t, 'candidate', k, initcap(w) || ' ' || k, w || '-owner', w || '-status', '2026-02-27'
FROM (VALUES (0, 'acme', 'own'), (90010, 'other', 'zugzwang'), (90020, NULL, 'zugzwang')) v(first, t, w), generate_series(1, CASE v.first WHEN 90020 THEN 2 ELSE 3 END) k, LATERAL (SELECT first + k AS n) x;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes) SELECT p.person_id, 'call', '2026-03-01', jsonb_build_object('note', p.owner) FROM leadscore.person p;
SELECT count(leadscore.adjust(p.person_id, 7, p.owner || ' reason', '2026-03-01')), count(leadscore.set_consent(p.person_id, true, '2026-02-28')::text) FROM leadscore.person p WHERE person_id IN (1, 90011, 90021);
SELECT leadscore.merge_person(3, 1), leadscore.merge_person(90013, 90011);
SELECT leadscore.track('[{"event": "identify", "visitor": "v1", "person": "candidate:1", "consent": true}, {"event": "look", "visitor": "v1", "consent": true}, {"event": "look", "person": "candidate:zugzwang-77", "consent": true}]', 'other') -> 'taken' AS taken;
UPDATE leadscore.settings SET scoring = 'deferred';
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT p.person_id, 'call', '2026-03-01' FROM leadscore.person p WHERE p.person_id IN (2, 90012);
UPDATE leadscore.settings SET scoring = 'at_once';
UPDATE leadscore.category SET name = 'zugzwang-top' WHERE category_id = 5;
SET client_min_messages = warning;
ALTER TABLE leadscore.person ALTER person_id RESTART WITH 1000;
ALTER TABLE leadscore.rule ALTER rule_id RESTART WITH 1000;
ALTER TABLE leadscore.category ALTER category_id RESTART WITH 1000;
\set ECHO none
\i :recipe
\set ECHO all
GRANT leadscore_tenant TO CURRENT_USER;

-- What others have: its fingerprint must stay.
CREATE FUNCTION pg_temp.others() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    t     regclass;
    found text;
    prints text := '';
BEGIN
    FOR t IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'leadscore'::regnamespace AND c.relkind = 'r' ORDER BY c.relname LOOP
        EXECUTE format('SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM %s t WHERE (to_jsonb(t)->>''person_id'')::bigint > 90000 OR to_jsonb(t)->>''tenant'' <> ''acme'' OR NOT to_jsonb(t) ?| ''{tenant,person_id}''', t) INTO found;
        prints := prints || t || ' ' || coalesce(found, '') || chr(10);
    END LOOP;
    RETURN prints;
END $$;
-- What a statement answers to the tenant's role: its rows or its error, whole. Nothing that it does remains.
CREATE FUNCTION pg_temp.answer(statement text, OUT state text, OUT said text, OUT wrote boolean) LANGUAGE plpgsql AS $$
DECLARE
    message text;
    detail  text;
    hint    text;
    before  text := pg_temp.others();
BEGIN
    BEGIN
        SET LOCAL ROLE leadscore_tenant;
        SET LOCAL app.tenant = 'acme';
        IF statement ~ '^(SELECT|TABLE)' THEN
            EXECUTE format('SELECT coalesce(string_agg(x::text, chr(10)), ''nothing'') FROM (%s) x', statement) INTO said;
        ELSE
            EXECUTE statement;
            GET DIAGNOSTICS message = ROW_COUNT;
            said := message || ' rows';
        END IF;
        SET CONSTRAINTS ALL IMMEDIATE;
        RESET ROLE;
        wrote := pg_temp.others() IS DISTINCT FROM before;
        RAISE EXCEPTION USING ERRCODE = 'UNDO1';
    EXCEPTION
        WHEN SQLSTATE 'UNDO1' THEN
            state := '00000';
        WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
            said := concat_ws(' / ', message, detail, hint);
            wrote := false;
    END;
    RESET ROLE;
END $$;
CREATE TEMP TABLE tried (kind text, statement text, state text, said text, wrote boolean, as_nobody boolean);
-- About somebody else's person, and about nobody: $ID stands for who it is.
CREATE PROCEDURE pg_temp.attempt(kind text, pattern text) LANGUAGE plpgsql AS $$
DECLARE
    nobody record := pg_temp.answer(replace(pattern, '$ID', '99999'));
    theirs record;
    id     text;
BEGIN
    FOREACH id IN ARRAY CASE WHEN pattern ~ '\$ID' THEN '{90011,90021}'::text[] ELSE '{-}' END LOOP
        theirs := pg_temp.answer(replace(pattern, '$ID', id));
        INSERT INTO tried VALUES (kind, replace(pattern, '$ID', id), theirs.state, theirs.said, theirs.wrote,
                                  (theirs.state, regexp_replace(theirs.said, '\m' || id || '\M', 'ID', 'g')) IS NOT DISTINCT FROM (nobody.state, regexp_replace(nobody.said, '\m99999\M', 'ID', 'g')));
    END LOOP;
END $$;

-- That it does work for the tenant's own.
CREATE TEMP TABLE own AS SELECT s AS statement, (pg_temp.answer(s)).* FROM unnest(ARRAY[
    'SELECT person_id, name, score FROM leadscore.worklist', 'SELECT * FROM leadscore.cooling(7)', 'SELECT * FROM leadscore.explain(1)', 'SELECT leadscore.score_at(1, ''2026-03-01'')',
    'SELECT * FROM leadscore.forecast(1, ''2027-01-01'')', 'SELECT * FROM leadscore.history(1, ''2026-02-01'', ''2026-03-02'')', 'SELECT leadscore.person_card(1)', 'SELECT leadscore.report()',
    'SELECT leadscore.adjust(1, 5, ''own'')', 'SELECT leadscore.unadjust(adjustment_id) FROM leadscore.adjustment', 'SELECT leadscore.merge_person(2, 1)', 'SELECT leadscore.forget_person(2)', 'SELECT leadscore.set_consent(1, false)',
    'SELECT public.track_own(''{"event": "look", "person": "candidate:1", "consent": true}'')', 'SELECT leadscore.export_config(''acme'')', 'SELECT leadscore.import_config(''{"rules": [{"name": "Mine", "points": 3}]}'', ''acme'')',
    'SELECT leadscore.preview(leadscore.export_config(''acme''), ''acme'')', 'SELECT leadscore.preview_persons(''{"rules": []}'', ''acme'')', 'SELECT * FROM leadscore.test_config(''{"tests": [{"name": "Call", "person": {"kind": "candidate", "since": "2026-01-01"}, "activities": [{"activity_type": "call", "on": "2026-02-01"}], "expect": [{"on": "2026-02-01", "score": 18}]}]}'', ''acme'')',
    'INSERT INTO leadscore.person (tenant, kind, external_id) VALUES (''acme'', ''candidate'', ''12'')', 'INSERT INTO leadscore.activity (person_id, activity_type) VALUES (1, ''call'')',
    'UPDATE leadscore.person SET status = ''x'' WHERE person_id = 1', 'DELETE FROM leadscore.person WHERE person_id = 1', 'UPDATE leadscore.activity SET activity_type = ''page'' WHERE person_id = 1', 'DELETE FROM leadscore.activity WHERE person_id = 1',
    'UPDATE leadscore.rule SET points = 6', 'DELETE FROM leadscore.rule', 'INSERT INTO leadscore.category (tenant, name) VALUES (''acme'', ''mine'')', 'SELECT * FROM leadscore.status', 'SELECT * FROM leadscore.configuration_history', 'SELECT leadscore.describe(3)']) s;
SELECT * FROM own WHERE state <> '00000' OR wrote OR said IN ('nothing', '0 rows') OR said ~* 'zugzwang';
SELECT count(*) AS works_for_its_own FROM own;
SELECT statement, said FROM own WHERE statement ~ 'worklist|rule( |$)';

-- 1. By id: each function that takes a person, internal ones too, and each question and edit.
DO $$
DECLARE
    f record;
BEGIN
    FOR f IN
        SELECT p.proname, p.prokind, string_agg(CASE
                   WHEN t.type = 'bigint'::regtype AND t.nth = b.nth OR t.name ~ 'person_id|loser|winner' THEN '$ID'
                   WHEN t.type = 'bigint[]'::regtype THEN 'ARRAY[$ID]::bigint[]'
                   WHEN t.name = 'scorecard' THEN '''main''' WHEN t.name = 'language' THEN '''en''' WHEN t.name = 'tenant' THEN '''other''' WHEN t.name IN ('reason', 'purpose') THEN '''words'''
                   WHEN t.type = 'date'::regtype THEN CASE WHEN t.name ~ 'until' THEN '''2026-04-01''' ELSE '''2026-03-01''' END || '::date'
                   WHEN t.type = 'timestamptz'::regtype THEN '''2026-03-01''::timestamptz'
                   WHEN t.type IN ('int'::regtype, 'bigint'::regtype) THEN '1'
                   WHEN t.type = 'boolean'::regtype THEN 'true'
                   ELSE 'NULL::' || t.type::text END, ', ' ORDER BY t.nth) AS arguments
        FROM pg_proc p
        CROSS JOIN LATERAL (SELECT u.type::regtype AS type, u.nth, p.proargnames[u.nth] AS name FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY u(type, nth)) t
        CROSS JOIN LATERAL (SELECT min(u.nth) FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY u(type, nth) WHERE u.type = 'bigint'::regtype) b(nth)
        WHERE p.pronamespace = 'leadscore'::regnamespace AND p.prorettype <> 'trigger'::regtype
          AND p.proargtypes::oid[] && ARRAY['bigint', 'bigint[]']::regtype[]::oid[]
        GROUP BY p.oid
    LOOP
        CALL pg_temp.attempt('function', CASE f.prokind WHEN 'p' THEN 'CALL' ELSE 'SELECT * FROM' END || format(' leadscore.%I(%s)', f.proname, f.arguments));
    END LOOP;
END $$;
SELECT count(*) >= 80 AS many, count(DISTINCT split_part(statement, '(', 1)) >= 40 AS functions FROM tried;
CALL pg_temp.attempt('function', 'SELECT leadscore.merge_person(1, $ID)');
CALL pg_temp.attempt('function', 'SELECT leadscore.merge_person($ID, 1)');
CALL pg_temp.attempt('function', 'SELECT leadscore.adjust($ID, 5, ''words'')');
CALL pg_temp.attempt('function', 'SELECT * FROM leadscore.explain($ID, ''2026-03-01'', ''fit'')');
CALL pg_temp.attempt('function', 'SELECT leadscore.person_card($ID, ''nl'', ''fit'')');
-- Adjustments and rules have ids, too. That of the adjustment is found as the owner.
SELECT a.adjustment_id AS theirs FROM leadscore.adjustment a WHERE a.person_id = 90011 \gset
SELECT pg_temp.answer('SELECT leadscore.unadjust(' || :theirs || ')');
SELECT pg_temp.answer('SELECT leadscore.unadjust(99999)');
SELECT pg_temp.answer('SELECT leadscore.describe(4)');
SELECT pg_temp.answer('SELECT leadscore.describe(99999)');

-- 2. Every table and view, with all that can be granted.
SELECT relname FROM pg_class c WHERE c.relnamespace = 'leadscore'::regnamespace AND c.relkind = 'r' AND NOT c.relrowsecurity
    AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname IN ('tenant', 'person_id'));
DO $$
DECLARE
    t     record;
    wider boolean;
BEGIN
    FOREACH wider IN ARRAY '{false,true}'::boolean[] LOOP
        IF wider THEN
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA leadscore TO leadscore_tenant;
            GRANT USAGE ON ALL SEQUENCES IN SCHEMA leadscore TO leadscore_tenant;
        END IF;
        FOR t IN SELECT c.oid::regclass AS relation, array_agg(a.attname) AS columns FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                 WHERE c.relnamespace = 'leadscore'::regnamespace AND c.relkind IN ('r', 'v') GROUP BY c.oid LOOP
            CALL pg_temp.attempt('table', format('SELECT * FROM %s', t.relation));
            IF 'person_id' = ANY (t.columns) THEN
                CALL pg_temp.attempt('table', format('SELECT * FROM %s WHERE person_id = $ID', t.relation));
                CALL pg_temp.attempt('table', format('UPDATE %s SET person_id = person_id WHERE person_id = $ID', t.relation));
                CALL pg_temp.attempt('table', format('UPDATE %s SET person_id = $ID', t.relation));
                CALL pg_temp.attempt('table', format('DELETE FROM %s WHERE person_id = $ID', t.relation));
            END IF;
            IF 'tenant' = ANY (t.columns) THEN
                CALL pg_temp.attempt('table', format('SELECT * FROM %s WHERE tenant = ''other''', t.relation));
                CALL pg_temp.attempt('table', format('UPDATE %s SET tenant = ''other''', t.relation));
                CALL pg_temp.attempt('table', format('UPDATE %s SET tenant = ''acme'' WHERE tenant = ''other'' OR tenant IS NULL', t.relation));
                CALL pg_temp.attempt('table', format('DELETE FROM %s WHERE tenant = ''other'' OR tenant IS NULL', t.relation));
            END IF;
        END LOOP;
    END LOOP;
END $$;
CALL pg_temp.attempt('table', 'INSERT INTO leadscore.activity (person_id, activity_type) VALUES ($ID, ''call'')');
CALL pg_temp.attempt('table', 'INSERT INTO leadscore.activity (person_id, activity_type) SELECT x, ''call'' FROM unnest(ARRAY[1, $ID]) x');
CALL pg_temp.attempt('table', 'INSERT INTO leadscore.pending (person_id) VALUES ($ID)');
CALL pg_temp.attempt('table', 'INSERT INTO leadscore.score_record (person_id, points, counts_from) VALUES ($ID, 5, ''2026-03-01'')');
CALL pg_temp.attempt('table', 'INSERT INTO leadscore.adjustment (person_id, points, reason, from_day) VALUES ($ID, 5, ''words'', ''2026-03-01'')');
CALL pg_temp.attempt('table', 'INSERT INTO leadscore.person (tenant, kind, external_id) VALUES (''other'', ''candidate'', ''1'')');
CALL pg_temp.attempt('table', 'INSERT INTO leadscore.person (tenant, kind, external_id) VALUES (NULL, ''candidate'', ''1'')');
CALL pg_temp.attempt('table', 'INSERT INTO leadscore.person (tenant, kind, external_id) VALUES (''other'', ''candidate'', ''1'') ON CONFLICT DO NOTHING');
CALL pg_temp.attempt('table', 'INSERT INTO leadscore.rule (tenant, name, points) VALUES (''other'', ''Mine'', 1)');
CALL pg_temp.attempt('table', 'INSERT INTO leadscore.rule (name, points) VALUES (''Mine'', 1)');
CALL pg_temp.attempt('table', 'INSERT INTO leadscore.category (tenant, name) VALUES (''other'', ''mine'')');
REVOKE SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA leadscore FROM leadscore_tenant;
\set ECHO none
\i :recipe
\set ECHO all

-- 3. What is asked or done without an id.
CALL pg_temp.attempt('question', 'SELECT leadscore.report()');
CALL pg_temp.attempt('question', 'SELECT leadscore.report(tenant => ''other'')');
CALL pg_temp.attempt('question', 'SELECT leadscore.report(''nl'', ''zugzwang-owner'', scorecard => ''fit'')');
CALL pg_temp.attempt('question', 'SELECT * FROM leadscore._bands(''other'', NULL, ''main'')');
CALL pg_temp.attempt('question', 'SELECT leadscore._overview_part(NULL, NULL, ''main'', 14)');
CALL pg_temp.attempt('question', 'SELECT leadscore._overview_part(NULL, ''other'', ''fit'', 14)');
CALL pg_temp.attempt('question', 'SELECT * FROM leadscore._category_course(30, NULL, ''other'', ''main'', ''[]'')');
CALL pg_temp.attempt('question', 'SELECT * FROM leadscore._outcomes(ARRAY[9001, 9002], ''main'')');
CALL pg_temp.attempt('question', 'SELECT * FROM leadscore.evaluate(''call'', ''7 days'', ''2026-02-01'', ''2026-03-01'')');
CALL pg_temp.attempt('question', 'SELECT * FROM leadscore.evaluate(''call'', ''7 days'', ''2026-02-01'', ''2026-03-01'', tenant => ''other'')');
CALL pg_temp.attempt('question', 'SELECT * FROM leadscore.evaluate_rules(''call'', ''7 days'', ''2026-02-01'', ''2026-03-01'')');
CALL pg_temp.attempt('question', 'SELECT * FROM leadscore.suggest_points(''call'', ''7 days'', ''2026-02-01'', ''2026-03-01'')');
CALL pg_temp.attempt('question', 'SELECT * FROM leadscore.suggest_bands(''{"hot": 1}'')');
CALL pg_temp.attempt('question', 'SELECT * FROM leadscore.suggest_bands(''{"hot": 1}'', tenant => ''other'')');
CALL pg_temp.attempt('question', 'SELECT * FROM leadscore._scored(NULL, ''other'', ''main'')');
CALL pg_temp.attempt('question', 'SELECT * FROM leadscore._differing(true)');
CALL pg_temp.attempt('question', 'SELECT * FROM leadscore._differences()');
CALL pg_temp.attempt('question', 'SELECT leadscore._history_document(''other'')');
CALL pg_temp.attempt('question', 'SELECT * FROM leadscore.worklist WHERE owner = ''zugzwang-owner''');
CALL pg_temp.attempt('question', 'SELECT * FROM leadscore.cooling(100)');
CALL pg_temp.attempt('question', 'SELECT * FROM leadscore.cooling(100, ''fit'')');
CALL pg_temp.attempt('question', 'SELECT * FROM leadscore.status');
CALL pg_temp.attempt('question', 'SELECT * FROM leadscore.preview(''{"rules": []}'')');
CALL pg_temp.attempt('question', 'SELECT * FROM leadscore.preview(''{"rules": []}'', ''other'')');
CALL pg_temp.attempt('question', 'SELECT * FROM leadscore.preview_persons(''{"rules": []}'')');
CALL pg_temp.attempt('question', 'SELECT * FROM leadscore.preview_persons(''{"rules": []}'', ''other'')');
CALL pg_temp.attempt('question', 'SELECT leadscore.export_config()');
CALL pg_temp.attempt('question', 'SELECT leadscore.export_config(''other'')');
CALL pg_temp.attempt('question', 'SELECT leadscore.import_config(''{"rules": [], "categories": []}'', ''other'')');
CALL pg_temp.attempt('question', 'SELECT leadscore.import_config(''{"rules": [{"name": "Mine", "points": 1}]}'', ''other'')');
CALL pg_temp.attempt('question', 'SELECT leadscore.import_config(''{"rules": [{"name": "Mine", "points": 1}]}'')');
CALL pg_temp.attempt('question', 'SELECT leadscore.load_preset(''recruitment'', ''other'')');
CALL pg_temp.attempt('question', 'SELECT leadscore.load_preset(''recruitment'')');
CALL pg_temp.attempt('question', 'SELECT * FROM leadscore.verify()');
CALL pg_temp.attempt('question', 'SELECT * FROM leadscore.doctor()');
CALL pg_temp.attempt('question', 'SELECT * FROM leadscore.configuration_history');
CALL pg_temp.attempt('question', 'SELECT * FROM leadscore.rule_in_words');
CALL pg_temp.attempt('question', 'SELECT leadscore.track(''{"event": "look", "person": "candidate:1", "consent": true}'', ''other'')');
CALL pg_temp.attempt('question', 'SELECT public.track_own(''{"event": "look", "person": "candidate:zugzwang-77", "visitor": "v1", "consent": false}'')');
CALL pg_temp.attempt('question', 'SELECT leadscore.forget_tenant(''other'')');
CALL pg_temp.attempt('question', 'SELECT leadscore.forget_tenant(''acme'')');
CALL pg_temp.attempt('question', 'SELECT * FROM leadscore_recompute()');
CALL pg_temp.attempt('question', 'SELECT leadscore.score_pending()');
-- Even with the right to call it.
GRANT EXECUTE ON FUNCTION leadscore.forget_tenant(text) TO leadscore_tenant;
CALL pg_temp.attempt('question', 'SELECT leadscore.forget_tenant(''other'') /* granted */');

-- Nothing of another's was read, or written; nothing said more of another's person than of nobody.
SELECT kind, statement, state, left(said, 300) AS said FROM tried WHERE said ~* 'zugzwang' AND statement !~* 'zugzwang' OR said ~* 'Zugzwang [0-9]' OR said ~ '\m900[12][123]\M' AND statement !~ '\m900[12]1\M';
SELECT kind, statement, state, left(said, 300) AS said FROM tried WHERE wrote;
SELECT kind, statement, state, left(said, 300) AS said FROM tried WHERE NOT as_nobody AND statement ~ '900[12]1';
-- The attempts: refused with an error, answered with nothing, or with the tenant's own. SELECT * FROM counted says how many.
CREATE TEMP VIEW counted AS
SELECT kind, count(*) AS attempts, count(*) FILTER (WHERE state <> '00000') AS refused,
       count(*) FILTER (WHERE state = '00000' AND said IN ('nothing', '0 rows', '()', '(0)', '(f)')) AS answered_with_nothing
FROM tried GROUP BY ROLLUP (kind);
SELECT kind, attempts >= 20 AS many, refused >= 13 AS refused, answered_with_nothing >= 7 AS answered_with_nothing FROM counted ORDER BY kind;
SELECT attempts >= 560 AS many, refused >= 290 AS refused, answered_with_nothing >= 200 AS answered_with_nothing FROM counted WHERE kind IS NULL;
-- By privileges and policies, as nobody known, as no function to be called so; nothing else went wrong.
SELECT DISTINCT state FROM tried WHERE state <> '00000' ORDER BY state;
SELECT statement, said FROM tried WHERE state = '23505';
-- Without the setting nobody is seen.
SET ROLE leadscore_tenant;
SELECT count(*) FROM leadscore.worklist;
RESET ROLE;
-- The owner sees all, and dumps all.
SELECT count(*) FROM leadscore.person;
SELECT * FROM leadscore.verify() WHERE item <> 'score' AND person_id NOT IN (2, 90012);
DROP FUNCTION public.track_own;
REVOKE leadscore_tenant FROM CURRENT_USER;
DROP OWNED BY leadscore_tenant;
DROP ROLE leadscore_tenant;
