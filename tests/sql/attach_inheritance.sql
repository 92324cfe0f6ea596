-- Tables that inherit are refused.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE person (id int PRIMARY KEY);
CREATE TABLE employee (salary int) INHERITS (person);
SELECT leadscore.attach_person('person', 'candidate');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_person('employee', 'candidate');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_activity('person', 'call', person => 'id', person_kind => 'candidate');
\echo :LAST_ERROR_SQLSTATE
-- A table that inherits no more can be attached.
ALTER TABLE employee NO INHERIT person;
SELECT leadscore.attach_person('person', 'candidate');
-- One that gets a child later goes on without it: the child's rows are none of the table's, for triggers, verify() and resync() alike.
CREATE TABLE contractor (rate int) INHERITS (person);
INSERT INTO person VALUES (1);
INSERT INTO contractor VALUES (2, 100);
SELECT external_id FROM leadscore.person ORDER BY 1;
:verify
RESET ROLE;
SELECT leadscore.resync();
SELECT external_id FROM leadscore.person ORDER BY 1;
