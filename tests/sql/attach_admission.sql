-- That a role may attach a table holds for the one call that asked: nothing of it is left for another role in the session.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
RESET ROLE;
CREATE TABLE app.secret (id int PRIMARY KEY, person int, word text);
INSERT INTO app.secret VALUES (1, 1, 'hidden');
CREATE TABLE app.attached (id int PRIMARY KEY);
SELECT leadscore.attach_person('app.attached', 'attached');
-- The owner's call fails, at each point at which it can, and then another role takes its place.
\set spy 'SET ROLE regress_application; SELECT leadscore._attach_person(''app.secret'', ''spy'', NULL, ''word'', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL); RESET ROLE;'
SELECT leadscore.detach('app.secret');
:spy
SELECT leadscore.reattach('app.secret');
:spy
SELECT leadscore.attach_person('app.secret', NULL);
:spy
SELECT leadscore.attach_person('app.secret', 'secret', status => 'nothing');
:spy
-- In one transaction, with the error caught.
DO $$ BEGIN PERFORM leadscore.detach('app.secret'); EXCEPTION WHEN undefined_object THEN NULL; END $$;
:spy
-- It succeeds, and is rolled back.
BEGIN;
SELECT leadscore.attach_person('app.secret', 'secret', status => 'word');
ROLLBACK;
:spy
BEGIN;
SELECT leadscore.attach_person('app.secret', 'secret', status => 'word');
SELECT leadscore.detach('app.secret', keep => false);
COMMIT;
:spy
-- It was asked and not used, or about another table in the meantime.
SELECT leadscore._admit('app.secret');
:spy
SELECT leadscore._admit('app.secret');
SELECT leadscore._admit(NULL);
:spy
SELECT leadscore._admit('app.secret');
SET ROLE regress_application;
SELECT leadscore.attach_person('app.attached', 'other');
:spy
SELECT kind, external_id, status FROM leadscore.person;
SELECT source, role FROM leadscore.source;
