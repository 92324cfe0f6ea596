-- A role that may send events, and do nothing else.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
RESET ROLE;
INSERT INTO leadscore.activity_type VALUES ('job_view'), ('website_visit'), ('application');
INSERT INTO leadscore.rule (name, activity_types, points) VALUES ('Job view', '{job_view}', 10), ('Visit', '{website_visit}', 1), ('Application', '{application}', 100);
INSERT INTO leadscore.person (person_id, kind, external_id) VALUES (1, 'candidate', 'a'), (2, 'candidate', 'b'), (3, 'contact', 'a');
CREATE ROLE regress_pixel;
SET ROLE regress_pixel;
SELECT leadscore.track('{"event": "jobview", "person": "candidate:a", "consent": true}');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
GRANT USAGE ON SCHEMA leadscore TO regress_pixel;
SET ROLE regress_pixel;
SELECT leadscore.track('{"event": "jobview", "person": "candidate:a", "consent": true}');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
GRANT EXECUTE ON FUNCTION leadscore.track(jsonb, text) TO regress_pixel;
SET ROLE regress_pixel;
-- Whether there is such a person is not said.
SELECT leadscore.track('{"event": "jobview", "person": "candidate:a", "consent": true}') = leadscore.track('{"event": "jobview", "person": "candidate:nobody", "consent": true}') AS same;
SELECT * FROM leadscore.event;
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.visitor;
\echo :LAST_ERROR_SQLSTATE
SELECT score FROM leadscore.person;
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (1, 'job_view');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.set_consent(1, false);
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.purge_visits();
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore._remove_visits('{1}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore._read_events('{}', NULL, NULL, NULL);
\echo :LAST_ERROR_SQLSTATE
-- Nothing that it puts into its temporary schema is taken for leadscore's or PostgreSQL's.
CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'trapped as %', current_user; END$$;
CREATE FUNCTION pg_temp.coalesce_agg(text) RETURNS text LANGUAGE sql RETURN 1;
CREATE FUNCTION pg_temp.jsonb_build_object(VARIADIC "any") RETURNS jsonb LANGUAGE internal AS 'jsonb_build_object';
CREATE TEMP TABLE visitor (anonymous_id text, visitor_id bigint, consented_at timestamptz);
CREATE TEMP TABLE event_mapping (event text, activity_type text);
CREATE TEMP TABLE track_settings (consent_required boolean);
SET search_path = pg_temp, pg_catalog, leadscore;
SELECT leadscore.track('[{"event": "jobview", "person": "candidate:a"}, {"event": "jobview", "visitor": "v", "consent": true}, {"event": "jobview", "visitor": "v", "consent": false}]') - 'refused' AS result;
RESET search_path;
RESET ROLE;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SET client_min_messages = warning;
DROP OWNED BY regress_pixel CASCADE;
DROP ROLE regress_pixel;
