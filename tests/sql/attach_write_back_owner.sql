-- What is written back is written as the owner of the table: its triggers get no other role's rights.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
RESET ROLE;
CREATE ROLE regress_mallory;
CREATE ROLE regress_alice;
CREATE ROLE regress_clerk;
CREATE SCHEMA mallory AUTHORIZATION regress_mallory;
CREATE SCHEMA alice AUTHORIZATION regress_alice;
GRANT USAGE ON SCHEMA leadscore, alice TO regress_mallory;
GRANT USAGE ON SCHEMA leadscore, mallory TO regress_alice;
GRANT USAGE ON SCHEMA mallory TO regress_clerk;
SET SESSION AUTHORIZATION regress_alice;
CREATE TABLE alice.secret (id bigint PRIMARY KEY, person bigint, word text);
INSERT INTO alice.secret VALUES (1, 1, 'a secret');
RESET SESSION AUTHORIZATION;

-- Mallory owns a table that is written back to, and its triggers try everything.
SET SESSION AUTHORIZATION regress_mallory;
CREATE TABLE mallory.candidate (id bigint PRIMARY KEY, score int, category text);
CREATE TABLE mallory.call (id bigint PRIMARY KEY, candidate_id bigint, at timestamptz);
CREATE TABLE mallory.log (n int GENERATED ALWAYS AS IDENTITY, who name, what text);
CREATE FUNCTION mallory.try(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE what;
    INSERT INTO mallory.log (who, what) VALUES (current_user, 'DONE: ' || what);
EXCEPTION WHEN OTHERS THEN
    INSERT INTO mallory.log (who, what) VALUES (current_user, sqlstate || ': ' || sqlerrm);
END $$;
CREATE FUNCTION mallory.attack() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM mallory.try('CREATE ROLE regress_evil SUPERUSER');
    PERFORM mallory.try('SELECT pg_read_file(''PG_VERSION'')');
    PERFORM mallory.try('SET ROLE postgres');
    PERFORM mallory.try('RESET ROLE');
    PERFORM mallory.try('RESET SESSION AUTHORIZATION');
    PERFORM mallory.try('SELECT word FROM alice.secret');
    PERFORM mallory.try(format('SELECT leadscore.attach_person(%s, ''spy'', status => ''word'')', 'alice.secret'::regclass::oid));
    PERFORM mallory.try(format('SELECT leadscore.attach_activity(%s, ''call'', person => ''person'', person_kind => ''candidate'', attributes => ''{word}'')', 'alice.secret'::regclass::oid));
    PERFORM mallory.try('SELECT leadscore.detach(''alice.secret'')');
    PERFORM mallory.try('SELECT leadscore.resync()');
    PERFORM mallory.try('SELECT leadscore.forget_person(1)');
    PERFORM mallory.try('DELETE FROM leadscore.rule');
    PERFORM mallory.try('UPDATE leadscore.person SET score = 1000');
    PERFORM mallory.try('CREATE TRIGGER mine AFTER INSERT ON alice.secret EXECUTE FUNCTION mallory.attack()');
    RETURN NULL;
END $$;
SELECT leadscore.attach_person('mallory.candidate', 'candidate', score => 'score', category => 'category');
SELECT leadscore.attach_activity('mallory.call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at');
INSERT INTO mallory.candidate VALUES (1);
CREATE TRIGGER attack AFTER UPDATE ON mallory.candidate FOR EACH ROW EXECUTE FUNCTION mallory.attack();
GRANT SELECT, INSERT ON mallory.call TO regress_clerk;
RESET SESSION AUTHORIZATION;
-- A superuser adjusts.
SELECT leadscore.adjust((SELECT person_id FROM leadscore.person WHERE kind = 'candidate'), 50, 'Met at a fair', '2026-02-01') > 0 AS adjusted;
-- The words of one refusal are not the same in all versions of PostgreSQL.
SELECT who, replace(what, 'must be superuser to create superusers', 'permission denied to create role') AS what FROM mallory.log ORDER BY n;
SELECT DISTINCT who FROM mallory.log;
TRUNCATE mallory.log;
-- The night.
UPDATE leadscore.category SET min_score = 60 WHERE name = 'hot';
SELECT persons_changed FROM leadscore_recompute('2026-03-02 12:00');
SELECT who, count(*), count(*) FILTER (WHERE what LIKE 'DONE%') AS done FROM mallory.log GROUP BY who;
TRUNCATE mallory.log;
-- A clerk inserts a call: the trigger runs as the table's owner, who the clerk is not, nor is it a superuser.
SET SESSION AUTHORIZATION regress_clerk;
INSERT INTO mallory.call VALUES (1, 1, '2026-02-01');
RESET SESSION AUTHORIZATION;
SELECT who, count(*), count(*) FILTER (WHERE what LIKE 'DONE%') AS done FROM mallory.log GROUP BY who;
SELECT rolname FROM pg_roles WHERE rolname = 'regress_evil';
SELECT source, role FROM leadscore.source ORDER BY 1, 2;
TRUNCATE mallory.log;

-- At commit there would be no owner any more to run as: deferred triggers do not go with writing back, before and after.
SET SESSION AUTHORIZATION regress_mallory;
DROP TRIGGER attack ON mallory.candidate;
CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON mallory.candidate DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mallory.attack();
CREATE TABLE mallory.other (id int PRIMARY KEY, score int);
CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON mallory.other DEFERRABLE INITIALLY IMMEDIATE FOR EACH ROW EXECUTE FUNCTION mallory.attack();
SELECT leadscore.attach_person('mallory.other', 'other', score => 'score');
\echo :LAST_ERROR_SQLSTATE
RESET SESSION AUTHORIZATION;
SELECT leadscore.adjust((SELECT person_id FROM leadscore.person WHERE kind = 'candidate'), 5, 'Met at a fair', '2026-02-01') > 0 AS adjusted;
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.rule SET points = points + 1 WHERE name = 'Any';
SELECT persons_changed FROM leadscore_recompute('2026-03-02 12:00');
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.rule SET points = points - 1 WHERE name = 'Any';
SELECT severity, finding, detail, remedy FROM leadscore.doctor() WHERE finding LIKE '%deferr%';
SELECT who, what FROM mallory.log ORDER BY n;
SELECT rolname FROM pg_roles WHERE rolname = 'regress_evil';
SET SESSION AUTHORIZATION regress_mallory;
DROP TRIGGER late ON mallory.candidate;
RESET SESSION AUTHORIZATION;
SELECT finding FROM leadscore.doctor() WHERE finding LIKE '%deferr%';
SELECT persons_changed FROM leadscore_recompute('2026-03-02 12:00');
-- In functions of hers that others call, she is not those others.
SET SESSION AUTHORIZATION regress_mallory;
CREATE FUNCTION mallory.helpful() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM leadscore.attach_person((SELECT oid FROM pg_class WHERE relname = 'secret')::regclass, 'spy', status => 'word');
END $$;
GRANT EXECUTE ON FUNCTION mallory.helpful() TO PUBLIC;
RESET SESSION AUTHORIZATION;
SELECT mallory.helpful();
\echo :LAST_ERROR_SQLSTATE
SET SESSION AUTHORIZATION regress_alice;
SELECT mallory.helpful();
\echo :LAST_ERROR_SQLSTATE
RESET SESSION AUTHORIZATION;
-- An owner whose functions attach for others can: a member of the owner's role, too.
GRANT regress_alice TO regress_clerk;
GRANT USAGE ON SCHEMA leadscore TO regress_clerk;
SET SESSION AUTHORIZATION regress_clerk;
SELECT leadscore.attach_person('alice.secret', 'secret');
SELECT leadscore.detach('alice.secret', keep => false);
RESET SESSION AUTHORIZATION;
-- Trigger functions of leadscore on a table of one's own do not write what comes from another.
SET SESSION AUTHORIZATION regress_mallory;
CREATE TABLE mallory.forged (id bigint PRIMARY KEY, candidate_id bigint, at timestamptz);
CREATE TRIGGER forged AFTER INSERT OR DELETE ON mallory.forged FOR EACH ROW EXECUTE FUNCTION leadscore._source_row_changed('1');
CREATE TRIGGER forged_2 AFTER INSERT OR DELETE ON mallory.forged FOR EACH STATEMENT EXECUTE FUNCTION leadscore._source_changed('1');
CREATE TRIGGER forged_3 AFTER TRUNCATE ON mallory.forged FOR EACH STATEMENT EXECUTE FUNCTION leadscore._source_truncated('1');
INSERT INTO mallory.forged VALUES (1, 1, '2026-02-01');
DELETE FROM mallory.forged;
TRUNCATE mallory.forged;
RESET SESSION AUTHORIZATION;
SELECT external_id FROM leadscore.person ORDER BY 1;
-- Row-level security of the table does not hide its rows from the owner that leadscore reads and writes as.
SET SESSION AUTHORIZATION regress_mallory;
ALTER TABLE mallory.candidate ENABLE ROW LEVEL SECURITY;
ALTER TABLE mallory.candidate FORCE ROW LEVEL SECURITY;
RESET SESSION AUTHORIZATION;
INSERT INTO mallory.call VALUES (2, 1, '2026-02-01');
SELECT score FROM mallory.candidate;
SELECT * FROM leadscore.verify();
DROP OWNED BY regress_mallory, regress_alice, regress_clerk CASCADE;
DROP ROLE regress_mallory, regress_alice, regress_clerk;
