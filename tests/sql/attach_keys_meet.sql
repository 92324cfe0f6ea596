-- A key that is of two rows for a while, or goes from a row that is deleted to one that is renumbered.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id int PRIMARY KEY, code text UNIQUE DEFERRABLE INITIALLY DEFERRED, score int);
CREATE TABLE call (id int PRIMARY KEY, number int UNIQUE DEFERRABLE INITIALLY DEFERRED, candidate text, at timestamptz);
SELECT leadscore.attach_person('candidate', 'candidate', key => 'code', score => 'score');
SELECT leadscore.attach_activity('call', 'call', key => 'number', person => 'candidate', person_kind => 'candidate', occurred_at => 'at');
INSERT INTO candidate VALUES (1, 'x'), (2, 'y');
INSERT INTO call VALUES (1, 1, 'x', '2026-02-01'), (2, 2, 'x', '2026-02-02'), (3, 3, 'y', '2026-02-03');
-- Activities: exchanged by two statements, through a third key, the new one before the old one goes, and in a savepoint.
BEGIN;
UPDATE call SET number = 3 WHERE id = 1;
UPDATE call SET number = 1 WHERE id = 3;
COMMIT;
SELECT source_key, occurred_at FROM leadscore.activity ORDER BY source_key;
SELECT * FROM candidate ORDER BY id;
:verify
BEGIN;
UPDATE call SET number = 2 WHERE id = 1;
UPDATE call SET number = 9 WHERE id = 1;
COMMIT;
:verify
BEGIN;
INSERT INTO call VALUES (4, 2, 'y', '2026-02-04');
DELETE FROM call WHERE id = 2;
COMMIT;
:verify
BEGIN;
INSERT INTO call VALUES (5, 2, 'x', '2026-02-05');
SAVEPOINT one;
UPDATE call SET number = 9 WHERE id = 4;
ROLLBACK TO one;
DELETE FROM call WHERE id = 5;
COMMIT;
SELECT source_key, occurred_at FROM leadscore.activity ORDER BY source_key;
SELECT * FROM candidate ORDER BY id;
:verify
-- So while they wait for their persons.
INSERT INTO call VALUES (6, 6, 'nobody', '2026-02-06'), (7, 7, 'nobody', '2026-02-07');
BEGIN;
UPDATE call SET number = 7 WHERE id = 6;
UPDATE call SET number = 6 WHERE id = 7;
COMMIT;
SELECT source_key, occurred_at FROM leadscore.waiting ORDER BY source_key;
:verify
DELETE FROM call WHERE candidate = 'nobody';
-- One that fails at commit changes nothing.
BEGIN;
UPDATE call SET number = 2;
COMMIT;
:verify
-- Persons: the new row before the old one goes is the same person.
CREATE TEMP TABLE before AS SELECT external_id, person_id FROM leadscore.person;
BEGIN;
INSERT INTO candidate VALUES (3, 'y');
DELETE FROM candidate WHERE id = 2;
COMMIT;
SELECT * FROM candidate ORDER BY id;
SELECT count(*) AS same FROM leadscore.person JOIN before USING (external_id, person_id);
:verify
-- The key of a row that was deleted in the same transaction, or in the same statement, is free.
BEGIN;
DELETE FROM candidate WHERE code = 'y';
UPDATE candidate SET code = 'y' WHERE code = 'x';
COMMIT;
SELECT * FROM candidate ORDER BY id;
SELECT external_id, person_id = (SELECT b.person_id FROM before b WHERE b.external_id = 'x') AS same FROM leadscore.person;
SELECT source_key, external_id FROM leadscore.waiting ORDER BY 1;
:verify
INSERT INTO candidate VALUES (7, 'x');
MERGE INTO candidate c USING (VALUES ('x', NULL), ('y', 'x')) v(code, becomes) ON v.code = c.code
    WHEN MATCHED AND v.becomes IS NULL THEN DELETE WHEN MATCHED THEN UPDATE SET code = v.becomes;
SELECT * FROM candidate ORDER BY id;
:verify
-- Who has a key is asked for it: two persons cannot have one even for a while.
INSERT INTO candidate VALUES (8, 'z');
BEGIN;
UPDATE candidate SET code = 'z' WHERE code = 'x';
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
UPDATE candidate SET code = CASE code WHEN 'x' THEN 'z' ELSE 'x' END;
SELECT * FROM candidate ORDER BY id;
:verify
-- On a partitioned table all keys are moved by one, in one statement.
CREATE TABLE visit (id int, candidate text, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE visit_1 PARTITION OF visit FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE visit_2 PARTITION OF visit FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
SELECT leadscore.attach_activity('visit', 'visit', key => 'id', person => 'candidate', person_kind => 'candidate', occurred_at => 'day');
INSERT INTO visit SELECT g, CASE g % 2 WHEN 0 THEN 'x' ELSE 'z' END, date '2026-01-20' + g FROM generate_series(1, 20) g;
UPDATE visit SET id = id + 1;
SELECT min(source_key::int), max(source_key::int), count(*) FROM leadscore.activity WHERE activity_type = 'visit';
:verify
UPDATE visit SET id = 22 - id, day = day + 3;
SELECT * FROM candidate ORDER BY id;
:verify
-- So with the keys of persons there: by way of keys that no row has.
CREATE TABLE contact (id int, region text, score int, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE contact_a PARTITION OF contact FOR VALUES IN ('a');
CREATE TABLE contact_b PARTITION OF contact FOR VALUES IN ('b');
SELECT leadscore.attach_person('contact', 'contact', key => 'id', score => 'score');
INSERT INTO contact SELECT g, CASE g % 2 WHEN 0 THEN 'a' ELSE 'b' END FROM generate_series(1, 4) g;
UPDATE contact SET id = id + 1;
\echo :LAST_ERROR_SQLSTATE
UPDATE contact SET id = -id;
UPDATE contact SET id = 1 - id;
SELECT id, score FROM contact ORDER BY id;
UPDATE contact SET region = CASE region WHEN 'a' THEN 'b' ELSE 'a' END;
SELECT external_id FROM leadscore.person WHERE kind = 'contact' ORDER BY 1;
:verify
