-- How long an answer takes does not tell a role of one tenant, by the policies of examples/tenants, whether another's person
-- exists: each function that takes a person's id, of a person of another's with 20,000 activities and of nobody. What is printed
-- is what takes longer for the one than for the other, by the fastest of many calls in turns.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set recipe :srcdir /../examples/tenants/policies.sql
RESET ROLE;
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (name, activity_types, points, relevant_for, max_counted) VALUES ('Call', '{call}', 10, '5 days', 2);
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 5);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, tenant, kind, external_id, since)
    VALUES (1, 'acme', 'candidate', 'own', '2026-02-27'), (90011, 'other', 'candidate', 'busy', '2026-02-27');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT 90011, 'call', timestamptz '2026-03-01' - n * interval '1 minute' FROM generate_series(1, 20000) n;
\set ECHO none
\i :recipe
\set ECHO all
GRANT leadscore_tenant TO CURRENT_USER;

CREATE FUNCTION pg_temp.seconds(statement text, OUT seconds double precision, OUT said text) LANGUAGE plpgsql AS $$
DECLARE
    begun timestamptz := clock_timestamp();
BEGIN
    BEGIN
        SET LOCAL ROLE leadscore_tenant;
        PERFORM set_config('app.tenant', 'acme', true);
        EXECUTE statement;
        RAISE EXCEPTION 'nothing remains';
    EXCEPTION WHEN OTHERS THEN
        said := SQLERRM;
    END;
    seconds := extract(epoch FROM clock_timestamp() - begun);
END $$;
CREATE TEMP TABLE timed (statement text, theirs double precision, nobodys double precision);
DO $$
DECLARE
    f record;
BEGIN
    FOR f IN
        SELECT format('SELECT count(*) FROM leadscore.%I(%s) x', p.proname,
                      string_agg(CASE WHEN u.nth = 1 THEN '$ID'
                                      WHEN p.proargnames[u.nth] = 'scorecard' THEN '''main'''
                                      WHEN p.proargnames[u.nth] = 'language' THEN '''en'''
                                      WHEN u.type = 'text'::regtype THEN '''x'''
                                      WHEN u.type = 'date'::regtype THEN format('date ''2026-03-%s''', u.nth)
                                      WHEN u.type = 'timestamptz'::regtype THEN 'timestamptz ''2026-03-01'''
                                      WHEN u.type IN ('int'::regtype, 'bigint'::regtype) THEN '1'
                                      WHEN u.type = 'boolean'::regtype THEN 'true'
                                      ELSE 'NULL::' || u.type::text END, ', ' ORDER BY u.nth)) AS statement
        FROM pg_proc p CROSS JOIN LATERAL unnest(p.proargtypes::oid[]) WITH ORDINALITY u(type, nth)
        WHERE p.pronamespace = 'leadscore'::regnamespace AND p.prokind = 'f' AND p.prorettype <> 'trigger'::regtype
          AND p.proargtypes[0] = 'bigint'::regtype AND has_function_privilege('leadscore_tenant', p.oid, 'EXECUTE')
        GROUP BY p.oid
    LOOP
        FOR nth IN 1..30 LOOP
            INSERT INTO timed SELECT f.statement, theirs.seconds, nobodys.seconds
                FROM pg_temp.seconds(replace(f.statement, '$ID', '90011')) theirs, pg_temp.seconds(replace(f.statement, '$ID', '99999')) nobodys;
        END LOOP;
    END LOOP;
END $$;
SELECT count(DISTINCT statement) >= 15 AS many FROM timed;
-- Those that refuse even a person of its own do not get so far as to tell.
SELECT t.statement, x.said FROM (SELECT DISTINCT statement FROM timed) t, pg_temp.seconds(replace(t.statement, '$ID', '1')) x
WHERE x.said <> 'nothing remains' ORDER BY 1;
-- To read those activities takes 5 ms and more.
SELECT statement FROM timed GROUP BY statement HAVING min(theirs) > 2 * min(nobodys) + 0.0005 ORDER BY statement;
-- The test notices: without the policies many do tell.
SET client_min_messages = error;
ALTER TABLE leadscore.person DISABLE ROW LEVEL SECURITY;
SELECT count(*) >= 10 AS many
FROM (SELECT t.statement
      FROM (SELECT DISTINCT statement FROM timed) t, generate_series(1, 5) g, pg_temp.seconds(replace(t.statement, '$ID', '90011')) theirs,
           pg_temp.seconds(replace(t.statement, '$ID', '99999')) nobodys
      GROUP BY t.statement HAVING min(theirs.seconds) > 2 * min(nobodys.seconds) + 0.0005) tell;
