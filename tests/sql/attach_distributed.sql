-- Tables of Citus that cannot be attached are refused with the way out. Citus itself is not needed to see that: its catalogs are made
-- by hand. tests/citus has what can be attached.
\set VERBOSITY default
\set SHOW_CONTEXT never
CREATE SCHEMA app;
CREATE TABLE app.candidate (candidate_id int PRIMARY KEY, status text);
CREATE TABLE app.call (call_id int PRIMARY KEY, candidate_id int REFERENCES app.candidate);
CREATE TABLE app.note (candidate_id int, note_id int, PRIMARY KEY (candidate_id, note_id));
CREATE TABLE app.elsewhere (candidate_id int, id int, PRIMARY KEY (candidate_id, id));
CREATE TABLE app.agency (agency_id int PRIMARY KEY);
CREATE TABLE app.log (id int PRIMARY KEY);
CREATE TABLE app.copied (id int PRIMARY KEY);
CREATE TABLE app.ordinary (candidate_id int PRIMARY KEY);
INSERT INTO leadscore.activity_type VALUES ('call');

-- Without Citus nothing is looked for.
BEGIN;
SELECT leadscore.attach_person('app.candidate', 'candidate');
ROLLBACK;

BEGIN;
SET LOCAL allow_system_table_mods = on;
CREATE TABLE pg_catalog.pg_dist_local_group (groupid int);
CREATE TABLE pg_catalog.pg_dist_node (groupid int, nodename text, nodeport int, noderole text, isactive boolean);
CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass, partmethod "char", partkey text, colocationid int, repmodel "char");
CREATE TABLE pg_catalog.pg_dist_shard (logicalrelid regclass, shardid bigint, shardminvalue text, shardmaxvalue text);
CREATE TABLE pg_catalog.pg_dist_placement (shardid bigint, groupid int);
CREATE FUNCTION pg_catalog.column_to_column_name(regclass, text) RETURNS text LANGUAGE sql RETURN $2;
CREATE FUNCTION pg_catalog.shard_name(regclass, bigint) RETURNS text LANGUAGE sql RETURN format('%s_%s', $1, $2);
INSERT INTO pg_dist_local_group VALUES (0);
INSERT INTO pg_dist_partition VALUES
    ('app.candidate', 'h', 'candidate_id', 1, 's'), ('app.call', 'h', 'call_id', 1, 's'), ('app.note', 'h', 'note_id', 1, 's'),
    ('app.elsewhere', 'h', 'candidate_id', 2, 's'), ('app.agency', 'n', NULL, 3, 't'), ('app.log', 'a', 'id', 0, 'c'), ('app.copied', 'h', 'id', 4, 'c');
INSERT INTO pg_dist_shard VALUES ('app.copied', 7, '-2147483648', '2147483647');
INSERT INTO pg_dist_placement VALUES (7, 1), (7, 2);
SET LOCAL allow_system_table_mods = off;
SAVEPOINT distributed;
SELECT leadscore.attach_person('app.agency', 'agency');
ROLLBACK TO distributed;
SELECT leadscore.attach_person('app.log', 'log');
ROLLBACK TO distributed;
SELECT leadscore.attach_person('app.copied', 'copy');
ROLLBACK TO distributed;
SELECT leadscore.attach_person('app.elsewhere', 'else', key => 'id');
ROLLBACK TO distributed;
SELECT leadscore.attach_person('app.candidate', 'candidate');
SAVEPOINT candidates;
SELECT leadscore.attach_activity('app.call', 'call', person => 'candidate_id', person_kind => 'candidate');
ROLLBACK TO candidates;
SELECT leadscore.attach_activity('app.note', 'call', person => 'candidate_id', person_kind => 'candidate');
ROLLBACK TO candidates;
SELECT leadscore.attach_activity('app.elsewhere', 'call', person => 'candidate_id', person_kind => 'candidate');
ROLLBACK TO candidates;
SELECT leadscore.attach_activity('app.ordinary', 'call', person => 'candidate_id', person_kind => 'candidate');
ROLLBACK TO candidates;
TRUNCATE app.candidate CASCADE;
ROLLBACK TO candidates;
SELECT leadscore.track('{"event": "jobview", "visitor": "v", "consent": true}');
ROLLBACK TO candidates;
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (1, 'call');
ROLLBACK TO candidates;
CALL leadscore.spread();
ROLLBACK TO candidates;
SELECT leadscore.detach('app.candidate', keep => false);
-- What is not in its catalog is an ordinary table.
SELECT leadscore.attach_person('app.ordinary', 'candidate');
ROLLBACK TO distributed;
-- A node attaches nothing by itself.
UPDATE pg_dist_local_group SET groupid = 1;
SELECT leadscore.attach_person('app.candidate', 'candidate');
ROLLBACK;

CALL leadscore.spread();
