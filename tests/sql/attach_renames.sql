-- Tables, columns and schemas that are renamed, moved, changed and dropped after they were attached.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id bigint PRIMARY KEY, name text, state text, score int, category text);
CREATE TABLE call (id bigint PRIMARY KEY, candidate_id bigint, at timestamptz, vip boolean, note text);
SELECT leadscore.attach_person('candidate', 'candidate', status => 'state', score => 'score', category => 'category');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{vip}');
INSERT INTO candidate (id) VALUES (1);
INSERT INTO call VALUES (1, 1, '2026-02-01');
-- Each in the session that has used the table already.
ALTER TABLE call RENAME COLUMN candidate_id TO "Wer";
ALTER TABLE call RENAME COLUMN vip TO important;
ALTER TABLE call RENAME COLUMN at TO "when";
INSERT INTO call VALUES (2, 1, '2026-02-01', true);
ALTER TABLE candidate RENAME COLUMN score TO points;
ALTER TABLE candidate RENAME COLUMN id TO number;
INSERT INTO call VALUES (3, 1, '2026-02-01');
-- An attribute goes by the name that rules know it by.
SELECT activity_id, attributes FROM leadscore.activity ORDER BY 1;
TABLE candidate;
:verify
ALTER TABLE call RENAME TO phone_call;
ALTER TABLE candidate RENAME TO applicant;
INSERT INTO phone_call VALUES (4, 1, '2026-02-01');
INSERT INTO applicant (number) VALUES (2);
:verify
RESET ROLE;
ALTER SCHEMA app RENAME TO "App 2";
SET ROLE regress_application;
INSERT INTO "App 2".phone_call VALUES (5, 2, '2026-02-01');
TABLE "App 2".applicant ORDER BY 1;
RESET ROLE;
CREATE SCHEMA other AUTHORIZATION regress_application;
ALTER TABLE "App 2".applicant SET SCHEMA other;
SET ROLE regress_application;
INSERT INTO "App 2".phone_call VALUES (6, 2, '2026-02-01');
TABLE other.applicant ORDER BY 1;
:verify
RESET ROLE;
SELECT source, role, attached FROM leadscore.source ORDER BY source_id;
SELECT scored_on, persons_changed FROM leadscore_recompute('2026-03-02 12:00', true);
-- Another owner: what is written back is written as the new one.
CREATE ROLE regress_new_owner;
GRANT USAGE ON SCHEMA other, "App 2" TO regress_new_owner;
GRANT CREATE ON SCHEMA other TO regress_new_owner;
ALTER TABLE other.applicant OWNER TO regress_new_owner;
SET ROLE regress_application;
INSERT INTO "App 2".phone_call VALUES (7, 2, '2026-02-01');
RESET ROLE;
TABLE other.applicant ORDER BY 1;
-- A column that is bound can be neither dropped nor given another type without a word: PostgreSQL names the trigger.
SET ROLE regress_application;
ALTER TABLE "App 2".phone_call DROP COLUMN important;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE "App 2".phone_call ALTER COLUMN important TYPE text;
\echo :LAST_ERROR_SQLSTATE
-- Detached, changed and attached again, the rows are recognised.
CREATE TEMP TABLE before AS SELECT activity_id, person_id, source_key, occurred_at FROM leadscore.activity;
SELECT leadscore.detach('"App 2".phone_call');
ALTER TABLE "App 2".phone_call ALTER COLUMN "Wer" TYPE text, DROP COLUMN important;
SELECT leadscore.attach_activity('"App 2".phone_call', 'call', person => 'Wer', person_kind => 'candidate', occurred_at => 'when');
SELECT count(*) AS recognised FROM leadscore.activity JOIN before USING (activity_id, person_id, source_key, occurred_at);
:verify
RESET ROLE;
-- Dropped with CASCADE, the application goes on and doctor() says it.
SET ROLE regress_application;
ALTER TABLE "App 2".phone_call DROP COLUMN "when" CASCADE;
INSERT INTO "App 2".phone_call VALUES (8, '2');
UPDATE "App 2".phone_call SET note = 'x';
UPDATE "App 2".phone_call SET "Wer" = '1' WHERE id = 8;
DELETE FROM "App 2".phone_call WHERE id = 1;
RESET ROLE;
SELECT severity, finding, detail, remedy FROM leadscore.doctor() WHERE finding LIKE '%missing%' OR finding LIKE '%column%';
SELECT item, stored, derived FROM leadscore.verify();
-- It cannot be attached as it was without the column, so it is attached in another way.
SELECT DISTINCT remedy FROM leadscore.doctor() WHERE finding LIKE '%missing%' \gset
SELECT leadscore.reattach('"App 2".phone_call');
\echo :LAST_ERROR_SQLSTATE
:remedy;
SELECT leadscore.attach_activity('"App 2".phone_call', 'call', person => 'Wer', person_kind => 'candidate');
SELECT severity, finding FROM leadscore.doctor() WHERE finding LIKE '%missing%';
SELECT * FROM leadscore.verify();
-- The table itself is dropped: what came from it stays until it is told to go.
DROP TABLE "App 2".phone_call;
SELECT severity, regexp_replace(finding, '\d+', 'N') AS finding, detail, regexp_replace(remedy, '\d+', 'N') AS remedy FROM leadscore.doctor() WHERE finding LIKE '%gone%';
INSERT INTO other.applicant (number) VALUES (3);
SELECT count(*) FROM leadscore.activity;
SELECT remedy FROM leadscore.doctor() WHERE finding LIKE '%gone%' \gexec
SELECT finding FROM leadscore.doctor() WHERE finding LIKE '%gone%';
SELECT * FROM leadscore.verify();
ALTER TABLE other.applicant OWNER TO regress_application;
DROP OWNED BY regress_new_owner;
DROP ROLE regress_new_owner;
