-- doctor(): what keeps scores from being right, and the commands that mend it.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id bigint PRIMARY KEY, name text, state text, score int, category text);
CREATE TABLE call (id bigint PRIMARY KEY, candidate_id bigint, at timestamptz, vip boolean, note text);
CREATE TABLE visit (id bigint, candidate_id bigint, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE visit_1 PARTITION OF visit FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
SELECT leadscore.attach_person('candidate', 'candidate', status => 'state', score => 'score', category => 'category');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{vip}');
SELECT leadscore.attach_activity('visit', 'visit', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'day', key => 'id');
INSERT INTO candidate (id) VALUES (1);
RESET ROLE;
SELECT FROM leadscore_recompute();
-- pg_cron is told of by other tests. Nothing else is wrong.
\set findings 'SELECT severity, finding, detail, remedy FROM leadscore.doctor() WHERE finding NOT LIKE ''%pg_cron%'''
:findings;
-- Disabled triggers, on a table, on one partition, as replica only, and leadscore's own.
ALTER TABLE app.call DISABLE TRIGGER USER;
ALTER TABLE app.visit_1 DISABLE TRIGGER USER;
INSERT INTO app.call VALUES (1, 1, now());
INSERT INTO app.visit VALUES (1, 1, '2026-02-01');
SELECT finding FROM leadscore.doctor() WHERE severity = 'error';
SELECT remedy FROM leadscore.doctor() WHERE severity = 'error' \gexec
:findings;
SELECT count(*) FROM leadscore.activity;
SELECT * FROM leadscore.verify();
ALTER TABLE app.candidate ENABLE REPLICA TRIGGER leadscore_1_statement;
ALTER TABLE leadscore.activity DISABLE TRIGGER score_inserted;
INSERT INTO app.call VALUES (2, 1, now());
SELECT finding, remedy FROM leadscore.doctor() WHERE severity = 'error';
SELECT remedy FROM leadscore.doctor() WHERE severity = 'error' \gexec
:findings;
SELECT * FROM leadscore.verify();
-- A missing trigger.
DROP TRIGGER leadscore_2_truncate ON app.call;
TRUNCATE app.call;
SELECT finding, remedy FROM leadscore.doctor() WHERE severity = 'error';
SELECT remedy FROM leadscore.doctor() WHERE severity = 'error' \gexec
:findings;
SELECT * FROM leadscore.verify();
INSERT INTO app.call VALUES (1, 1, now()), (2, 1, now());
-- All of them, of tables with columns that were renamed since: it is attached again as it was.
ALTER TABLE app.candidate RENAME score TO points;
DO $$ DECLARE t record; BEGIN FOR t IN SELECT tgname, tgrelid::regclass AS source FROM pg_trigger WHERE tgname ~ '^!?leadscore_[12]_' AND tgname !~ 'columns' LOOP EXECUTE format('DROP TRIGGER %I ON %s', t.tgname, t.source); END LOOP; END $$;
INSERT INTO app.call VALUES (3, 1, now());
INSERT INTO app.candidate (id, state) VALUES (7, 'new');
SELECT finding, remedy FROM leadscore.doctor() WHERE severity = 'error';
DO $$ DECLARE c text; BEGIN FOR c IN SELECT DISTINCT remedy FROM leadscore.doctor() WHERE severity = 'error' LOOP EXECUTE c; END LOOP; END $$;
:findings;
SELECT external_id, status, score FROM leadscore.person ORDER BY 1;
SELECT id, points FROM app.candidate ORDER BY id;
DELETE FROM app.call WHERE id = 3;
DELETE FROM app.candidate WHERE id = 7;
SELECT id, points FROM app.candidate ORDER BY id;
SELECT * FROM leadscore.verify();
-- The one that lets a run go first is missed too.
DROP TRIGGER "!leadscore_1_begin" ON app.candidate;
SELECT finding, remedy FROM leadscore.doctor() WHERE severity = 'error';
SELECT remedy FROM leadscore.doctor() WHERE severity = 'error' \gexec
SELECT count(*) FROM pg_trigger WHERE tgname = '!leadscore_1_begin';
-- What waits.
INSERT INTO app.call VALUES (3, 2, now()), (4, 3, now());
:findings;
DELETE FROM app.call WHERE id > 2;
-- An empty tenant, which is refused but where triggers do not fire.
SET session_replication_role = replica;
INSERT INTO leadscore.person (person_id, kind, tenant) OVERRIDING SYSTEM VALUE VALUES (101, 'contact', ''), (102, 'contact', '');
RESET session_replication_role;
:findings;
SELECT remedy FROM leadscore.doctor() WHERE finding LIKE '%tenant' \gexec
:findings;
DELETE FROM leadscore.person WHERE person_id > 100;
-- Runs: none of today, one of tomorrow, none at all, an edit since.
SELECT FROM leadscore_recompute(now() - interval '3 days');
SELECT severity, finding, remedy FROM leadscore.doctor() WHERE finding LIKE '%run%';
SELECT FROM leadscore_recompute(now() + interval '3 days');
SELECT severity, finding, remedy FROM leadscore.doctor() WHERE finding LIKE '%run%';
UPDATE leadscore.rule SET points = 11 WHERE name = 'Any';
SELECT severity, finding, remedy FROM leadscore.doctor() WHERE finding LIKE '%run%';
DO $$ DECLARE c text; BEGIN FOR c IN SELECT DISTINCT remedy FROM leadscore.doctor() WHERE finding LIKE '%run%' LOOP EXECUTE c; END LOOP; END $$;
:findings;
-- Misspellings, and what is not there.
UPDATE leadscore.rule SET statuses = '{actve}', person_kinds = '{candidat}' WHERE name = 'Important';
DELETE FROM leadscore.category WHERE min_score IS NULL;
SELECT FROM leadscore_recompute();
:findings;
SELECT remedy FROM leadscore.doctor() WHERE finding LIKE '%lowest%' \gexec
DELETE FROM leadscore.category;
UPDATE leadscore.rule SET enabled = false;
SELECT FROM leadscore_recompute();
:findings;
-- An activity type that is registered, and no rule takes it.
UPDATE leadscore.rule SET enabled = true, activity_types = '{call}', statuses = NULL, person_kinds = NULL WHERE kind = 'activity';
SELECT FROM leadscore_recompute();
:findings;
