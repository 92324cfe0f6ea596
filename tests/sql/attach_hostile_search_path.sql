-- Nothing that a role puts into its search_path or its temporary schema changes what attached tables do.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id bigint PRIMARY KEY, code text UNIQUE, state text, score int, category text);
CREATE TABLE call (id bigint PRIMARY KEY, candidate text, at timestamptz, vip boolean, kind text);
\set setup :srcdir /sql/include/hostile.psql
\i :setup
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
