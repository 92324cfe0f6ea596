-- A table that Citus distributed is refused. Citus itself is not needed to see that: its catalog is made by hand.
\set VERBOSITY default
\set SHOW_CONTEXT never
CREATE SCHEMA app;
CREATE TABLE app.candidate (candidate_id int PRIMARY KEY, status text);
CREATE TABLE app.call (call_id int PRIMARY KEY, candidate_id int REFERENCES app.candidate);
CREATE TABLE app.ordinary (candidate_id int PRIMARY KEY);

BEGIN;
SET LOCAL allow_system_table_mods = on;
CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass PRIMARY KEY, partmethod "char" NOT NULL);
INSERT INTO pg_dist_partition VALUES ('app.candidate', 'h'), ('app.call', 'h');
SET LOCAL allow_system_table_mods = off;
SAVEPOINT distributed;
SELECT leadscore.attach_person('app.candidate', 'candidate');
ROLLBACK TO distributed;
SELECT leadscore.attach_activity('app.call', 'call', person => 'candidate_id', person_kind => 'candidate');
ROLLBACK TO distributed;
-- What is not in its catalog is an ordinary table.
SELECT leadscore.attach_person('app.ordinary', 'candidate');
ROLLBACK;

-- Without Citus nothing is looked for.
SELECT leadscore.attach_person('app.candidate', 'candidate');
