-- An ORM that saves the whole row writes back the score that it once read: the row's own trigger corrects it in the same statement.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id int PRIMARY KEY, state text, note text, score int, category text);
CREATE TABLE call (id int PRIMARY KEY, candidate_id int, at timestamptz);
SELECT leadscore.attach_person('candidate', 'candidate', status => 'state', score => 'score', category => 'category');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at');
INSERT INTO candidate VALUES (1), (2), (3);
INSERT INTO call SELECT n, 1 + n % 2, '2026-02-01' FROM generate_series(1, 6) n;
TABLE candidate ORDER BY id;
UPDATE candidate SET state = 'x', score = 0, category = 'cold' WHERE id = 1;
UPDATE candidate SET note = 'only', score = 7 WHERE id = 2;
UPDATE candidate SET category = NULL WHERE id = 3;
TABLE candidate ORDER BY id;
UPDATE candidate SET score = -1, category = 'mine', id = id + 10;
TABLE candidate ORDER BY id;
:verify
-- A new row with a score, an upsert, a row that its own trigger changes once more.
INSERT INTO candidate VALUES (11, 'y', NULL, 99, 'hot'), (20, 'y', NULL, 99, 'hot') ON CONFLICT (id) DO UPDATE SET score = 98;
TABLE candidate ORDER BY id;
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE candidate SET note = 'again' WHERE id = NEW.id; RETURN NULL; END $$;
CREATE TRIGGER aaa AFTER UPDATE OF score ON candidate FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION again();
UPDATE candidate SET score = 55 WHERE id = 12;
TABLE candidate ORDER BY id;
:verify
-- In a partition that is named itself.
CREATE TABLE branch (id int, region text, score int, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE branch_n PARTITION OF branch FOR VALUES IN ('n');
SELECT leadscore.attach_person('branch', 'branch', score => 'score');
INSERT INTO branch VALUES (1, 'n'), (2, 'n');
UPDATE branch SET score = 5 WHERE id = 1;
UPDATE branch_n SET score = 5 WHERE id = 2;
TABLE branch ORDER BY id;
:verify
