-- What rows say besides themselves: the time zone of the settings, and names in the types of their columns.
INSERT INTO leadscore.activity_type VALUES ('call'), ('visit'), ('stage');
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 10), ('hot', 30);
INSERT INTO leadscore.rule (name, activity_types, points) VALUES ('call', '{call}', 10), ('visit', '{visit}', 7), ('stage', '{stage}', 3);
SELECT FROM leadscore_recompute();
CREATE TYPE stage AS ENUM ('new', 'offer');
CREATE TYPE sort AS ENUM ('call', 'visit');
CREATE TYPE state AS ENUM ('done', 'open');
CREATE TYPE place AS (street text, town text);
CREATE TABLE candidate (id int PRIMARY KEY, stage stage, home place, stages stage[], score int DEFAULT 0);
CREATE TABLE act (id int PRIMARY KEY, candidate_id int, at timestamp, sort sort, state state);
SELECT leadscore.attach_person('candidate', 'candidate', status => 'stage', score => 'score', attributes => '{home,stages}');
SELECT leadscore.attach_activity('act', activity_type_column => 'sort', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', only_when => '{"state": "done"}');
INSERT INTO leadscore.rule (name, kind, points, statuses) VALUES ('offer', 'profile', 50, '{offer}'), ('offered', 'profile', 60, '{offered}');
UPDATE leadscore.settings SET time_zone = 'UTC';
SELECT FROM leadscore_recompute();
INSERT INTO candidate VALUES (1, 'offer', '(Elm,Utrecht)', '{new,offer}');
INSERT INTO act VALUES (1, 1, '2026-01-20 12:00', 'call', 'done'), (2, 1, '2026-01-20 12:00', 'visit', 'open');
CREATE VIEW told AS SELECT external_id, status, attributes, score FROM leadscore.person;
CREATE VIEW acts AS SELECT source_key, activity_type, occurred_at AT TIME ZONE 'UTC' AS at FROM leadscore.activity ORDER BY 1;
TABLE told;
TABLE acts;
-- Labels change their names.
ALTER TYPE stage RENAME VALUE 'offer' TO 'offered';
ALTER TYPE sort RENAME VALUE 'visit' TO 'stage';
ALTER TYPE state RENAME VALUE 'done' TO 'finished';
ALTER TYPE state RENAME VALUE 'open' TO 'done';
SELECT FROM leadscore_recompute();
TABLE told;
TABLE acts;
SELECT * FROM leadscore.verify();
-- The zone goes there and back between two runs.
UPDATE leadscore.settings SET time_zone = 'Asia/Tokyo';
INSERT INTO act VALUES (3, 1, '2026-01-20 12:00', 'call', 'done');
UPDATE leadscore.settings SET time_zone = 'UTC';
SELECT FROM leadscore_recompute();
TABLE acts;
SELECT * FROM leadscore.verify();
-- Nothing is read again where nothing changed.
SELECT records_added, records_removed, persons_changed FROM leadscore_recompute();
