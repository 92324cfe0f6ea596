-- Columns that are reached through foreign keys are followed as if they stood in the row.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
\set scores 'SELECT kind, external_id, name, status, owner, attributes, score FROM leadscore.person ORDER BY kind, external_id;'
CREATE TABLE stage (id int PRIMARY KEY, name text, color int DEFAULT 0);
CREATE TABLE company (id bigint PRIMARY KEY, name text, score int);
CREATE TABLE login (id int PRIMARY KEY, login text, last_seen timestamptz);
CREATE TABLE candidate (id int PRIMARY KEY, name text, stage_id int REFERENCES stage ON DELETE SET NULL, user_id int REFERENCES login, company_id bigint REFERENCES company, score int);
CREATE TABLE application (id uuid PRIMARY KEY, candidate_id int REFERENCES candidate ON DELETE CASCADE, note text);
CREATE TABLE interview (id int PRIMARY KEY, application_id uuid REFERENCES application ON DELETE SET NULL ON UPDATE CASCADE, held_on date);
CREATE TABLE event (id int PRIMARY KEY, starts_at timestamptz, state text, note text);
CREATE TABLE attendee (event_id int REFERENCES event, partner_id int REFERENCES candidate ON DELETE CASCADE, PRIMARY KEY (event_id, partner_id));
INSERT INTO stage VALUES (1, 'new'), (2, 'old');
INSERT INTO company VALUES (7, 'Bakery');
INSERT INTO login VALUES (1, 'anna'), (2, 'bert');
INSERT INTO candidate VALUES (1, 'Ada', 1, 1, 7), (2, 'Ben', 2, 2, 7), (3, 'Cy', NULL, NULL, NULL);
INSERT INTO application VALUES ('00000000-0000-0000-0000-000000000001', 1), ('00000000-0000-0000-0000-000000000002', 2), ('00000000-0000-0000-0000-000000000003', NULL);
INSERT INTO interview SELECT n, format('00000000-0000-0000-0000-%s', lpad(n::text, 12, '0'))::uuid, '2026-02-01' FROM generate_series(1, 3) n;
INSERT INTO event VALUES (1, '2026-02-01', 'done'), (2, '2026-02-02', 'planned');
INSERT INTO attendee VALUES (1, 1), (1, 2), (2, 1);
-- What no index serves is told.
SET client_min_messages = notice;
SELECT leadscore.attach_person('candidate', 'candidate', name => 'name', status => 'stage_id.name', owner => 'user_id.login', attributes => '{company_id.name}', score => 'score');
SELECT leadscore.attach_activity('interview', 'call', person => 'application_id.candidate_id', person_kind => 'candidate', occurred_at => 'held_on');
CREATE INDEX ON attendee (partner_id);
SELECT leadscore.attach_activity('attendee', 'visit', person => 'partner_id', person_kind => 'candidate', occurred_at => 'event_id.starts_at', only_when => '{"event_id.state": "done"}');
SET client_min_messages = warning;
-- An appointment of the contact counts for its company, too.
SELECT leadscore.attach_person('company', 'company', name => 'name', score => 'score');
SELECT leadscore.attach_activity('attendee', 'visit', person => 'partner_id.company_id', person_kind => 'company', occurred_at => 'event_id.starts_at');
:scores
SELECT activity_type, occurred_at, source_key FROM leadscore.activity ORDER BY source_id, source_key;
:verify
-- Renamed, moved, done: all rows concerned follow in the same statement.
UPDATE stage SET name = 'newer' WHERE id = 1;
UPDATE login SET login = upper(login);
UPDATE company SET name = 'Bakers';
UPDATE event SET state = 'done', starts_at = '2026-02-10' WHERE id = 2;
:scores
SELECT activity_type, occurred_at, source_key FROM leadscore.activity WHERE source_key = '2,1' ORDER BY source_id;
SELECT id, score FROM candidate ORDER BY id;
:verify
-- The row in between leads to somebody else, to nobody, and is renumbered.
UPDATE application SET candidate_id = 3 WHERE note IS NULL;
:scores
UPDATE application SET candidate_id = NULL WHERE id = '00000000-0000-0000-0000-000000000001';
UPDATE application SET id = '00000000-0000-0000-0000-000000000009' WHERE id = '00000000-0000-0000-0000-000000000002';
SELECT source_key FROM leadscore.activity WHERE activity_type = 'call' ORDER BY 1;
:verify
-- It goes: SET NULL, CASCADE, and what rows name by then.
DELETE FROM application WHERE id = '00000000-0000-0000-0000-000000000009';
DELETE FROM stage WHERE id = 1;
DELETE FROM candidate WHERE id = 2;
:scores
SELECT source_key FROM leadscore.activity ORDER BY source_id, source_key;
:verify
-- New rows, one and many; a row that leads elsewhere.
INSERT INTO application VALUES ('00000000-0000-0000-0000-00000000000a', 1);
INSERT INTO interview VALUES (10, '00000000-0000-0000-0000-00000000000a', '2026-02-20');
INSERT INTO interview SELECT n, '00000000-0000-0000-0000-00000000000a', '2026-02-20' FROM generate_series(11, 60) n;
UPDATE interview SET application_id = '00000000-0000-0000-0000-000000000003' WHERE id > 30;
:scores
:verify
-- In one statement, by the application's own trigger: what is reached is read when the statement ends.
CREATE FUNCTION settle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE event SET starts_at = '2026-02-25', state = 'done' WHERE id = NEW.event_id;
    RETURN NULL;
