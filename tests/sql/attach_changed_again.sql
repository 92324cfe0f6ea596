-- Triggers of the application's own change a row again that has just been written, before leadscore's own come to it: columns that
-- leadscore reads, and others.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE place (id int PRIMARY KEY, city text);
CREATE TABLE candidate (id int PRIMARY KEY, state text, note text, other int, score int);
CREATE TABLE call (id int PRIMARY KEY, candidate_id int, stage text, note text, other int, at timestamptz DEFAULT '2026-02-01');
CREATE TABLE visit (nth int, candidate_id int, stage text, place_id int REFERENCES place, note text, other int, at timestamptz DEFAULT '2026-02-01', PRIMARY KEY (candidate_id, nth))
    PARTITION BY RANGE (nth);
CREATE TABLE visit_1 PARTITION OF visit FOR VALUES FROM (0) TO (10);
CREATE TABLE visit_2 PARTITION OF visit FOR VALUES FROM (10) TO (100);
CREATE TABLE letter (code text PRIMARY KEY, candidate_id int, stage text, place_id int REFERENCES place, note text, other int, at timestamptz DEFAULT '2026-02-01');
CREATE INDEX ON letter (place_id);
CREATE INDEX ON visit (place_id);
INSERT INTO place VALUES (1, 'Wien');
SELECT leadscore.attach_person('candidate', 'candidate', status => 'state', score => 'score');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', only_when => '{"stage": "done"}');
SELECT leadscore.attach_activity('visit', 'visit', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', only_when => '{"stage": "done"}');
SELECT leadscore.attach_activity('letter', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', only_when => '{"stage": "done"}',
                                 attributes => '{place_id.city}');
-- What they do is told by the row's note: statements, one after the other, about the row with its key.
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    key text := CASE WHEN TG_ARGV[0] = 'visit' THEN format('(candidate_id, nth) = (%s)', concat_ws(', ', to_jsonb(NEW) ->> 'candidate_id', to_jsonb(NEW) ->> 'nth'))
                     ELSE format('%s = %L', TG_ARGV[1], to_jsonb(NEW) ->> TG_ARGV[1]) END;
    step text;
BEGIN
    FOREACH step IN ARRAY string_to_array(NEW.note, '; ') LOOP
        EXECUTE CASE WHEN step = 'delete' THEN format('DELETE FROM %I WHERE %s', TG_ARGV[0], key)
                     WHEN step LIKE 'insert%' THEN format('INSERT INTO %I %s', TG_ARGV[0], substr(step, 8))
                     ELSE format('UPDATE %I SET note = NULL, %s WHERE %s', TG_ARGV[0], step, key) END;
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER again AFTER INSERT OR UPDATE ON candidate FOR EACH ROW WHEN (NEW.note IS NOT NULL) EXECUTE FUNCTION again('candidate', 'id');
CREATE TRIGGER again AFTER INSERT OR UPDATE ON call FOR EACH ROW WHEN (NEW.note IS NOT NULL) EXECUTE FUNCTION again('call', 'id');
CREATE TRIGGER again AFTER INSERT OR UPDATE ON letter FOR EACH ROW WHEN (NEW.note IS NOT NULL) EXECUTE FUNCTION again('letter', 'code');
CREATE TRIGGER again AFTER INSERT OR UPDATE ON visit FOR EACH ROW WHEN (NEW.note IS NOT NULL) EXECUTE FUNCTION again('visit');
CREATE VIEW known AS
SELECT p.external_id, p.status, p.score, array_agg(concat_ws(' ', a.activity_type, a.source_key, a.attributes) ORDER BY a.activity_type, a.source_key) AS activities
FROM leadscore.person p LEFT JOIN leadscore.activity a USING (person_id) GROUP BY p.person_id ORDER BY p.external_id;
RESET ROLE;
GRANT SELECT ON ALL TABLES IN SCHEMA leadscore TO regress_application;
SET ROLE regress_application;
-- New rows, of which columns change that nobody reads, and those that are read.
INSERT INTO candidate VALUES (1, 'new', 'other = 1'), (2, 'new', 'state = ''met'''), (3, 'new', NULL);
INSERT INTO call VALUES (1, 1, 'done', 'other = 1'), (2, 1, 'open', 'stage = ''done'''), (3, 1, 'done', 'stage = ''open'''), (4, 2, 'done', 'delete'),
                        (5, 2, 'done', 'delete; insert VALUES (5, 3, ''done'')'), (6, 1, 'open', 'other = 1');
INSERT INTO letter VALUES ('a', 1, 'done', 1, 'other = 1'), ('b', 1, 'open', 1, 'stage = ''done'''), ('c', 1, 'done', NULL, 'place_id = 1');
INSERT INTO visit VALUES (1, 1, 'done', 1, 'other = 1'), (2, 1, 'open', 1, 'stage = ''done'''), (3, 1, 'done', 1, 'nth = 13');
TABLE known;
:verify
-- Rows that become something, or nothing, or stay nothing, and change again.
UPDATE call SET stage = 'open', note = 'other = 1' WHERE id = 1;
UPDATE call SET stage = 'open', note = 'at = at + interval ''1 day''' WHERE id = 2;
UPDATE call SET stage = 'done', note = 'other = 1; at = at + interval ''1 day''' WHERE id = 3;
UPDATE call SET stage = 'open', note = 'delete' WHERE id = 5;
UPDATE call SET at = at + interval '2 days', note = 'other = 1; other = 1' WHERE id = 6;
UPDATE letter SET stage = 'open', note = 'other = 1' WHERE code = 'a';
UPDATE letter SET stage = 'open', note = 'stage = ''late''; stage = ''done''; other = 1' WHERE code = 'b';
UPDATE letter SET candidate_id = 2, note = 'other = 1' WHERE code = 'c';
UPDATE visit SET stage = 'open', note = 'other = 1' WHERE nth < 3;
UPDATE candidate SET state = 'hired', note = 'other = 1' WHERE id = 3;
TABLE known;
:verify
-- Keys that change.
UPDATE call SET id = 30, note = 'other = 1' WHERE id = 3;
UPDATE call SET id = 31, note = 'candidate_id = 3; other = 1' WHERE id = 30;
UPDATE call SET id = 32, note = 'id = 33; other = 1' WHERE id = 31;
UPDATE call SET id = 34, note = 'delete; insert VALUES (33, 2, ''done'')' WHERE id = 33;
UPDATE letter SET code = repeat('long ', 300), note = 'other = 1' WHERE code = 'b';
UPDATE letter SET code = 'short', note = 'other = 1' WHERE code LIKE 'long%';
UPDATE visit SET nth = nth + 1, note = 'other = 1', stage = 'done' WHERE nth = 13;
UPDATE visit SET nth = nth - 10, note = 'other = 1' WHERE nth = 14;
UPDATE candidate SET id = 4, note = 'other = 1' WHERE id = 3;
UPDATE candidate SET id = 5, note = 'state = ''left''' WHERE id = 4;
TABLE known;
:verify
-- All at once, at REPEATABLE READ, and undone.
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE call SET stage = 'done', note = 'other = 1', candidate_id = 1;
UPDATE letter SET stage = CASE code WHEN 'a' THEN 'done' ELSE 'open' END, note = 'other = 1; at = at - interval ''1 day''';
SAVEPOINT s;
UPDATE call SET stage = 'open', note = 'other = 1';
INSERT INTO candidate VALUES (6, 'new', 'other = 1');
ROLLBACK TO s;
UPDATE visit SET stage = 'done', note = 'other = 1; other = 1';
COMMIT;
TABLE known;
:verify
DELETE FROM candidate;
SELECT count(*) FROM leadscore.person;
:verify
-- What is done in a block that is rolled back is done again after it: such a statement takes what the one around it has changed, too.
CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        EXECUTE format('UPDATE %I SET other = 2, %s WHERE id = $1', TG_TABLE_NAME, TG_ARGV[0]) USING NEW.id;
        RAISE division_by_zero;
    EXCEPTION WHEN division_by_zero THEN NULL;
    END;
    RETURN NULL;
END $$;
CREATE TRIGGER zzz AFTER INSERT OR UPDATE ON candidate FOR EACH ROW WHEN (NEW.other = 1) EXECUTE FUNCTION fails('state = ''failed''');
CREATE TRIGGER zzz AFTER INSERT OR UPDATE ON call FOR EACH ROW WHEN (NEW.other = 1) EXECUTE FUNCTION fails('stage = ''failed''');
INSERT INTO candidate (id, state, other) VALUES (1, 'new', 1), (2, 'new', 1);
UPDATE candidate SET state = 'met', other = 1, score = 77;
DELETE FROM call;
INSERT INTO call (id, candidate_id, stage, other) VALUES (1, 1, 'done', 1), (2, 2, 'done', 1), (3, 2, 'open', 1);
UPDATE call SET candidate_id = 2, other = 1 WHERE id = 1;
WITH gone AS (DELETE FROM call WHERE id = 2) UPDATE call SET other = 1, stage = 'done' WHERE id = 3;
TABLE known;
TABLE candidate;
:verify
-- So it is of persons, whose trigger of somebody else's may do the same.
RESET ROLE;
CREATE FUNCTION app.person_fails() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        UPDATE leadscore.person SET status = 'failed' WHERE person_id = NEW.person_id;
        RAISE division_by_zero;
    EXCEPTION WHEN division_by_zero THEN NULL;
    END;
    RETURN NULL;
END $$;
INSERT INTO leadscore.rule (name, statuses, points) VALUES ('Hired', '{hired}', 1000);
DO 'BEGIN PERFORM leadscore_recompute(''2026-03-01 12:00''); END';
CREATE TRIGGER zzz AFTER UPDATE OF status ON leadscore.person FOR EACH ROW WHEN (NEW.status = 'hired') EXECUTE FUNCTION app.person_fails();
UPDATE candidate SET state = 'hired';
TABLE candidate;
SELECT * FROM leadscore.verify();
DROP TRIGGER zzz ON leadscore.person;
