-- Rows of attached tables are locked and written without a statement, and so are their activities, where a statement would do
-- nothing more. Where it would, it does.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
RESET ROLE;
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (name, activity_types, points) VALUES ('Call', '{call}', 10);
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 5), ('quite warm', 15);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
CREATE TABLE agency (id int PRIMARY KEY);
CREATE TABLE candidate (id int PRIMARY KEY, agency_id int REFERENCES agency DEFERRABLE INITIALLY DEFERRED, name text, score int, category text);
CREATE TABLE call (id int PRIMARY KEY, candidate_id int, at timestamptz NOT NULL DEFAULT '2026-03-01');
SELECT FROM leadscore.attach_person('candidate', 'candidate', name => 'name', score => 'score', category => 'category');
SELECT FROM leadscore.attach_activity('call', activity_type => 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at');
INSERT INTO agency VALUES (1);
INSERT INTO candidate (id, agency_id) VALUES (1, 1), (2, 1), (3, NULL);
CREATE VIEW shown AS SELECT id, score, category FROM candidate ORDER BY id;
INSERT INTO call VALUES (1, 1);
TABLE shown;

-- The key of a row that is new in the transaction is checked at commit, though the row is written again.
BEGIN;
INSERT INTO candidate (id, agency_id) VALUES (4, 9);
INSERT INTO call VALUES (2, 4);
COMMIT;
BEGIN;
INSERT INTO candidate (id, agency_id) VALUES (4, 9);
INSERT INTO call VALUES (2, 4);
INSERT INTO agency VALUES (9);
COMMIT;
TABLE shown;

-- Keys that are checked at once, of rows that the statement or its transaction has written; one of them is written back.
CREATE TABLE rank (name text PRIMARY KEY);
INSERT INTO rank VALUES ('cold'), ('warm');
CREATE TABLE member (id int PRIMARY KEY, agency_id int REFERENCES agency, active boolean DEFAULT true, score int, category text REFERENCES rank);
CREATE TABLE chat (id int PRIMARY KEY, member_id int, at timestamptz NOT NULL DEFAULT '2026-03-01');
SELECT FROM leadscore.attach_person('member', 'member', only_when => '{"active": true}', score => 'score', category => 'category');
SELECT FROM leadscore.attach_activity('chat', activity_type => 'call', person => 'member_id', person_kind => 'member', occurred_at => 'at');
BEGIN;
INSERT INTO member (id, agency_id) VALUES (1, 1), (2, 1);
UPDATE member SET agency_id = 9 WHERE id = 1;
INSERT INTO chat VALUES (1, 1), (2, 2);
UPDATE member SET active = false WHERE id = 2;
COMMIT;
TABLE member ORDER BY id;
BEGIN;
UPDATE member SET agency_id = 9 WHERE id = 2;
INSERT INTO chat VALUES (3, 1);
COMMIT;
DELETE FROM rank WHERE name = 'warm';
BEGIN;
UPDATE member SET active = false WHERE id = 1;
DELETE FROM rank WHERE name = 'warm';
UPDATE member SET agency_id = 1, active = true WHERE id = 1;
COMMIT;
UPDATE member SET agency_id = 8, active = false WHERE id = 1;
TABLE member ORDER BY id;

-- What the action of a foreign key writes is checked when the statement around it ends, and is refused whoever writes the row meanwhile.
CREATE TABLE office (id int PRIMARY KEY);
INSERT INTO office VALUES (1), (2);
CREATE TABLE clerk (id int PRIMARY KEY, office_id int DEFAULT 0 REFERENCES office ON DELETE SET DEFAULT, score int);
CREATE TABLE memo (id int PRIMARY KEY, clerk_id int, at timestamptz NOT NULL DEFAULT '2026-03-01');
SELECT FROM leadscore.attach_person('clerk', 'clerk', score => 'score');
SELECT FROM leadscore.attach_activity('memo', activity_type => 'call', person => 'clerk_id', person_kind => 'clerk', occurred_at => 'at');
INSERT INTO clerk VALUES (1, 1), (2, 2);
WITH memos AS (INSERT INTO memo VALUES (1, 1)) DELETE FROM office WHERE id = 1;
WITH clerks AS (INSERT INTO clerk VALUES (3, 2)), memos AS (INSERT INTO memo VALUES (1, 1), (3, 3)) DELETE FROM office WHERE id = 1;
INSERT INTO office VALUES (0);
WITH memos AS (INSERT INTO memo VALUES (1, 1)) DELETE FROM office WHERE id = 1;
SELECT * FROM clerk ORDER BY id;

-- Indexes on what is written, with expressions and predicates that call the owner's functions, checks and columns that are computed.
CREATE FUNCTION doubled(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN 2 * $1; END $$;
CREATE INDEX ON candidate (score);
CREATE INDEX ON candidate (doubled(score)) WHERE category <> 'cold';
ALTER TABLE candidate ADD CONSTRAINT few CHECK (doubled(score) < 50);
SET enable_seqscan = off;
INSERT INTO call VALUES (3, 2);
SELECT id FROM candidate WHERE score = 10 ORDER BY id;
SELECT id FROM candidate WHERE doubled(score) = 20 AND category <> 'cold' ORDER BY id;
INSERT INTO call SELECT n, 2 FROM generate_series(4, 5) n;
ALTER TABLE candidate DROP CONSTRAINT few, ADD CONSTRAINT short CHECK (length(category) < 6);
INSERT INTO call VALUES (4, 2);
ALTER TABLE candidate DROP CONSTRAINT short, ADD twice int GENERATED ALWAYS AS (2 * score) STORED;
INSERT INTO call VALUES (4, 2);
SELECT id, score, twice FROM candidate WHERE score = 20;
ALTER TABLE candidate DROP twice;
RESET enable_seqscan;

-- A score into which it does not fit, a category that does not, and a column that must be filled.
CREATE TABLE small (id int PRIMARY KEY, score int, category varchar(4) NOT NULL DEFAULT 'none');
CREATE TABLE request (id int PRIMARY KEY, small_id int, at timestamptz NOT NULL DEFAULT '2026-03-01');
SELECT FROM leadscore.attach_person('small', 'small', score => 'score', category => 'category');
SELECT FROM leadscore.attach_activity('request', activity_type => 'call', person => 'small_id', person_kind => 'small', occurred_at => 'at');
INSERT INTO small VALUES (1);
INSERT INTO request VALUES (1, 1);
INSERT INTO request VALUES (2, 1);
INSERT INTO leadscore.rule (name, activity_types, points) SELECT 'Call ' || n, '{call}', 2000000000 FROM generate_series(1, 2) n;
INSERT INTO request VALUES (2, 1);
DELETE FROM leadscore.rule WHERE points = 2000000000;
TABLE small;
UPDATE leadscore.person SET active = false WHERE kind = 'small';

-- Triggers of the application: on what is written, and on other columns.
CREATE TABLE log (n int GENERATED ALWAYS AS IDENTITY, what text);
CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.log (what) VALUES (format('%s: %s', TG_NAME, NEW.score));
    RETURN NEW;
END $$;
CREATE TRIGGER other_column AFTER UPDATE OF name ON candidate FOR EACH ROW EXECUTE FUNCTION log();
INSERT INTO call VALUES (8, 3);
CREATE TRIGGER written AFTER UPDATE OF score ON candidate FOR EACH ROW EXECUTE FUNCTION log();
INSERT INTO call VALUES (9, 3);
DROP TRIGGER written ON candidate;
CREATE TRIGGER before BEFORE UPDATE ON candidate FOR EACH ROW EXECUTE FUNCTION log();
DELETE FROM call WHERE id = 9;
SELECT what FROM log ORDER BY n;
DROP TRIGGER before ON candidate;
DROP TRIGGER other_column ON candidate;
SELECT * FROM leadscore.verify();

-- Another attached table reads what is written.
CREATE TABLE visit (id int PRIMARY KEY, candidate_id int REFERENCES candidate, at timestamptz NOT NULL DEFAULT '2026-03-01');
CREATE INDEX ON visit (candidate_id);
SELECT FROM leadscore.attach_activity('visit', activity_type => 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at',
    attributes => '{candidate_id.category}');
INSERT INTO visit VALUES (1, 1);
SELECT attributes FROM leadscore.activity WHERE attributes IS NOT NULL;
DELETE FROM call WHERE id = 1;
SELECT attributes FROM leadscore.activity WHERE attributes IS NOT NULL;
TABLE shown;
SELECT * FROM leadscore.verify();
SELECT leadscore.detach('visit', keep => false);
DROP TABLE visit;

-- Several rows of one person and of several in one statement; rows that go to another person; of those that change, some come and some go.
DELETE FROM leadscore.category_change;
INSERT INTO call SELECT n, 1 + n % 2 FROM generate_series(20, 25) n;
TABLE shown;
UPDATE call SET candidate_id = CASE WHEN candidate_id = 1 THEN 3 ELSE 1 END WHERE id BETWEEN 20 AND 25;
TABLE shown;
WITH gone AS (DELETE FROM call WHERE id = 20), moved AS (UPDATE call SET candidate_id = 2 WHERE id IN (21, 22))
INSERT INTO call VALUES (26, 2), (27, 3);
TABLE shown;
INSERT INTO call VALUES (26, 1), (28, 1) ON CONFLICT (id) DO UPDATE SET candidate_id = EXCLUDED.candidate_id;
UPDATE call SET candidate_id = 99 WHERE id = 28;
UPDATE call SET candidate_id = CASE id WHEN 28 THEN 1 ELSE NULL END WHERE id IN (26, 28);
TABLE shown;
SELECT person_id, from_category, to_category, score FROM leadscore.category_change ORDER BY change_id;
SELECT a.source_key, p.external_id FROM leadscore.activity a JOIN leadscore.person p USING (person_id) WHERE a.source_key::int >= 20 ORDER BY 1;
SELECT * FROM leadscore.verify();

-- The same with a trigger of somebody else's on leadscore's activities, and deferred.
CREATE FUNCTION seen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.log (what) VALUES (format('%s %s', TG_OP, coalesce(NEW.source_key, OLD.source_key)));
    RETURN NULL;
END $$;
TRUNCATE log;
CREATE TRIGGER seen AFTER INSERT OR UPDATE OR DELETE ON leadscore.activity FOR EACH ROW EXECUTE FUNCTION seen();
INSERT INTO call VALUES (30, 1), (31, 2);
UPDATE call SET candidate_id = 3 - candidate_id WHERE id IN (30, 31);
UPDATE call SET candidate_id = 3 WHERE id IN (30, 31);
DELETE FROM call WHERE id = 30;
SELECT what FROM log ORDER BY n;
DROP TRIGGER seen ON leadscore.activity;
TABLE shown;
UPDATE leadscore.settings SET scoring = 'deferred';
UPDATE call SET candidate_id = 1 WHERE id = 31;
DELETE FROM call WHERE id = 27;
SELECT leadscore.score_pending();
UPDATE leadscore.settings SET scoring = 'at_once';
TABLE shown;
SELECT * FROM leadscore.verify();

-- A column that somebody added to leadscore's activities stays.
ALTER TABLE leadscore.activity ADD remark text;
UPDATE leadscore.activity SET remark = 'mine' WHERE source_key = '31';
UPDATE call SET at = '2026-02-01', candidate_id = 2 WHERE id = 31;
SELECT occurred_at, remark FROM leadscore.activity WHERE remark IS NOT NULL;
ALTER TABLE leadscore.activity DROP remark;

-- Rows that reach one that changes through a table in between: a few are found by indexes, many by a query.
CREATE TABLE room (id int PRIMARY KEY, open boolean NOT NULL DEFAULT false);
CREATE TABLE event (id int PRIMARY KEY, room_id int REFERENCES room);
CREATE TABLE visit (id int PRIMARY KEY, event_id bigint REFERENCES event, candidate_id int);
CREATE INDEX ON event (room_id);
CREATE INDEX ON visit (event_id);
SELECT FROM leadscore.attach_activity('visit', activity_type => 'call', person => 'candidate_id', person_kind => 'candidate',
    only_when => '{"event_id.room_id.open": true}');
INSERT INTO room SELECT generate_series(1, 2);
INSERT INTO event VALUES (1, 1), (2, 1), (3, 2), (4, NULL);
INSERT INTO visit VALUES (1, 1, 1), (2, 1, 2), (3, 2, 3), (4, 4, 4);
INSERT INTO visit SELECT n, 3, 4 FROM generate_series(100, 199) n;
TABLE shown;
UPDATE room SET open = true WHERE id = 1;
TABLE shown;
UPDATE event SET room_id = 1 WHERE id = 4;
UPDATE event SET room_id = NULL WHERE id = 2;
TABLE shown;
UPDATE room SET open = true WHERE id = 2;
TABLE shown;
UPDATE room SET open = false;
TABLE shown;
DROP INDEX visit_event_id_idx;
UPDATE room SET open = true WHERE id = 1;
TABLE shown;
SELECT * FROM leadscore.verify();

-- Keys of other types, and of several columns.
CREATE TABLE guest (key uuid, number bigint, score bigint, category varchar, PRIMARY KEY (number, key));
CREATE TABLE tag (name varchar(20) PRIMARY KEY, score bigint, category text);
CREATE TABLE odd (name numeric PRIMARY KEY, score numeric, category text);
SELECT FROM leadscore.attach_person('guest', 'guest', score => 'score', category => 'category');
SELECT FROM leadscore.attach_person('tag', 'tag', score => 'score', category => 'category');
SELECT FROM leadscore.attach_person('odd', 'odd', score => 'score', category => 'category');
INSERT INTO guest VALUES ('0be5c0de-0000-4000-8000-00000000beef', 7);
INSERT INTO tag VALUES ('Ä, b\c');
INSERT INTO odd VALUES (7.50);
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at)
SELECT person_id, 'call', '2026-03-01' FROM leadscore.person WHERE kind IN ('guest', 'tag', 'odd');
SELECT key, number, score, category FROM guest;
TABLE tag;
TABLE odd;
SELECT * FROM leadscore.verify();

-- For a while two rows have one key, which is checked at commit.
CREATE TABLE late (id int, position int, score int, category text);
ALTER TABLE late ADD PRIMARY KEY (id) DEFERRABLE INITIALLY DEFERRED;
SELECT FROM leadscore.attach_person('late', 'late', score => 'score', category => 'category');
INSERT INTO late VALUES (1, 1);
BEGIN;
INSERT INTO late VALUES (1, 2);
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at)
SELECT person_id, 'call', '2026-03-01' FROM leadscore.person WHERE kind = 'late';
SELECT * FROM late ORDER BY position;
DELETE FROM late WHERE position = 1;
COMMIT;
TABLE late;
SELECT * FROM leadscore.verify();

