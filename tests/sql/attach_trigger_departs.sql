-- A trigger of the owner's, fired as a score is written back in another role's statement, takes rows of another attached table.
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (name, activity_types, points) VALUES ('c', '{call}', 3);
CREATE TABLE candidate (id int PRIMARY KEY, score int DEFAULT 0, deed text);
CREATE TABLE lead (id int PRIMARY KEY DEFERRABLE);
CREATE TABLE visit (id int PRIMARY KEY, lead_id int);
CREATE TABLE call (id int PRIMARY KEY, candidate_id int);
CREATE FUNCTION do_deed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE NEW.deed;
    RETURN NULL;
END $$;
CREATE TRIGGER do_deed AFTER UPDATE OF score ON candidate FOR EACH ROW EXECUTE FUNCTION do_deed();
ALTER TABLE candidate OWNER TO regress_owner;
ALTER TABLE lead OWNER TO regress_owner;
ALTER TABLE visit OWNER TO regress_owner;
GRANT ALL ON candidate, lead, visit, call TO regress_app;
SELECT leadscore.attach_person('candidate', 'candidate', score => 'score');
SELECT leadscore.attach_person('lead', 'lead');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate');
SELECT leadscore.attach_activity('visit', 'call', person => 'lead_id', person_kind => 'lead');
INSERT INTO candidate VALUES
    (1, 0, 'DELETE FROM public.lead WHERE id = 1'),
    (2, 0, 'TRUNCATE public.lead'),
    (3, 0, 'WITH gone AS (DELETE FROM public.lead WHERE id = 1 RETURNING id) INSERT INTO public.visit SELECT 9, id FROM gone'),
    (4, 0, 'UPDATE public.lead SET id = 7 WHERE id = 1'),
    (5, 0, 'UPDATE public.lead SET id = 3 - id');
CREATE PROCEDURE act(candidate_id int) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO lead SELECT g FROM generate_series(1, 2) g WHERE NOT EXISTS (SELECT FROM lead l WHERE l.id = g);
    INSERT INTO visit VALUES (1, 1) ON CONFLICT DO NOTHING;
    SET ROLE regress_app;
    INSERT INTO call VALUES (candidate_id, candidate_id);
    RESET ROLE;
END $$;
CREATE VIEW leads AS
SELECT p.external_id, p.score, (SELECT count(*) FROM leadscore.waiting) AS waits FROM leadscore.person p WHERE p.kind = 'lead';

CALL act(1);
SELECT * FROM leads ORDER BY external_id;
CALL act(2);
SELECT * FROM leads ORDER BY external_id;
CALL act(3);
SELECT * FROM leads ORDER BY external_id;
DELETE FROM visit WHERE id = 9;
CALL act(4);
SELECT * FROM leads ORDER BY external_id;
CALL act(5);
SELECT * FROM leads ORDER BY external_id;
SELECT id, score FROM candidate ORDER BY id;
SELECT * FROM leadscore.verify();
