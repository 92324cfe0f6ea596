-- activity_type_column: the type of an activity comes from the row; types that are not known wait.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TYPE channel AS ENUM ('phone', 'fax', 'call');
CREATE TABLE candidate (id bigint PRIMARY KEY, score int);
CREATE TABLE contact (id bigint PRIMARY KEY, candidate_id bigint, kind text, at date);
INSERT INTO candidate VALUES (1), (2);
INSERT INTO contact VALUES (1, 1, 'call', '2026-02-01'), (2, 1, 'telex', '2026-02-02'), (3, 1, NULL, '2026-02-03');
SELECT leadscore.attach_person('candidate', 'candidate', score => 'score');
SELECT leadscore.attach_activity('contact', activity_type_column => 'kind', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at');
-- A type that is not known keeps the row waiting; the application is not disturbed.
SELECT id, score FROM candidate ORDER BY id;
INSERT INTO contact VALUES (4, 2, 'fax', '2026-02-04'), (5, 2, 'visit', '2026-02-05'), (6, 3, 'fax', '2026-02-06');
SELECT id, score FROM candidate ORDER BY id;
SELECT source_key, external_id, activity_type, occurred_at FROM leadscore.waiting ORDER BY 1;
:verify
RESET ROLE;
SELECT * FROM leadscore.doctor() WHERE finding LIKE 'activity type%';
-- What doctor() says mends it.
SELECT remedy FROM leadscore.doctor() WHERE finding LIKE 'activity type%' \gexec
SELECT * FROM leadscore.doctor() WHERE finding LIKE 'activity type%';
SELECT id, score FROM app.candidate ORDER BY id;
SELECT source_key, external_id, activity_type FROM leadscore.waiting ORDER BY 1;
SELECT * FROM leadscore.verify();
SET ROLE regress_application;
-- A row changes its type to a known one, to an unknown one, to none.
UPDATE contact SET kind = 'call' WHERE id = 4;
UPDATE contact SET kind = 'pigeon' WHERE id = 5;
UPDATE contact SET kind = NULL WHERE id = 1;
SELECT source_key, activity_type, occurred_at FROM leadscore.activity ORDER BY 1;
SELECT source_key, activity_type FROM leadscore.waiting ORDER BY 1;
SELECT id, score FROM candidate ORDER BY id;
:verify
INSERT INTO candidate VALUES (3);
INSERT INTO leadscore.activity_type VALUES ('pigeon');
SELECT id, score FROM candidate ORDER BY id;
SELECT count(*) FROM leadscore.waiting;
:verify
-- A type that the application's rows name is in use.
DELETE FROM leadscore.activity_type WHERE activity_type = 'pigeon';
\echo :LAST_ERROR_SQLSTATE
-- The column can be an enum.
SELECT leadscore.detach('contact', keep => false);
ALTER TABLE contact ADD channel channel;
UPDATE contact SET channel = 'fax' WHERE id < 4;
SELECT leadscore.attach_activity('contact', activity_type_column => 'channel', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at');
UPDATE contact SET channel = 'call' WHERE id = 6;
SELECT source_key, activity_type, occurred_at FROM leadscore.activity ORDER BY 1;
:verify
