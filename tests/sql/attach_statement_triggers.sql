-- BEFORE triggers of the application for a statement, whatever their name, that bring about scores of the rows that it will write.
INSERT INTO leadscore.activity_type VALUES ('call'), ('visit'), ('stage');
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 10), ('hot', 30);
INSERT INTO leadscore.rule (name, activity_types, points) VALUES ('call', '{call}', 10), ('visit', '{visit}', 7), ('stage', '{stage}', 3);
SELECT FROM leadscore_recompute();
CREATE TABLE candidate (id int PRIMARY KEY, stage text, score int DEFAULT 0);
CREATE TABLE history (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, candidate_id int);
SELECT leadscore.attach_person('candidate', 'candidate', status => 'stage', score => 'score');
SELECT leadscore.attach_activity('history', 'stage', person => 'candidate_id', person_kind => 'candidate');
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO history (candidate_id) SELECT id FROM candidate;
    RETURN NULL;
END $$;
INSERT INTO candidate VALUES (1, 'new'), (2, 'new'), (3, 'new');
CREATE TRIGGER "Audit" BEFORE INSERT OR UPDATE OR DELETE ON candidate FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION note();
UPDATE candidate SET stage = 'offer' WHERE id = 1;
SELECT * FROM candidate ORDER BY id;
DELETE FROM candidate WHERE id = 3;
SELECT * FROM candidate ORDER BY id;
INSERT INTO candidate VALUES (1, 'won'), (4, 'new') ON CONFLICT (id) DO UPDATE SET stage = EXCLUDED.stage;
SELECT * FROM candidate ORDER BY id;
SELECT * FROM leadscore.verify();
