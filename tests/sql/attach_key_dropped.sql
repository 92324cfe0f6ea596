-- Foreign keys of a path that are dropped, or made anew otherwise, after the table was attached.
INSERT INTO leadscore.activity_type VALUES ('meeting');
INSERT INTO leadscore.rule (name, activity_types, points) VALUES ('m', '{meeting}', 10);
SELECT FROM leadscore_recompute();
CREATE TABLE candidate (id int PRIMARY KEY, score int DEFAULT 0);
CREATE TABLE event (id int PRIMARY KEY, state text);
CREATE TABLE attendee (id int PRIMARY KEY, candidate_id int, event_id int CONSTRAINT of_event REFERENCES event);
CREATE INDEX ON attendee (event_id);
SELECT leadscore.attach_person('candidate', 'candidate', score => 'score');
SELECT leadscore.attach_activity('attendee', 'meeting', person => 'candidate_id', person_kind => 'candidate', only_when => '{"event_id.state": "done"}');
INSERT INTO candidate VALUES (1), (2);
INSERT INTO event VALUES (1, 'done');
INSERT INTO attendee VALUES (1, 1, 1);
CREATE VIEW said AS SELECT severity, finding, remedy FROM leadscore.doctor() WHERE finding LIKE 'trigger%' OR finding LIKE '%event%';
TABLE said;

ALTER TABLE attendee DROP CONSTRAINT of_event;
TABLE said;
SELECT leadscore.reattach('public.attendee');
TABLE said;
DELETE FROM event;
SELECT * FROM candidate ORDER BY id;
INSERT INTO attendee VALUES (2, 2, 2);
INSERT INTO event VALUES (2, 'done');
SELECT * FROM candidate ORDER BY id;
SELECT * FROM leadscore.verify();

-- One that lets rows of before refer to none.
ALTER TABLE attendee ADD CONSTRAINT of_event FOREIGN KEY (event_id) REFERENCES event NOT VALID;
INSERT INTO event VALUES (1, 'done');
SELECT * FROM candidate ORDER BY id;
SELECT * FROM leadscore.verify();
TABLE said;

-- Attached with such a key.
SELECT leadscore.detach('attendee', keep => false);
DELETE FROM attendee;
DELETE FROM event;
ALTER TABLE attendee DROP CONSTRAINT of_event;
INSERT INTO attendee VALUES (3, 1, 3);
ALTER TABLE attendee ADD CONSTRAINT of_event FOREIGN KEY (event_id) REFERENCES event NOT VALID;
SELECT leadscore.attach_activity('attendee', 'meeting', person => 'candidate_id', person_kind => 'candidate', only_when => '{"event_id.state": "done"}');
INSERT INTO event VALUES (3, 'done');
SELECT * FROM candidate ORDER BY id;
SELECT * FROM leadscore.verify();
TABLE said;

-- Another key between the same tables stays.
ALTER TABLE attendee VALIDATE CONSTRAINT of_event;
ALTER TABLE attendee ADD other_id int REFERENCES event;
TABLE said;
