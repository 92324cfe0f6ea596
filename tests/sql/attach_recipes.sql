-- The recipes of the documentation: a company scored through its contacts, references through two tables by the name of a model, and
-- an application that merges duplicates. Each at READ COMMITTED and at REPEATABLE READ.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE company (company_id int PRIMARY KEY, name text, score int, category text);
CREATE TABLE contact (contact_id int PRIMARY KEY, company_id int REFERENCES company, score int, category text);
CREATE TABLE appointment (appointment_id int PRIMARY KEY, contact_id int REFERENCES contact, starts_at timestamptz DEFAULT '2026-02-01');
CREATE INDEX ON contact (company_id);
CREATE INDEX ON appointment (contact_id);
INSERT INTO company VALUES (1, 'Bakery'), (2, 'Builders');
INSERT INTO contact VALUES (1, 1), (2, 1), (3, NULL);
INSERT INTO appointment VALUES (1, 1), (2, 2);
SELECT leadscore.attach_person('company', 'company', name => 'name', score => 'score', category => 'category');
SELECT leadscore.attach_person('contact', 'contact', score => 'score', category => 'category');
SELECT leadscore.attach_activity('appointment', 'visit', person => 'contact_id', person_kind => 'contact', occurred_at => 'starts_at');
SELECT leadscore.attach_activity('appointment', 'visit', person => 'contact_id.company_id', person_kind => 'company', occurred_at => 'starts_at');
\set scores 'SELECT ''company'' AS kind, company_id AS id, score, category FROM company UNION ALL SELECT ''contact'', contact_id, score, category FROM contact ORDER BY 1, 2;'
:scores
INSERT INTO appointment VALUES (3, 3), (4, 1);
:scores
-- A contact changes employers: what was done with it counts for the new one from now on. One who had none gets one.
UPDATE contact SET company_id = 2 WHERE contact_id IN (1, 3);
:scores
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE contact SET company_id = 1 WHERE contact_id = 3;
INSERT INTO appointment VALUES (5, 3);
DELETE FROM appointment WHERE appointment_id = 2;
COMMIT;
:scores
:verify
-- A message belongs to an activity, and the activity by the name of a model to whatever there is: a table of one's own, filled by
-- triggers on both.
CREATE TABLE activity (activity_id int PRIMARY KEY, model text, record_id int);
CREATE TABLE message (message_id int PRIMARY KEY, activity_id int REFERENCES activity, sent_at timestamptz);
CREATE INDEX ON message (activity_id);
CREATE TABLE contact_message (message_id int PRIMARY KEY REFERENCES message ON DELETE CASCADE, contact_id int, sent_at timestamptz);
CREATE FUNCTION follow_message() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO contact_message
    SELECT NEW.message_id, (SELECT a.record_id FROM activity a WHERE a.activity_id = NEW.activity_id AND a.model = 'contact'), NEW.sent_at
    ON CONFLICT (message_id) DO UPDATE SET contact_id = EXCLUDED.contact_id, sent_at = EXCLUDED.sent_at;
    RETURN NULL;
END $$;
CREATE FUNCTION follow_activity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE contact_message c SET contact_id = CASE NEW.model WHEN 'contact' THEN NEW.record_id END
    FROM message m WHERE m.activity_id = NEW.activity_id AND c.message_id = m.message_id;
    RETURN NULL;
END $$;
CREATE TRIGGER follow_message AFTER INSERT OR UPDATE OF activity_id, sent_at ON message FOR EACH ROW EXECUTE FUNCTION follow_message();
CREATE TRIGGER follow_activity AFTER UPDATE OF model, record_id ON activity FOR EACH ROW EXECUTE FUNCTION follow_activity();
SELECT leadscore.attach_activity('contact_message', 'call', person => 'contact_id', person_kind => 'contact', occurred_at => 'sent_at');
INSERT INTO activity VALUES (1, 'contact', 1), (2, 'vacancy', 1), (3, 'contact', 2);
INSERT INTO message VALUES (1, 1, '2026-02-02'), (2, 2, '2026-02-02'), (3, 3, '2026-02-02'), (4, NULL, '2026-02-02');
SELECT contact_id, score FROM contact ORDER BY 1;
UPDATE activity SET record_id = 3 WHERE activity_id = 1;
UPDATE message SET activity_id = 3 WHERE message_id = 4;
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE activity SET model = 'contact', record_id = 2 WHERE activity_id = 2;
DELETE FROM message WHERE message_id = 3;
INSERT INTO message VALUES (5, 2, '2026-02-02');
COMMIT;
SELECT contact_id, score FROM contact ORDER BY 1;
SELECT message_id, contact_id FROM contact_message ORDER BY 1;
:verify
-- Duplicates that the application merges: without more, what belongs to leadscore alone goes with the loser's row.
ALTER TABLE contact ADD merged_into int REFERENCES contact ON DELETE SET NULL;
INSERT INTO contact (contact_id) VALUES (11), (12), (13), (14);
RESET ROLE;
SELECT leadscore.adjust(p.person_id, 50, 'Met at a fair', '2026-02-01') > 0 AS adjusted FROM leadscore.person p WHERE external_id IN ('12', '14') ORDER BY 1;
SELECT severity, finding, detail, remedy FROM leadscore.doctor() WHERE finding LIKE '%adjustments%';
CREATE FUNCTION merge_scores() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore.merge_person(l.person_id, w.person_id)
    FROM leadscore.person l JOIN leadscore.person w USING (kind)
    WHERE kind = TG_ARGV[0] AND l.external_id = OLD.contact_id::text AND w.external_id = NEW.merged_into::text;
    RETURN NULL;
END $$;
CREATE TRIGGER merge_scores AFTER UPDATE OF merged_into ON contact FOR EACH ROW WHEN (NEW.merged_into IS NOT NULL) EXECUTE FUNCTION merge_scores('contact');
SET ROLE regress_application;
INSERT INTO appointment VALUES (6, 11), (7, 12), (8, 14);
UPDATE contact SET merged_into = 11 WHERE contact_id = 12;
UPDATE appointment SET contact_id = 11 WHERE contact_id = 12;
DELETE FROM contact WHERE contact_id = 12;
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE appointment SET contact_id = 13 WHERE contact_id = 14;
UPDATE contact SET merged_into = 13 WHERE contact_id = 14;
DELETE FROM contact WHERE contact_id = 14;
COMMIT;
SELECT contact_id, score FROM contact WHERE contact_id > 10 ORDER BY 1;
SELECT count(*) AS adjustments FROM leadscore.adjustment;
:verify
RESET ROLE;
DROP FUNCTION merge_scores CASCADE;
