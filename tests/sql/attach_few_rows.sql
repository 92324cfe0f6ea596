-- The few rows of most statements are brought over one by one: what the statements for many look at must be looked at, too.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
RESET ROLE;
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (name, activity_types, points, relevant_for) VALUES ('Call', '{call}', 10, '60 days');
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 5);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
CREATE TABLE sector (id int PRIMARY KEY, title text);
CREATE TABLE candidate (id int PRIMARY KEY, stage text, sector_id int, score int, category text);
CREATE TABLE call (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, candidate_id int, at timestamptz NOT NULL DEFAULT '2026-03-01');

-- A key to a table in between that was not validated: a row may be committed before the one it names. Attached before that key is
-- there, and with it.
ALTER TABLE candidate ADD CONSTRAINT candidate_sector FOREIGN KEY (sector_id) REFERENCES sector DEFERRABLE;
SELECT FROM leadscore.attach_person('candidate', 'candidate', status => 'sector_id.title', score => 'score', category => 'category');
SELECT FROM leadscore.attach_activity('call', activity_type => 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at');
ALTER TABLE candidate DROP CONSTRAINT candidate_sector;
INSERT INTO candidate (id, sector_id) VALUES (1, 8), (2, NULL);
ALTER TABLE candidate ADD CONSTRAINT candidate_sector FOREIGN KEY (sector_id) REFERENCES sector DEFERRABLE NOT VALID;
INSERT INTO sector VALUES (8, 'Tailors');
SELECT external_id, status FROM leadscore.person ORDER BY external_id;
SELECT * FROM leadscore.verify();

-- A new row has for a while the key of one that waits, whichever of them stays.
INSERT INTO call VALUES (1, 99);
BEGIN;
INSERT INTO call VALUES (1, 1);
DELETE FROM call WHERE candidate_id = 99;
COMMIT;
SELECT a.source_key, p.external_id FROM leadscore.activity a JOIN leadscore.person p USING (person_id) ORDER BY 1;
SELECT count(*) AS waiting FROM leadscore.waiting;
INSERT INTO call VALUES (2, 99);
BEGIN;
INSERT INTO call VALUES (2, 1);
DELETE FROM call WHERE candidate_id = 1 AND id = 2;
COMMIT;
INSERT INTO candidate (id) VALUES (99);
SELECT a.source_key, p.external_id FROM leadscore.activity a JOIN leadscore.person p USING (person_id) ORDER BY 1;
SELECT id, score, category FROM candidate ORDER BY id;
SELECT * FROM leadscore.verify();

-- A trigger of the application's on leadscore's persons registers an activity on each that is new.
CREATE FUNCTION welcome() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (NEW.person_id, 'call', '2026-03-01');
    RETURN NULL;
END $$;
CREATE TRIGGER welcome AFTER INSERT ON leadscore.person FOR EACH ROW EXECUTE FUNCTION welcome();
INSERT INTO candidate (id) VALUES (3);
SELECT id, score, category FROM candidate WHERE id = 3;
SELECT * FROM leadscore.verify();
DROP TRIGGER welcome ON leadscore.person;

-- Deferred: a person goes while its activity waits to be scored, and its row names it still.
UPDATE leadscore.settings SET scoring = 'deferred';
INSERT INTO call VALUES (3, 2);
DELETE FROM leadscore.waiting;
BEGIN;
-- As if it had gone in a transaction that did not see the activity.
SET LOCAL session_replication_role = replica;
DELETE FROM leadscore.person WHERE external_id = '2';
DELETE FROM candidate WHERE id = 2;
COMMIT;
SELECT leadscore.score_pending();
SELECT source_key, external_id FROM leadscore.waiting;
INSERT INTO candidate (id) VALUES (2);
SELECT leadscore.score_pending();
SELECT id, score, category FROM candidate WHERE id = 2;
SELECT * FROM leadscore.verify();
