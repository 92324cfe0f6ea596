-- Nothing that a role puts into its search_path or its temporary schema changes what attached tables do.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id bigint PRIMARY KEY, code text UNIQUE, state text, score int, category text);
CREATE TABLE call (id bigint PRIMARY KEY, candidate text, at timestamptz, vip boolean, kind text);
RESET ROLE;
CREATE SCHEMA regress_evil AUTHORIZATION regress_application;
GRANT USAGE, CREATE ON SCHEMA regress_evil TO regress_application;
SET ROLE regress_application;

-- Whoever calls one of these is told so.
DO $$
DECLARE
    o record;
BEGIN
    -- Functions that leadscore's own statements call, with the same arguments or ones that fit better.
    FOR o IN SELECT * FROM (VALUES ('now', '', 'timestamptz'), ('greatest', 'date, date', 'date'), ('sum', 'bigint', 'bigint'), ('abs', 'bigint', 'bigint'),
            ('coalesce', 'bigint, bigint', 'bigint'), ('sign', 'int', 'float8'), ('isfinite', 'timestamptz', 'boolean'), ('isfinite', 'date', 'boolean'),
            ('timezone', 'text, timestamptz', 'timestamp'), ('format', 'text, text', 'text'), ('format', 'text, text, text', 'text'), ('set_config', 'text, text, boolean', 'text'),
            ('cardinality', 'bigint[]', 'int'), ('unnest', 'bigint[], date[]', 'bigint'), ('extract', 'text, interval', 'numeric'), ('date_part', 'text, interval', 'float8'),
            ('jsonb_contains', 'jsonb, jsonb', 'boolean'), ('generate_series', 'int, int', 'int'), ('clock_timestamp', '', 'timestamptz'),
            ('_begin', '', 'date'), ('array_agg', 'bigint', 'bigint'), ('unnest', 'text[]', 'text'), ('jsonb_each', 'jsonb', 'text'), ('to_regclass', 'text', 'regclass'), ('_take_activities', 'int, text[], text[], text[], text[], timestamptz[], jsonb[]', 'void'), ('_write_back', 'bigint[]', 'void'), ('_source_rows', 'int', 'text'), ('_rescore', 'bigint[]', 'int'), ('_day', 'timestamptz, text', 'date'), ('scoring_day', 'timestamptz', 'date')) f(name, args, result)
    LOOP
        EXECUTE format('CREATE FUNCTION regress_evil.%I(%s) RETURNS %s LANGUAGE plpgsql AS $f$BEGIN RAISE EXCEPTION ''trapped as %% by %s'', current_user; END$f$', o.name, o.args, o.result, o.name);
    END LOOP;
END $$;
DO $$
DECLARE
    o record;
    n int := 0;
BEGIN
    -- Operators, one function each.
    FOR o IN SELECT * FROM (VALUES ('=', 'bigint', 'bigint', 'boolean'), ('=', 'text', 'text', 'boolean'), ('=', 'date', 'date', 'boolean'), ('=', 'int', 'int', 'boolean'),
            ('<>', 'bigint', 'bigint', 'boolean'), ('<>', 'text', 'text', 'boolean'), ('<', 'date', 'date', 'boolean'), ('<=', 'date', 'date', 'boolean'), ('>', 'date', 'date', 'boolean'),
            ('>=', 'bigint', 'bigint', 'boolean'), ('<', 'bigint', 'bigint', 'boolean'), ('<', 'timestamptz', 'timestamptz', 'boolean'), ('+', 'date', 'interval', 'timestamp'),
            ('+', 'bigint', 'bigint', 'bigint'), ('*', 'bigint', 'bigint', 'bigint'), ('/', 'bigint', 'bigint', 'bigint'), ('-', 'date', 'date', 'int'),
            ('@>', 'jsonb', 'jsonb', 'boolean'), ('||', 'text', 'text', 'text')) f(name, l, r, result)
    LOOP
        n := n + 1;
        EXECUTE format('CREATE FUNCTION regress_evil.op%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS $f$BEGIN RAISE EXCEPTION ''trapped as %% by operator %s'', current_user; END$f$', n, o.l, o.r, o.result, o.name);
        EXECUTE format('CREATE OPERATOR regress_evil.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = regress_evil.op%s)', o.name, o.l, o.r, n);
    END LOOP;
