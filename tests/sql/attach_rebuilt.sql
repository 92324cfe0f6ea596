-- Tables that are rebuilt: by copy, DROP and RENAME, after detach(), from a dump of the table; and tables that are gone for good.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
\set found 'RESET ROLE; SELECT finding, remedy FROM leadscore.doctor() WHERE finding ~ ''attached|missing''; SELECT item FROM leadscore.verify(); SET ROLE regress_application;'
CREATE TABLE candidate (id int PRIMARY KEY, state text, score int);
CREATE TABLE call (id int PRIMARY KEY, candidate_id int, at timestamptz, note text);
SELECT leadscore.attach_person('candidate', 'candidate', status => 'state', score => 'score');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{note}');
INSERT INTO candidate VALUES (1, 'a'), (2, 'a');
INSERT INTO call VALUES (1, 1, '2026-02-01'), (2, 1, '2026-02-01'), (3, 2, '2026-02-01');
SELECT activity_id, source_key FROM leadscore.activity ORDER BY 1;
-- Copy, drop, rename: what doctor() says mends it, and no activity is new.
CREATE TABLE call_new (LIKE call INCLUDING ALL);
INSERT INTO call_new SELECT * FROM call WHERE id <> 3;
DROP TABLE call;
ALTER TABLE call_new RENAME TO call;
INSERT INTO call VALUES (4, 2, '2026-02-02');
:found
RESET ROLE;
SELECT remedy FROM leadscore.doctor() WHERE finding LIKE '%took the place%' \gexec
SET ROLE regress_application;
:found
SELECT activity_id, source_key FROM leadscore.activity ORDER BY 1;
SELECT id, score FROM candidate ORDER BY id;
-- The same, attached again by the application itself; the old table is renamed, not dropped.
CREATE TABLE call_new (LIKE call INCLUDING ALL);
INSERT INTO call_new SELECT * FROM call;
ALTER TABLE call RENAME TO call_old;
ALTER TABLE call_new RENAME TO call;
:found
SELECT leadscore.detach('call_old');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{note}');
DROP TABLE call_old;
:found
SELECT activity_id, source_key FROM leadscore.activity ORDER BY 1;
SELECT id, score FROM candidate ORDER BY id;
-- Persons.
CREATE TABLE candidate_new (LIKE candidate INCLUDING ALL);
INSERT INTO candidate_new SELECT id, state FROM candidate;
INSERT INTO candidate_new VALUES (3, 'b');
DROP TABLE candidate;
ALTER TABLE candidate_new RENAME TO candidate;
:found
SELECT leadscore.attach_person('candidate', 'candidate', status => 'state', score => 'score');
TABLE candidate ORDER BY id;
:found
-- Detached, dropped, and there again under another name: what it says is recognised, what was kept else is kept.
SELECT leadscore.detach('call');
CREATE TABLE telephone_call AS SELECT id, candidate_id, at FROM call WHERE id < 3;
ALTER TABLE telephone_call ADD PRIMARY KEY (id);
INSERT INTO telephone_call VALUES (4, 1, '2026-02-20');
DROP TABLE call;
SELECT leadscore.attach_activity('telephone_call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at');
SELECT activity_id, source_key, occurred_at::date, source_id FROM leadscore.activity ORDER BY 1;
SELECT id, score FROM candidate ORDER BY id;
:found
-- A column goes: what can be done without is left out, what cannot makes the remedy another one.
SELECT leadscore.detach('telephone_call', keep => false);
CREATE TABLE visit (id int PRIMARY KEY, candidate_id int, at date, note text, more text);
SELECT leadscore.attach_activity('visit', 'visit', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{note,more}');
INSERT INTO visit VALUES (1, 1, '2026-02-01', 'n', 'm');
SET client_min_messages = error;
ALTER TABLE visit DROP COLUMN note CASCADE;
ALTER TABLE candidate DROP COLUMN state CASCADE;
SET client_min_messages = warning;
RESET ROLE;
SELECT DISTINCT remedy FROM leadscore.doctor() WHERE finding LIKE '%missing%' ORDER BY 1 \gexec
SET ROLE regress_application;
:found
UPDATE visit SET more = 'o';
SELECT attributes FROM leadscore.activity WHERE activity_type = 'visit';
INSERT INTO candidate VALUES (5);
SELECT external_id, status, score FROM leadscore.person ORDER BY 1;
SET client_min_messages = error;
ALTER TABLE visit DROP COLUMN candidate_id CASCADE;
SET client_min_messages = warning;
RESET ROLE;
SELECT DISTINCT remedy FROM leadscore.doctor() WHERE finding LIKE '%missing%';
SET ROLE regress_application;
-- Dropped and restored from a dump of it, which has the triggers as they were.
CREATE TABLE talk (id int PRIMARY KEY, candidate_id int);
SELECT leadscore.attach_activity('talk', 'call', person => 'candidate_id', person_kind => 'candidate');
INSERT INTO talk VALUES (1, 1), (2, 1);
SELECT source_id AS number, 'leadscore_' || source_id || '_row' AS row, 'leadscore_' || source_id || '_columns' AS columns FROM leadscore.source WHERE source = 'talk'::regclass \gset
DROP TABLE talk;
CREATE TABLE talk (id int PRIMARY KEY, candidate_id int);
INSERT INTO talk VALUES (1, 1), (2, 1);
RESET ROLE;
CREATE TRIGGER :"row" AFTER INSERT OR DELETE ON app.talk FOR EACH ROW EXECUTE FUNCTION leadscore._source_row_changed(:'number');
CREATE TRIGGER :"columns" AFTER UPDATE OF id, candidate_id ON app.talk FOR EACH STATEMENT WHEN (false) EXECUTE FUNCTION leadscore._source_changed(:'number');
SET ROLE regress_application;
INSERT INTO talk VALUES (3, 2);
RESET ROLE;
SELECT remedy FROM leadscore.doctor() WHERE finding LIKE '%took the place%' \gexec
SET ROLE regress_application;
INSERT INTO talk VALUES (4, 2);
:found
SELECT source_key FROM leadscore.activity ORDER BY 1;
SELECT leadscore.detach('talk', keep => false);
-- Dropped for good: verify() finds what came from it, resync() and doctor()'s remedy mend it.
SELECT leadscore.detach('visit', kind => 'candidate', label => '');
CREATE TABLE chat (id int PRIMARY KEY, candidate_id int);
SELECT leadscore.attach_activity('chat', 'call', person => 'candidate_id', person_kind => 'candidate');
INSERT INTO chat VALUES (1, 1);
DROP TABLE chat;
RESET ROLE;
SELECT item FROM leadscore.verify();
SELECT leadscore.resync();
SELECT item FROM leadscore.verify();
SET ROLE regress_application;
DROP TABLE candidate;
RESET ROLE;
SELECT item FROM leadscore.verify();
SELECT remedy FROM leadscore.doctor() WHERE finding LIKE 'attached table%' \gset
:remedy
SELECT external_id FROM leadscore.person;
SELECT item FROM leadscore.verify();
SELECT finding FROM leadscore.doctor() WHERE finding LIKE 'attached table%';
SELECT leadscore.forget_source(4711);
