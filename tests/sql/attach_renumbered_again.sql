-- A row whose key a statement changes, and a trigger of the application's, of a name before leadscore's, changes further in the same
-- statement, is the same person: it keeps its adjustments and what was registered on it.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id int PRIMARY KEY, stage text, note text, score int);
CREATE TABLE call (id int PRIMARY KEY, candidate_id int REFERENCES candidate ON UPDATE CASCADE, at timestamptz);
SELECT leadscore.attach_person('candidate', 'candidate', status => 'stage', score => 'score');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at');
INSERT INTO candidate SELECT g, 'open' FROM generate_series(1, 6) g;
INSERT INTO call SELECT g, g, '2026-02-01' FROM generate_series(1, 6) g;
RESET ROLE;
SELECT count(leadscore.adjust(person_id, external_id::int, 'known for long')) FROM leadscore.person;
SET ROLE regress_application;
\set show 'SELECT c.*, p.external_id, p.status, p.score, p.person_id - (SELECT min(person_id) FROM leadscore.person) AS nth, (SELECT sum(a.points) FROM leadscore.adjustment a WHERE a.person_id = p.person_id) AS adjusted FROM candidate c FULL JOIN leadscore.person p ON p.external_id = c.id::text ORDER BY c.id;'
:show
-- It changes a column that is read.
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('UPDATE candidate SET %s WHERE id = $1', TG_ARGV[0]) USING NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER aaa AFTER UPDATE OF id ON candidate FOR EACH ROW WHEN (OLD.id <> NEW.id AND NEW.id < 100) EXECUTE FUNCTION again('stage = ''moved''');
UPDATE candidate SET id = 11 WHERE id = 1;
:show
:verify
-- Several rows, one of which takes the key that another leaves, which is stored before it.
UPDATE candidate SET note = 'stored anew' WHERE id = 2;
SET enable_indexscan = off;
SET enable_bitmapscan = off;
UPDATE candidate SET id = CASE id WHEN 2 THEN 3 ELSE 12 END WHERE id IN (2, 3);
RESET enable_indexscan;
RESET enable_bitmapscan;
:show
:verify
DROP TRIGGER aaa ON candidate;
-- It changes the key again.
CREATE TRIGGER aaa AFTER UPDATE OF id ON candidate FOR EACH ROW WHEN (OLD.id <> NEW.id AND NEW.id < 100) EXECUTE FUNCTION again('id = id + 100');
UPDATE candidate SET id = 14 WHERE id = 4;
:show
:verify
-- And takes the key back, or makes another row of it.
DROP TRIGGER aaa ON candidate;
CREATE TRIGGER aaa AFTER UPDATE OF id ON candidate FOR EACH ROW WHEN (OLD.id <> NEW.id AND NEW.id = 15) EXECUTE FUNCTION again('id = 5');
UPDATE candidate SET id = 15 WHERE id = 5;
:show
:verify
DROP TRIGGER aaa ON candidate;
CREATE FUNCTION another() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE candidate SET stage = 'left' WHERE id = NEW.id;
    INSERT INTO candidate VALUES (OLD.id, 'new');
    RETURN NULL;
END $$;
CREATE TRIGGER aaa AFTER UPDATE OF id ON candidate FOR EACH ROW EXECUTE FUNCTION another();
UPDATE candidate SET id = 16 WHERE id = 6;
:show
:verify