END $$;
-- Tables and types named like leadscore's, and like the catalogs that it reads.
CREATE TABLE regress_evil.person (person_id bigint, score bigint);
CREATE TABLE regress_evil.activity_type (activity_type text);
CREATE TABLE regress_evil.pg_class (oid oid);
CREATE TEMP TABLE person (person_id bigint, kind text, score bigint);
CREATE TEMP TABLE score_record (person_id bigint);
CREATE TEMP TABLE inserted (person_id bigint, activity_id bigint, activity_type text, attributes jsonb, occurred_at timestamptz, recorded_at timestamptz);
CREATE TEMP TABLE old_row (person_id bigint);
CREATE TEMP TABLE new_row (person_id bigint);
CREATE TEMP TABLE pg_timezone_names (name text);
CREATE TEMP TABLE pg_extension (extname text);
CREATE TYPE pg_temp.date AS (mine int);
CREATE TYPE pg_temp.bigint AS (mine int);

SET search_path = regress_evil, pg_temp, leadscore, pg_catalog;
-- The traps are set.
SELECT 1::pg_catalog.int8 = 1::pg_catalog.int8;
SELECT scoring_day(pg_catalog.now());
CREATE TEMP TABLE candidate (id bigint, score int);
CREATE TEMP TABLE waiting (source_id int);
CREATE TEMP TABLE source (source_id int);
CREATE TEMP TABLE pg_trigger (oid oid);
CREATE TEMP TABLE pg_class (oid oid);
SELECT leadscore.attach_person('app.candidate', 'candidate', key => 'code', status => 'state', score => 'score', category => 'category');
SELECT leadscore.attach_activity('app.call', person => 'candidate', person_kind => 'candidate', occurred_at => 'at', attributes => '{vip}', activity_type_column => 'kind', only_when => '{"kind": ["call", "visit", "fax"]}');
INSERT INTO app.candidate VALUES (1, 'a', 'new', 7, 'x'), (2, 'b', 'new', NULL, NULL);
INSERT INTO app.call VALUES (1, 'a', '2026-02-01', true, 'call');
INSERT INTO app.call VALUES (2, 'a', '2026-02-01', true, 'call'), (3, 'b', '2026-02-01', false, 'visit'), (4, 'c', '2026-02-01', false, 'visit'), (5, 'a', '2026-02-01', false, 'fax');
INSERT INTO app.call SELECT g, 'b', '2026-02-01', NULL, 'call' FROM pg_catalog.generate_series(10, 60) g;
UPDATE app.call SET candidate = 'a', at = '2026-02-02' WHERE id OPERATOR(pg_catalog.<) 20;
UPDATE app.candidate SET state = 'active';
UPDATE app.candidate SET code = 'c' WHERE id OPERATOR(pg_catalog.=) 2;
INSERT INTO app.call VALUES (1, 'c', '2026-02-01', true, 'call') ON CONFLICT DO NOTHING;
DELETE FROM app.call WHERE id OPERATOR(pg_catalog.=) 60;
TABLE app.candidate;
BEGIN;
TRUNCATE app.call;
TABLE app.candidate;
ROLLBACK;
SELECT scored_on FROM public.leadscore_recompute('2026-03-02 12:00', true);
SELECT leadscore.detach('app.call', keep => false);
SELECT leadscore.attach_activity('app.call', 'visit', person => 'candidate', person_kind => 'candidate', occurred_at => 'at');
DELETE FROM app.candidate WHERE id OPERATOR(pg_catalog.=) 2;
-- What fails, fails by leadscore's own words.
SELECT leadscore.attach_person('app.candidate', 'candidate');
SELECT leadscore.attach_person('app.call', 'call', status => 'nothing');
INSERT INTO app.call VALUES (90, 'a', 'infinity');
TABLE app.candidate;
RESET ROLE;
-- Now as the role that owns leadscore, whose search_path is the hostile one.
SELECT leadscore.resync();
SELECT * FROM leadscore.verify();
SELECT finding FROM leadscore.doctor() WHERE finding OPERATOR(pg_catalog.~~) '%trigger%';
SELECT leadscore.merge_person(1, 3);
RESET search_path;
SELECT * FROM leadscore.verify();
