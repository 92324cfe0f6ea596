-- Remedies of doctor() that are executed as they are printed, one after the other, leave nothing to be said.
INSERT INTO leadscore.activity_type VALUES ('call'), ('visit'), ('stage');
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 10), ('hot', 30);
INSERT INTO leadscore.rule (name, activity_types, points) VALUES ('call', '{call}', 10), ('visit', '{visit}', 7), ('stage', '{stage}', 3);
SELECT FROM leadscore_recompute();
CREATE TABLE candidate (id int PRIMARY KEY, score int DEFAULT 0, prefs json);
CREATE TABLE act (id int PRIMARY KEY, candidate_id int, sort text NOT NULL DEFAULT 'call', m int DEFAULT 1, list json[]);
SELECT leadscore.attach_person('candidate', 'candidate', score => 'score', attributes => '{prefs}');
SELECT leadscore.attach_activity('act', activity_type_column => 'sort', person => 'candidate_id', person_kind => 'candidate', attributes => '{list}');
INSERT INTO candidate VALUES (1);
INSERT INTO act (id, candidate_id) VALUES (1, 1);
CREATE VIEW said AS SELECT severity, finding, remedy FROM leadscore.doctor() WHERE finding !~ 'pg_cron|no rule takes';
CREATE VIEW remedies AS SELECT remedy FROM said;
TABLE said;
-- A table that came back with its triggers.
CREATE TABLE act_new (LIKE act INCLUDING ALL);
DO $$
DECLARE
    t record;
BEGIN
    FOR t IN SELECT pg_get_triggerdef(oid) AS words FROM pg_trigger WHERE tgrelid = 'act'::regclass AND NOT tgisinternal LOOP
        EXECUTE replace(t.words, ' ON public.act ', ' ON public.act_new ');
    END LOOP;
END $$;
INSERT INTO act_new SELECT * FROM act;
DROP TABLE act;
ALTER TABLE act_new RENAME TO act;
TABLE said;
TABLE remedies \gexec
TABLE said;
INSERT INTO act (id, candidate_id) VALUES (2, 1);
SELECT id, score FROM candidate;
-- One that was renamed, and rebuilt under its new name after a run.
ALTER TABLE act RENAME TO calls;
SELECT FROM leadscore_recompute();
CREATE TABLE calls_new (LIKE calls INCLUDING ALL);
INSERT INTO calls_new SELECT * FROM calls;
ALTER TABLE calls RENAME TO calls_old;
ALTER TABLE calls_new RENAME TO calls;
INSERT INTO calls (id, candidate_id) VALUES (3, 1);
TABLE said;
TABLE remedies \gexec
SELECT id, score FROM candidate;
TABLE said;
-- A view that has the old name of a table is no table that took its place.
ALTER TABLE candidate RENAME TO applicant;
CREATE VIEW candidate AS SELECT * FROM applicant;
TABLE said;
DROP VIEW candidate;
-- Rows without a type; categories without a lowest one; what jsonb cannot hold.
INSERT INTO calls (id, candidate_id, sort) VALUES (4, 1, '');
TABLE said;
DELETE FROM calls WHERE id = 4;
DELETE FROM leadscore.category;
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', 0), ('hot', 10);
SELECT FROM leadscore_recompute();
SELECT severity, finding FROM said;
TABLE remedies \gexec
SELECT FROM leadscore_recompute();
TABLE said;
UPDATE applicant SET prefs = '"\u0000"';
INSERT INTO calls (id, candidate_id, list) VALUES (5, 1, ARRAY['"\u0000"']::json[]);
TABLE said;
SELECT * FROM leadscore.verify();