-- What the owner may not do.
CREATE ROLE regress_table_owner;
GRANT USAGE ON SCHEMA leadscore TO regress_table_owner;
ALTER TABLE candidate OWNER TO regress_table_owner;
REVOKE UPDATE ON candidate FROM regress_table_owner;
INSERT INTO call VALUES (40, 1);
GRANT UPDATE ON candidate TO regress_table_owner;
ALTER TABLE candidate ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY of_some ON candidate USING (id <> 1);
INSERT INTO call VALUES (40, 1), (41, 2);
RESET ROLE;
ALTER TABLE candidate NO FORCE ROW LEVEL SECURITY;
TABLE shown;

-- The owner's functions in a CHECK may do what they may in a statement of the owner's: leave what is checked at commit, and make
-- temporary tables. What they may not do is told as of any write.
RESET ROLE;
CREATE ROLE regress_keeper;
CREATE SCHEMA kept AUTHORIZATION regress_keeper;
GRANT USAGE ON SCHEMA leadscore TO regress_keeper;
SET ROLE regress_keeper;
CREATE TABLE kept.word (word text PRIMARY KEY);
INSERT INTO kept.word VALUES ('written');
CREATE TABLE kept.journal (word text REFERENCES kept.word DEFERRABLE INITIALLY DEFERRED);
CREATE FUNCTION kept.journalled() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO kept.journal VALUES ('written');
    CREATE TEMP TABLE IF NOT EXISTS kept_here (i int);
    RETURN true;
END $$;
CREATE FUNCTION kept.forbidden() RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE insufficient_privilege USING MESSAGE = 'not by me'; END$$;
CREATE TABLE kept.client (id int PRIMARY KEY, score int DEFAULT 0 CHECK (score < 10 OR kept.journalled()) CHECK (score < 20 OR kept.forbidden()));
CREATE TABLE kept.call (id int PRIMARY KEY, client_id int);
SELECT leadscore.attach_person('kept.client', 'client', score => 'score');
SELECT leadscore.attach_activity('kept.call', 'call', person => 'client_id', person_kind => 'client');
INSERT INTO kept.client VALUES (1);
INSERT INTO kept.call VALUES (1, 1);
SELECT score, (SELECT count(*) FROM kept.journal) AS journal FROM kept.client;
INSERT INTO kept.call VALUES (2, 1);
SELECT score FROM kept.client;
RESET ROLE;
SELECT * FROM leadscore.verify();
DROP OWNED BY regress_keeper CASCADE;
DROP ROLE regress_keeper;
RESET ROLE;
SET client_min_messages = warning;
DROP OWNED BY regress_table_owner CASCADE;
DROP ROLE regress_table_owner;
