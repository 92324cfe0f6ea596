-- Schemas, tables and columns can have any name.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
RESET ROLE;
CREATE SCHEMA "Schéma ""of' mine" AUTHORIZATION regress_application;
SET ROLE regress_application;
CREATE TABLE "Schéma ""of' mine"."Tablé %s; --" ("Id No." bigint PRIMARY KEY, "Größe""'" text, "owner;" text, "SELECT" timestamptz, "Score %I" int, "кат" text);
CREATE TABLE "Schéma ""of' mine"."select" ("from" int PRIMARY KEY, "Wer?" bigint, "Wänn" date, "Art""" text, "vip" boolean, "Zustand," text);
SELECT leadscore.attach_person('"Schéma ""of'' mine"."Tablé %s; --"', 'Kandi''dat "1"', status => 'Größe"''', owner => 'owner;', since => 'SELECT', score => 'Score %I', category => 'кат');
SELECT leadscore.attach_activity('"Schéma ""of'' mine"."select"', person => 'Wer?', person_kind => 'Kandi''dat "1"', occurred_at => 'Wänn', activity_type_column => 'Art"', attributes => '{vip}', only_when => '{"Zustand,": "zu Ende"}');
INSERT INTO "Schéma ""of' mine"."Tablé %s; --" ("Id No.", "Größe""'", "owner;", "SELECT") VALUES (7, 'groß', 'O''Neill', '2026-01-01');
INSERT INTO "Schéma ""of' mine"."select" VALUES (1, 7, '2026-02-28', 'call', true, 'zu Ende'), (2, 7, '2026-02-28', 'call', false, 'nicht');
TABLE "Schéma ""of' mine"."Tablé %s; --";
SELECT kind, external_id, status, owner, since, score, category FROM leadscore.person;
SELECT activity_type, occurred_at, attributes, source_key FROM leadscore.activity;
:verify
UPDATE "Schéma ""of' mine"."select" SET "Zustand," = 'zu Ende', "Art""" = 'fäx';
SELECT person_kind, external_id, activity_type FROM leadscore.waiting ORDER BY source_key;
RESET ROLE;
-- The remedy of what doctor() finds is to be pasted, quotes and all.
INSERT INTO leadscore.activity_type VALUES ('fäx');
ALTER TABLE "Schéma ""of' mine"."select" DISABLE TRIGGER USER;
DELETE FROM "Schéma ""of' mine"."select" WHERE "from" = 1;
SELECT remedy FROM leadscore.doctor() WHERE finding LIKE 'trigger%' \gexec
SELECT finding FROM leadscore.doctor() WHERE finding LIKE 'trigger%';
SELECT score FROM leadscore.person;
-- Names as long as they can be, and ones that differ in their case alone.
SET ROLE regress_application;
CREATE TABLE aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa ("ID" int PRIMARY KEY, id int NOT NULL, "Score" int, score int, bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb text);
SELECT leadscore.attach_person('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'long', key => 'ID', score => 'Score', status => 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb');
INSERT INTO aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa VALUES (1, 2, NULL, 77, 'x');
SELECT * FROM aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;
SELECT leadscore.detach('"Schéma ""of'' mine"."select"', keep => false);
SELECT external_id, status, score FROM leadscore.person ORDER BY kind;
:verify
-- Lines in names, and as many columns as a table can have, with gaps.
CREATE TABLE "two
lines" ("i
d" int PRIMARY KEY, "score
of %s" int);
SELECT leadscore.attach_person('"two
lines"', 'lines', score => 'score
of %s');
INSERT INTO "two
lines" VALUES (1, 77);
SELECT * FROM "two
lines";
DO $$BEGIN EXECUTE format('CREATE TABLE app.wide (%s, id bigint PRIMARY KEY, person int)', (SELECT string_agg('c' || g || ' int', ', ') FROM generate_series(1, 1590) g)); END$$;
ALTER TABLE wide DROP COLUMN c1, DROP COLUMN c700, DROP COLUMN c1590;
SELECT leadscore.attach_activity('wide', 'call', person => 'person', person_kind => 'lines', attributes => (SELECT array_agg('c' || g) FROM generate_series(2, 1589) g WHERE g <> 700)::name[]);
INSERT INTO wide (id, person, c2) VALUES (1, 1, 7);
UPDATE wide SET c1589 = 8;
SELECT attributes -> 'c2' AS c2, attributes -> 'c1589' AS c1589, (SELECT count(*) FROM jsonb_object_keys(attributes)) AS attributes FROM leadscore.activity;
:verify
