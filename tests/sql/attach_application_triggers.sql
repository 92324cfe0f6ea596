-- The application's own triggers on attached tables.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id bigint PRIMARY KEY, name text, state text, score int, category text);
CREATE TABLE call (id bigint PRIMARY KEY, candidate_id bigint, at timestamptz, vip boolean, note text);
SELECT leadscore.attach_person('candidate', 'candidate', status => 'state', score => 'score', category => 'category');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{vip}');
CREATE TABLE visit (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, candidate_id bigint, at timestamptz);
SELECT leadscore.attach_activity('visit', 'visit', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at');
INSERT INTO candidate (id) VALUES (1), (2), (3);
-- BEFORE triggers change what is written: a column of the statement, one that is not, or the row does not come at all.
CREATE FUNCTION before_call() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.note = 'skip' THEN RETURN NULL; END IF;
    NEW.vip := NEW.note = 'vip';
    NEW.at := coalesce(NEW.at, '2026-02-01');
    RETURN NEW;
END $$;
CREATE TRIGGER before_call BEFORE INSERT OR UPDATE ON call FOR EACH ROW EXECUTE FUNCTION before_call();
INSERT INTO call (id, candidate_id, note) VALUES (1, 1, 'vip'), (2, 1, 'skip'), (3, 1, NULL);
SELECT id, score FROM candidate ORDER BY id;
UPDATE call SET note = 'vip' WHERE id = 3;
SELECT id, score FROM candidate ORDER BY id;
:verify
UPDATE call SET note = NULL;
SELECT id, score FROM candidate ORDER BY id;
:verify
DROP TRIGGER before_call ON call;
-- AFTER ROW triggers that change the same row, before leadscore's own and after them.
CREATE FUNCTION mend() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('UPDATE %s SET %s WHERE id = $1', TG_RELID::regclass, TG_ARGV[0]) USING NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER aaa AFTER INSERT ON call FOR EACH ROW EXECUTE FUNCTION mend('candidate_id = 2');
INSERT INTO call VALUES (10, 1, '2026-02-01'), (11, 1, '2026-02-01');
SELECT id, score FROM candidate ORDER BY id;
:verify
DROP TRIGGER aaa ON call;
CREATE TRIGGER zzz AFTER INSERT ON call FOR EACH ROW EXECUTE FUNCTION mend('candidate_id = 3, id = id + 100');
INSERT INTO call VALUES (12, 1, '2026-02-01'), (13, 1, '2026-02-01');
SELECT id, score FROM candidate ORDER BY id;
:verify
DROP TRIGGER zzz ON call;
CREATE TRIGGER aaa AFTER INSERT ON candidate FOR EACH ROW EXECUTE FUNCTION mend('state = ''first''');
CREATE TRIGGER zzz AFTER INSERT ON candidate FOR EACH ROW EXECUTE FUNCTION mend('state = state || '', last''');
INSERT INTO candidate (id, state) VALUES (4, 'new'), (5, 'new');
SELECT external_id, status FROM leadscore.person ORDER BY 1;
:verify
DROP TRIGGER aaa ON candidate;
DROP TRIGGER zzz ON candidate;
-- A row that its own trigger removes again, and one that is replaced.
CREATE FUNCTION remove() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM call WHERE id = NEW.id;
    IF NEW.note = 'replace' THEN INSERT INTO call VALUES (NEW.id, 5, NEW.at, true, 'done'); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER aaa AFTER INSERT ON call FOR EACH ROW WHEN (NEW.note IN ('remove', 'replace')) EXECUTE FUNCTION remove();
INSERT INTO call VALUES (20, 1, '2026-02-01', NULL, 'remove'), (21, 1, '2026-02-01', NULL, 'keep'), (22, 1, '2026-02-01', NULL, 'replace');
ALTER TRIGGER aaa ON call RENAME TO zzz;
INSERT INTO call VALUES (23, 1, '2026-02-01', NULL, 'remove'), (24, 1, '2026-02-01', NULL, 'keep'), (25, 1, '2026-02-01', NULL, 'replace');
SELECT id, score FROM candidate ORDER BY id;
:verify
DROP TRIGGER zzz ON call;
-- AFTER triggers, for each row and for each statement, that write to other attached tables.
CREATE FUNCTION spread() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO visit (candidate_id, at) VALUES (NEW.candidate_id, NEW.at);
    INSERT INTO candidate (id, state) VALUES (NEW.candidate_id, 'met') ON CONFLICT (id) DO UPDATE SET state = 'met';
    RETURN NULL;
END $$;
CREATE TRIGGER spread AFTER INSERT ON call FOR EACH ROW EXECUTE FUNCTION spread();
CREATE FUNCTION spread_all() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO visit (candidate_id, at) SELECT candidate_id, at FROM n;
    RETURN NULL;
END $$;
CREATE TRIGGER spread_all AFTER INSERT ON call REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION spread_all();
INSERT INTO call SELECT 30 + g, 5 + g % 2, '2026-02-01' FROM generate_series(1, 40) g;
SELECT id, state, score FROM candidate ORDER BY id;
:verify
DROP TRIGGER spread ON call;
DROP TRIGGER spread_all ON call;
-- A trigger that catches an error within leadscore's sight: what was rolled back is forgotten, the rest is not.
CREATE FUNCTION careful() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        UPDATE call SET candidate_id = 3 WHERE id = NEW.id;
        IF NEW.id % 2 = 0 THEN RAISE 'no'; END IF;
    EXCEPTION WHEN raise_exception THEN
        UPDATE call SET candidate_id = 2 WHERE id = NEW.id;
    END;
    RETURN NULL;
END $$;
DELETE FROM call;
CREATE TRIGGER careful AFTER INSERT ON call FOR EACH ROW EXECUTE FUNCTION careful();
INSERT INTO call SELECT g, 1, '2026-02-01' FROM generate_series(1, 5) g;
SELECT id, score FROM candidate WHERE id < 4 ORDER BY id;
:verify
DROP TRIGGER careful ON call;
-- Triggers on the person's table see what is written back, and a trigger that answers a new category with an activity ends.
-- They run as the table's owner, who finds what is named without a schema beside the table, whatever the session's search_path is.
CREATE TABLE log (id bigint, score int, category text, depth int);
CREATE FUNCTION note_category() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO log VALUES (NEW.id, NEW.score, NEW.category, pg_trigger_depth());
    IF NEW.category = 'hot' THEN INSERT INTO visit (candidate_id, at) VALUES (NEW.id, '2026-02-02'); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER note_category AFTER UPDATE OF category ON candidate FOR EACH ROW WHEN (OLD.category IS DISTINCT FROM NEW.category) EXECUTE FUNCTION note_category();
INSERT INTO candidate (id) VALUES (77);
INSERT INTO call VALUES (101, 77, '2026-02-01'), (102, 77, '2026-02-01');
INSERT INTO call VALUES (103, 77, '2026-02-01');
SET search_path = pg_catalog;
DELETE FROM app.call WHERE id > 101;
SET search_path = app, public;
SELECT id, score, category FROM log;
SELECT score, category FROM candidate WHERE id = 77;
:verify
