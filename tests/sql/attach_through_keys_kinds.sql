-- Foreign keys of every kind: deferrable ones, of several columns, to partitioned tables, to tables with children, between types.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
\set activities 'SELECT source_key, occurred_at::date, attributes FROM leadscore.activity ORDER BY source_id, source_key;'
CREATE TABLE candidate (id bigint PRIMARY KEY, score int);
INSERT INTO candidate VALUES (1), (2);
SELECT leadscore.attach_person('candidate', 'candidate', score => 'score');
-- Deferrable: a row may refer to none for a while.
CREATE TABLE event (id int PRIMARY KEY, at date, note text);
CREATE TABLE meeting (id int PRIMARY KEY, candidate_id int, event_id int REFERENCES event DEFERRABLE INITIALLY DEFERRED);
CREATE INDEX ON meeting (event_id);
SELECT leadscore.attach_activity('meeting', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'event_id.at', attributes => '{event_id.note}');
BEGIN;
INSERT INTO meeting VALUES (1, 1, 1), (2, 2, 1);
:activities
INSERT INTO event VALUES (1, '2026-02-01', 'first');
:activities
COMMIT;
:verify
BEGIN;
DELETE FROM event;
:activities
INSERT INTO event VALUES (1, '2026-02-02', 'second');
COMMIT;
:activities
INSERT INTO event VALUES (2, '2026-02-03', 'other');
BEGIN;
UPDATE event SET id = 3 - id WHERE id = 1 AND false;
UPDATE event SET id = 9 WHERE id = 1;
UPDATE event SET id = 1 WHERE id = 2;
UPDATE event SET id = 2 WHERE id = 9;
COMMIT;
:activities
:verify
SELECT leadscore.detach('meeting', keep => false);
-- Of several columns, to a partitioned table.
CREATE TABLE slot (region text, id int, at timestamptz, note text, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE slot_n PARTITION OF slot FOR VALUES IN ('n');
CREATE TABLE slot_s PARTITION OF slot FOR VALUES IN ('s') PARTITION BY RANGE (id);
CREATE TABLE slot_s_1 PARTITION OF slot_s FOR VALUES FROM (0) TO (100);
CREATE TABLE visit (id int PRIMARY KEY, candidate_id smallint, region text, slot_id int, FOREIGN KEY (region, slot_id) REFERENCES slot ON UPDATE CASCADE);
CREATE INDEX ON visit (region, slot_id);
INSERT INTO slot VALUES ('n', 1, '2026-02-01', 'a'), ('s', 1, '2026-02-02', 'b');
INSERT INTO visit VALUES (1, 1, 'n', 1), (2, 2, 's', 1);
SELECT leadscore.attach_activity('visit', 'visit', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'slot_id.at', attributes => '{slot_id.note}');
INSERT INTO visit VALUES (3, 2, 'n', 1);
:activities
UPDATE slot SET at = at + interval '10 days', note = upper(note);
UPDATE slot_s_1 SET note = 'direct';
:activities
UPDATE slot SET region = 'n', id = 2 WHERE region = 's';
:activities
:verify
-- A partition that comes later fires, too.
CREATE TABLE slot_e PARTITION OF slot FOR VALUES IN ('e');
INSERT INTO slot VALUES ('e', 1, '2026-02-05', 'east');
INSERT INTO visit VALUES (4, 1, 'e', 1);
UPDATE slot_e SET note = 'far east';
:activities
:verify
SELECT leadscore.detach('visit', keep => false);
-- To a table with children, whose rows no key refers to; a partitioned table that refers; a key of another type, a domain.
CREATE DOMAIN number AS numeric(10, 2);
CREATE TABLE place (id number PRIMARY KEY, at date);
CREATE TABLE child (more int) INHERITS (place);
CREATE TABLE tour (id int, day date, candidate_id text, place_id int REFERENCES place, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE tour_1 PARTITION OF tour FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE INDEX ON tour (place_id);
INSERT INTO place VALUES (1, '2026-02-01');
INSERT INTO child VALUES (1, '2020-01-01');
SELECT leadscore.attach_activity('tour', 'visit', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'place_id.at');
INSERT INTO tour VALUES (1, '2026-01-01', '1', 1);
UPDATE child SET at = '2020-01-02';
UPDATE ONLY place SET at = '2026-02-20';
:activities
DELETE FROM tour;
:verify
