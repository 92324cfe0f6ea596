-- Code that the owner of an attached table hangs on it (domains, expressions in indexes and checks, generated columns,
-- defaults, policies, rules, casts) never runs with the rights of leadscore or of the superuser who starts a run, and cannot
-- make leadscore miss a change.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
RESET ROLE;
CREATE ROLE regress_mallory;
CREATE ROLE regress_bob;
CREATE ROLE regress_clerk;
CREATE SCHEMA mallory AUTHORIZATION regress_mallory;
GRANT USAGE ON SCHEMA leadscore TO regress_mallory;
GRANT USAGE ON SCHEMA mallory TO regress_clerk, regress_bob;
SET SESSION AUTHORIZATION regress_mallory;
-- Each of them says so when it runs as a superuser.
CREATE FUNCTION mallory.spy(what text, value text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN RAISE WARNING '% as a superuser', what; END IF;
    RETURN true;
END $$;
CREATE FUNCTION mallory.spied(value int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$BEGIN PERFORM mallory.spy('expression', value::text); RETURN value; END$$;
CREATE DOMAIN mallory.key AS int CHECK (mallory.spy('domain of the key', VALUE::text));
CREATE DOMAIN mallory.number AS int CHECK (mallory.spy('domain of the score', VALUE::text));
CREATE DOMAIN mallory.word AS text CHECK (mallory.spy('domain of the category', VALUE::text));
CREATE TYPE mallory.state AS ENUM ('new', 'old');
CREATE FUNCTION mallory.told(mallory.state) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$BEGIN PERFORM mallory.spy('cast', 'a value'); RETURN 'always the same'; END$$;
CREATE CAST (mallory.state AS text) WITH FUNCTION mallory.told AS IMPLICIT;
CREATE TABLE mallory.candidate (
    id mallory.key PRIMARY KEY, state mallory.state, score mallory.number CHECK (mallory.spy('check', score::text)), category mallory.word,
    double int GENERATED ALWAYS AS (2 * mallory.spied(score)) STORED, rest boolean DEFAULT mallory.spy('default', random()::text));
CREATE INDEX ON mallory.candidate (mallory.spied(score)) WHERE mallory.spied(score) > 0;
CREATE TABLE mallory.call (id int PRIMARY KEY, candidate_id mallory.key, at timestamptz, seen json, spot point, state mallory.state, numbers int[]);
SELECT leadscore.attach_person('mallory.candidate', 'candidate', status => 'state', score => 'score', category => 'category');
SELECT leadscore.attach_activity('mallory.call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{seen, spot, state, numbers}');
ALTER TABLE mallory.candidate ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE mallory.call ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY spy ON mallory.candidate USING (mallory.spy('policy', id::text));
CREATE POLICY spy ON mallory.call USING (mallory.spy('policy', id::text));
INSERT INTO mallory.candidate (id, state) VALUES (1, 'new');
INSERT INTO mallory.call VALUES (1, 1, '2026-02-01', '{"a": 1}', '(1,2)', 'new', '{1}');
GRANT INSERT ON mallory.call TO regress_clerk;
RESET SESSION AUTHORIZATION;
SELECT mallory.spy('what a superuser calls', 'x');
-- A superuser's run, repair, check and adjustment write and read her tables, and none of it runs as the superuser.
UPDATE leadscore.rule SET points = 11 WHERE name = 'Any';
SELECT persons_changed FROM leadscore_recompute('2026-03-02 12:00');
SELECT leadscore.resync();
SELECT * FROM leadscore.verify();
SELECT leadscore.adjust((SELECT person_id FROM leadscore.person), 5, 'Met at a fair', '2026-02-01') IS NOT NULL AS adjusted;
SELECT leadscore.reattach('mallory.call');
SELECT id, score, category, double FROM mallory.candidate;
-- A clerk's insert brings the score at once.
SET SESSION AUTHORIZATION regress_clerk;
INSERT INTO mallory.call (id, candidate_id, at) VALUES (2, 1, '2026-02-01');
RESET SESSION AUTHORIZATION;
SELECT id, score, category, double FROM mallory.candidate;
-- No cast tells whether a value changed, nor does the equality of a type that has none.
SET SESSION AUTHORIZATION regress_mallory;
UPDATE mallory.candidate SET state = 'old';
UPDATE mallory.call SET seen = '{"a": 2}' WHERE id = 1;
UPDATE mallory.call SET spot = '(3,4)' WHERE id = 1;
UPDATE mallory.call SET state = 'old' WHERE id = 1;
UPDATE mallory.call SET numbers = '{1,2}' WHERE id = 1;
RESET SESSION AUTHORIZATION;
SELECT status FROM leadscore.person;
SELECT attributes FROM leadscore.activity WHERE source_key = '1';
SELECT * FROM leadscore.verify();
-- A rule or a trigger of hers that bends what is written back bends it in her own table alone, and is found.
SET SESSION AUTHORIZATION regress_mallory;
CREATE RULE bend AS ON UPDATE TO mallory.candidate DO INSTEAD NOTHING;
INSERT INTO mallory.call (id, candidate_id, at) VALUES (3, 1, '2026-02-01');
RESET SESSION AUTHORIZATION;
SELECT item, stored, derived FROM leadscore.verify();
DROP RULE bend ON mallory.candidate;
SELECT leadscore.resync('mallory.candidate');
SELECT * FROM leadscore.verify();
-- A new owner owns what runs, too.
ALTER TABLE mallory.candidate OWNER TO regress_bob;
SET SESSION AUTHORIZATION regress_mallory;
DELETE FROM mallory.call WHERE id = 3;
RESET SESSION AUTHORIZATION;
SELECT id, score, category, double FROM mallory.candidate;
-- An owner who may no longer write there: the application is told so.
REVOKE USAGE ON SCHEMA mallory FROM regress_bob;
SET SESSION AUTHORIZATION regress_mallory;
DELETE FROM mallory.call WHERE id = 2;
\echo :LAST_ERROR_SQLSTATE
RESET SESSION AUTHORIZATION;
SELECT * FROM leadscore.verify();
DROP OWNED BY regress_mallory, regress_bob, regress_clerk CASCADE;
DROP ROLE regress_mallory, regress_bob, regress_clerk;
