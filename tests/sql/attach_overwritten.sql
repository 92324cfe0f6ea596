-- Triggers of the application overwrite scores while others of its triggers, or leadscore's own statements that write scores back, run.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id int PRIMARY KEY, note text, other int, score int);
CREATE TABLE member (id int PRIMARY KEY, note text, score int);
SELECT leadscore.attach_person('candidate', 'candidate', score => 'score');
SELECT leadscore.attach_person('member', 'member', score => 'score');
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(TG_ARGV[0], NEW.id);
    RETURN NULL;
END $$;
INSERT INTO candidate VALUES (1), (2), (3);
INSERT INTO member VALUES (1), (2);
TABLE candidate;
-- The key changes, and changes back or to that of a row that is gone, in a trigger that comes before leadscore's.
CREATE FUNCTION further() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('UPDATE candidate SET note = NULL, %s WHERE id = %s', NEW.note, NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER aaa AFTER UPDATE ON candidate FOR EACH ROW WHEN (NEW.note IS NOT NULL) EXECUTE FUNCTION further();
UPDATE candidate SET score = 5, id = 11, note = 'id = 1' WHERE id = 1;
TABLE candidate;
BEGIN;
DELETE FROM candidate WHERE id = 3;
UPDATE candidate SET score = 5, id = 12, note = 'id = 3' WHERE id = 2;
COMMIT;
TABLE candidate;
:verify
-- One fires because a score is written back, and overwrites another.
CREATE TRIGGER aaa AFTER UPDATE ON member FOR EACH ROW EXECUTE FUNCTION again('UPDATE candidate SET score = 77, other = %s');
UPDATE member SET score = 5;
TABLE candidate;
UPDATE member SET score = 5, note = 'more' WHERE id = 2;
TABLE candidate;
TABLE member;
:verify
-- One that overwrites again whatever is written has its way, and no statement fails.
CREATE TRIGGER zzz AFTER UPDATE ON candidate FOR EACH ROW WHEN (NEW.score <> 77) EXECUTE FUNCTION again('UPDATE candidate SET score = 77 WHERE id = %s');
UPDATE candidate SET score = 5 WHERE id = 1;
TABLE candidate;
:verify
