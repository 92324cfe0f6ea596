-- A trigger of the application changes rows while others are brought over: rows that get another key stay what they were, and of more
-- rows than are stored at once those that follow are what they are by then.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
RESET ROLE;
INSERT INTO leadscore.activity_type VALUES ('call'), ('visit');
INSERT INTO leadscore.rule (name, points) VALUES ('Any', 10);
SELECT count(*) FROM leadscore_recompute();
CREATE SCHEMA app;
CREATE TABLE app.place (id int PRIMARY KEY, city text);
CREATE TABLE app.candidate (id int PRIMARY KEY, score int);
CREATE TABLE app.contact (id int PRIMARY KEY, score int);
CREATE TABLE app.link (id int PRIMARY KEY, candidate_id int, contact_id int, place_id int REFERENCES app.place, note text);
CREATE INDEX ON app.link (place_id);
INSERT INTO app.place VALUES (1, 'Linz');
INSERT INTO app.candidate SELECT g FROM generate_series(1, 12) g;
INSERT INTO app.contact SELECT g FROM generate_series(1, 12) g;
SELECT leadscore.attach_person('app.candidate', 'candidate', score => 'score');
SELECT leadscore.attach_person('app.contact', 'contact', score => 'score');
-- Without a moment: that of an activity is when its row was first seen.
SELECT leadscore.attach_activity('app.link', 'call', person => 'candidate_id', person_kind => 'candidate', attributes => '{place_id.city}', label => 'a');
SELECT leadscore.attach_activity('app.link', 'visit', person => 'contact_id', person_kind => 'contact', attributes => '{place_id.city}', label => 'b');
INSERT INTO app.link VALUES (1, 1, 1, 1), (2, 2, 2, 1);
UPDATE leadscore.activity SET occurred_at = '2026-02-01';
CREATE TEMP TABLE before AS SELECT activity_id FROM leadscore.activity;
CREATE FUNCTION app.changes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    UPDATE app.link SET candidate_id = 3 WHERE id = 12 AND candidate_id <> 3;
    RETURN NULL;
END $$;
CREATE TRIGGER changes AFTER UPDATE ON app.candidate FOR EACH STATEMENT EXECUTE FUNCTION app.changes();
UPDATE app.link SET id = id + 10, candidate_id = candidate_id + 4;
SELECT s.label, a.source_key, p.external_id AS person, a.occurred_at, a.activity_id IN (SELECT b.activity_id FROM before b) AS is_the_same
FROM leadscore.activity a JOIN leadscore.source s USING (source_id) JOIN leadscore.person p USING (person_id) ORDER BY 1, 2;
SELECT * FROM leadscore.verify();
-- More than 10,000.
DROP TRIGGER changes ON app.candidate;
SELECT leadscore.detach('app.link', keep => false, label => 'b');
INSERT INTO app.link SELECT g, 1 + g % 12, 1, 1 FROM generate_series(101, 10600) g;
CREATE OR REPLACE FUNCTION app.changes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    UPDATE app.link SET candidate_id = 5, note = 'moved' WHERE id > 10590 AND note IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER changes AFTER UPDATE ON leadscore.activity FOR EACH STATEMENT EXECUTE FUNCTION app.changes();
UPDATE app.place SET city = 'Wien' WHERE id = 1;
SELECT count(*) AS moved FROM app.link WHERE note = 'moved';
SELECT count(*) AS wrong FROM app.link l
WHERE NOT EXISTS (SELECT FROM leadscore.activity a JOIN leadscore.person p USING (person_id)
                  WHERE a.source_key = l.id::text AND p.kind = 'candidate' AND p.external_id = l.candidate_id::text);
SELECT count(*) = (SELECT count(*) FROM app.link) AS each_once FROM leadscore.activity;
SELECT * FROM leadscore.verify();