END $$;
CREATE TRIGGER zzz AFTER INSERT ON attendee FOR EACH ROW EXECUTE FUNCTION settle();
INSERT INTO event VALUES (3, '2026-02-03', 'planned');
INSERT INTO attendee VALUES (3, 1), (3, 3);
SELECT occurred_at, source_key FROM leadscore.activity WHERE source_key LIKE '3,%' ORDER BY source_id, source_key;
:verify
-- Rolled back, with a savepoint.
BEGIN;
UPDATE event SET starts_at = '2026-01-01' WHERE id = 3;
SAVEPOINT s;
UPDATE event SET state = 'planned' WHERE id = 3;
ROLLBACK TO s;
COMMIT;
SELECT occurred_at, source_key FROM leadscore.activity WHERE source_key LIKE '3,%' ORDER BY source_id, source_key;
:verify
TRUNCATE event CASCADE;
SELECT activity_type, count(*) FROM leadscore.activity GROUP BY 1;
TRUNCATE application CASCADE;
SELECT activity_type, count(*) FROM leadscore.activity GROUP BY 1;
:verify
-- Columns of tables in between are renamed, and the tables themselves.
INSERT INTO application VALUES ('00000000-0000-0000-0000-000000000001', 1);
INSERT INTO interview VALUES (1, '00000000-0000-0000-0000-000000000001', '2026-02-01');
ALTER TABLE application RENAME candidate_id TO who;
ALTER TABLE application RENAME id TO "Id";
ALTER TABLE application RENAME TO "Application";
UPDATE "Application" SET who = 3;
:scores
:verify
-- Detached: nothing of leadscore stays on the tables in between.
SELECT leadscore.detach('interview');
SELECT leadscore.detach('attendee', kind => 'company');
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE '%leadscore%' AND tgrelid IN ('"Application"'::regclass, 'event'::regclass, 'stage'::regclass) ORDER BY 1, 2;
SELECT leadscore.detach('attendee', kind => 'nobody');
-- What cannot be.
SELECT leadscore.attach_activity('interview', 'call', person => 'held_on.candidate_id', person_kind => 'candidate');
SELECT leadscore.attach_activity('interview', 'call', person => 'application_id.nothing', person_kind => 'candidate');
SELECT leadscore.attach_activity('interview', 'call', person => 'application_id.who.company_id.id.x', person_kind => 'candidate');
SELECT leadscore.attach_activity('interview', 'call', person => 'application_id', person_kind => 'candidate', label => 'wrong');
SELECT leadscore.attach_activity('attendee', 'visit', person => 'partner_id', person_kind => 'company');
RESET ROLE;
CREATE TABLE app.of_others (id int PRIMARY KEY, at date);
GRANT REFERENCES ON app.of_others TO regress_application;
SET ROLE regress_application;
CREATE TABLE mine (id int PRIMARY KEY, candidate_id int, other_id int REFERENCES of_others);
SELECT leadscore.attach_activity('mine', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'other_id.at');
RESET ROLE;
GRANT SELECT, TRIGGER ON app.of_others TO regress_application;
INSERT INTO app.of_others VALUES (1, '2026-02-01');
SET ROLE regress_application;
INSERT INTO mine VALUES (1, 3, 1);
SELECT leadscore.attach_activity('mine', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'other_id.at');
-- The rights were needed to attach; what comes later is found whatever policies say.
RESET ROLE;
REVOKE ALL ON app.of_others FROM regress_application;
ALTER TABLE app.of_others ENABLE ROW LEVEL SECURITY;
SET ROLE regress_application;
INSERT INTO mine VALUES (2, 3, 1);
RESET ROLE;
UPDATE app.of_others SET at = '2026-02-02';
SELECT occurred_at, source_key FROM leadscore.activity WHERE source_id = (SELECT source_id FROM leadscore.source WHERE source = 'mine'::regclass) ORDER BY 2;
SELECT * FROM leadscore.verify();
