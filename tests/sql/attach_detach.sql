-- detach(), keeping what came from the table or not, and attaching again.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id bigint PRIMARY KEY, name text, state text, score int, category text);
CREATE TABLE call (id bigint PRIMARY KEY, candidate_id bigint, at timestamptz, vip boolean, note text);
INSERT INTO candidate (id) VALUES (1), (2);
INSERT INTO call VALUES (1, 1, '2026-02-01'), (2, 2, '2026-02-01'), (3, 9, '2026-02-01');
SELECT leadscore.attach_person('candidate', 'candidate', status => 'state', score => 'score', category => 'category');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{vip}');
CREATE TEMP TABLE before AS SELECT activity_id, person_id, source_key FROM leadscore.activity;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT person_id, 'visit', '2026-02-01' FROM leadscore.person WHERE external_id = '1';
-- What came from the table stays, the triggers go, and the table is as if nothing had been.
SELECT leadscore.detach('call');
SELECT tgname FROM pg_trigger WHERE tgrelid = 'call'::regclass;
INSERT INTO call VALUES (4, 1, '2026-02-01');
UPDATE call SET candidate_id = 2 WHERE id = 1;
DELETE FROM call WHERE id = 2;
SELECT id, score FROM candidate ORDER BY id;
:verify
-- Attached again, rows are recognised: one moved, one is gone, one is new.
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{vip}');
SELECT id, score FROM candidate ORDER BY id;
SELECT count(*) AS recognised FROM leadscore.activity JOIN before USING (activity_id, source_key);
:verify
-- With keep => false all that came from it goes, what waits too; what did not stays.
SELECT leadscore.detach('call', keep => false);
SELECT activity_type FROM leadscore.activity;
SELECT count(*) FROM leadscore.waiting;
SELECT source, role, attached FROM leadscore.source;
SELECT id, score FROM candidate ORDER BY id;
:verify
-- Persons are detached: they stay and are scored, and nothing is written back.
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{vip}');
SELECT leadscore.detach('candidate');
INSERT INTO call VALUES (5, 1, '2026-02-01', true);
INSERT INTO candidate (id) VALUES (3);
SELECT id, score FROM candidate ORDER BY id;
SELECT external_id, score FROM leadscore.person ORDER BY 1;
:verify
CREATE TEMP TABLE persons AS SELECT person_id, external_id FROM leadscore.person;
SELECT leadscore.attach_person('candidate', 'candidate', score => 'score');
SELECT id, score FROM candidate ORDER BY id;
SELECT count(*) AS recognised FROM leadscore.person JOIN persons USING (person_id, external_id);
:verify
-- Another kind would be other persons.
SELECT leadscore.detach('candidate');
SELECT leadscore.attach_person('candidate', 'applicant');
\echo :LAST_ERROR_SQLSTATE
-- Gone with all: their activities wait, since the rows are still there.
SELECT leadscore.attach_person('candidate', 'candidate', score => 'score');
SELECT leadscore.detach('candidate', keep => false);
SELECT (SELECT count(*) FROM leadscore.person), (SELECT count(*) FROM leadscore.activity), (SELECT count(*) FROM leadscore.waiting);
:verify
SELECT leadscore.attach_person('candidate', 'applicant', score => 'score');
SELECT leadscore.detach('call');
SELECT leadscore.attach_activity('call', 'visit', person => 'candidate_id', person_kind => 'applicant', occurred_at => 'at');
SELECT id, score FROM candidate ORDER BY id;
SELECT activity_type, count(*) FROM leadscore.activity GROUP BY 1;
:verify
-- Twice, and what never was.
SELECT leadscore.detach('call');
SELECT leadscore.detach('call');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.detach(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.detach('pg_class');
\echo :LAST_ERROR_SQLSTATE
