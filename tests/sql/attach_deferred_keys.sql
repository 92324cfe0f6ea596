-- Foreign keys that are checked at commit, as Django makes all of them: a row that a transaction has written is written back to, and its
-- keys are checked all the same.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE sector (id int PRIMARY KEY, title text);
CREATE TABLE entity (id int PRIMARY KEY, login text);
CREATE TABLE contact (entity_id int PRIMARY KEY REFERENCES entity DEFERRABLE INITIALLY DEFERRED, sector_id int REFERENCES sector DEFERRABLE INITIALLY DEFERRED,
                      code text UNIQUE DEFERRABLE INITIALLY DEFERRED, score int, category text);
CREATE TABLE todo (id int PRIMARY KEY, entity_id int REFERENCES entity DEFERRABLE INITIALLY DEFERRED, at timestamptz DEFAULT '2026-02-01');
CREATE INDEX ON contact (sector_id);
CREATE INDEX ON todo (entity_id);
SELECT leadscore.attach_person('contact', 'contact', status => 'sector_id.title', owner => 'entity_id.login', score => 'score', category => 'category');
SELECT leadscore.attach_activity('todo', 'call', person => 'entity_id', person_kind => 'contact', occurred_at => 'at');
-- The owner writes. Keys that lead nowhere for a while do no harm.
BEGIN;
INSERT INTO contact VALUES (1, 7, 'a'), (2, 7, 'b');
INSERT INTO todo VALUES (1, 1), (2, 1), (3, 2);
INSERT INTO entity VALUES (1, 'ada'), (2, 'ben');
UPDATE contact SET code = CASE code WHEN 'a' THEN 'b' ELSE 'a' END;
INSERT INTO sector VALUES (7, 'Bakers');
INSERT INTO todo VALUES (4, 2);
COMMIT;
TABLE contact ORDER BY entity_id;
SELECT external_id, status, owner, score FROM leadscore.person ORDER BY 1;
:verify
-- What leads nowhere at commit is refused there, and nothing of it stays.
BEGIN;
INSERT INTO contact VALUES (3, 8);
INSERT INTO entity VALUES (3, 'cy');
INSERT INTO todo VALUES (5, 3);
SELECT entity_id, score FROM contact WHERE entity_id = 3;
COMMIT;
BEGIN;
UPDATE contact SET sector_id = 9 WHERE entity_id = 1;
INSERT INTO todo VALUES (5, 1);
COMMIT;
TABLE contact ORDER BY entity_id;
:verify
BEGIN;
INSERT INTO entity VALUES (3, 'cy');
INSERT INTO contact VALUES (3, 8);
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;
BEGIN;
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE contact SET sector_id = 7 WHERE entity_id = 1;
INSERT INTO todo VALUES (5, 1);
COMMIT;
SELECT entity_id, score FROM contact ORDER BY 1;
-- Another role writes, which owns nothing.
RESET ROLE;
CREATE ROLE regress_clerk;
GRANT USAGE ON SCHEMA app TO regress_clerk;
GRANT SELECT, INSERT, UPDATE, DELETE ON sector, entity, contact, todo TO regress_clerk;
SET ROLE regress_clerk;
BEGIN;
INSERT INTO contact VALUES (4, 8), (5, 8);
INSERT INTO todo VALUES (6, 4), (7, 5);
UPDATE contact SET code = 'x' WHERE entity_id = 4;
SAVEPOINT s;
INSERT INTO todo VALUES (8, 4);
ROLLBACK TO s;
INSERT INTO todo VALUES (9, 5);
INSERT INTO entity VALUES (4, 'dee'), (5, 'eve');
INSERT INTO sector VALUES (8, 'Tailors');
COMMIT;
SELECT entity_id, score FROM contact ORDER BY 1;
BEGIN;
UPDATE contact SET sector_id = 9 WHERE entity_id = 4;
INSERT INTO todo VALUES (10, 4);
COMMIT;
:verify
-- With triggers of the owner's that write to such tables, too.
RESET ROLE;
SET ROLE regress_application;
CREATE TABLE audit (id int GENERATED ALWAYS AS IDENTITY, contact_id int REFERENCES contact DEFERRABLE INITIALLY DEFERRED, score int);
CREATE FUNCTION note_score() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO audit (contact_id, score) VALUES (NEW.entity_id, NEW.score); RETURN NULL; END $$;
CREATE TRIGGER note_score AFTER UPDATE ON contact FOR EACH ROW WHEN (OLD.score IS DISTINCT FROM NEW.score) EXECUTE FUNCTION note_score();
BEGIN;
UPDATE contact SET sector_id = 7 WHERE entity_id = 4;
INSERT INTO todo VALUES (10, 4);
COMMIT;
SELECT contact_id, score FROM audit ORDER BY id;
:verify
-- For another role these triggers leave nothing behind that would run at commit.
RESET ROLE;
SET ROLE regress_clerk;
INSERT INTO todo VALUES (11, 5);
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
SELECT count(*) FROM leadscore.verify();
-- What such a trigger sets does not outlive it, for nobody.
CREATE SCHEMA trap AUTHORIZATION regress_application;
SET ROLE regress_application;
CREATE OR REPLACE FUNCTION note_score() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('search_path', 'trap, pg_catalog', TG_ARGV[0]::boolean); RETURN NULL; END $$;
DROP TRIGGER note_score ON contact;
CREATE TRIGGER note_score AFTER UPDATE ON contact FOR EACH ROW EXECUTE FUNCTION note_score(false);
CREATE TRIGGER note_score_locally AFTER UPDATE ON contact FOR EACH ROW EXECUTE FUNCTION note_score(true);
SHOW search_path;
INSERT INTO todo VALUES (12, 5);
SHOW search_path;
RESET ROLE;
SELECT leadscore.adjust((SELECT person_id FROM leadscore.person WHERE external_id = '5'), 50, 'Met at a fair', '2026-02-01') > 0 AS adjusted;
SHOW search_path;
SELECT persons_changed > 0 AS changed FROM leadscore_recompute('2026-03-02 12:00', full_rebuild => true);
SHOW search_path;
:verify
RESET ROLE;
DROP OWNED BY regress_clerk;
DROP ROLE regress_clerk;
-- A row that others reach goes and comes again; one comes first for a key that was looked for, and first for one that was not.
SET ROLE regress_application;
BEGIN;
DELETE FROM entity WHERE id = 1;
INSERT INTO entity VALUES (1, 'again');
COMMIT;
BEGIN;
INSERT INTO entity VALUES (21, 'first');
INSERT INTO contact (entity_id, sector_id) VALUES (21, 77), (22, NULL);
SAVEPOINT s;
INSERT INTO entity VALUES (22, 'undone');
ROLLBACK TO s;
INSERT INTO sector VALUES (77, 'Millers');
INSERT INTO entity VALUES (22, 'second');
COMMIT;
SELECT external_id, status, owner FROM leadscore.person WHERE external_id IN ('1', '21', '22') ORDER BY 1;
:verify
