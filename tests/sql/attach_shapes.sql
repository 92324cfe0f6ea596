-- Shapes of real applications: several attachments of one table, composite keys, tenants, persons who are not active, scorecards, time zones.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
\set persons 'SELECT kind, tenant, external_id, name, active, attributes, score FROM leadscore.person ORDER BY kind, tenant, external_id;'
\set activities 'SELECT (SELECT concat_ws('' '', s.person_kind, s.label) FROM leadscore.source s WHERE s.source_id = a.source_id) AS attachment, activity_type, source_key, p.external_id FROM leadscore.activity a JOIN leadscore.person p USING (person_id) ORDER BY 1, 3;'
-- Companies and people in one table: two kinds.
CREATE TABLE partner (id int PRIMARY KEY, name text, is_company boolean, parent_id int REFERENCES partner, vip boolean, score int, company_score int);
CREATE INDEX ON partner (parent_id);
INSERT INTO partner VALUES (1, 'Bakery', true, NULL, false), (2, 'Ada', false, 1, true), (3, 'Ben', false, 1, false);
SELECT leadscore.attach_person('partner', 'company', name => 'name', only_when => '{"is_company": true}', score => 'company_score');
SELECT leadscore.attach_person('partner', 'contact', name => 'name', only_when => '{"is_company": false}', attributes => '{vip}', score => 'score');
:persons
UPDATE partner SET is_company = false WHERE id = 1;
UPDATE partner SET vip = NULL WHERE id = 2;
:persons
UPDATE partner SET is_company = true WHERE id = 1;
:verify
-- A journal of messages about whatever there is, told apart by the model.
CREATE TABLE message (id int PRIMARY KEY, model text, res_id int, sent date, channel text);
SELECT leadscore.attach_activity('message', 'call', person => 'res_id', person_kind => 'contact', occurred_at => 'sent', only_when => '{"model": "contact"}');
SELECT leadscore.attach_activity('message', 'call', person => 'res_id', person_kind => 'company', occurred_at => 'sent', only_when => '{"model": "company"}');
SELECT leadscore.attach_activity('message', 'visit', person => 'res_id', person_kind => 'contact', occurred_at => 'sent', only_when => '{"model": "contact", "channel": "web"}', label => 'web');
SELECT leadscore.attach_activity('message', 'visit', person => 'res_id', person_kind => 'contact', label => 'web');
INSERT INTO message VALUES (1, 'contact', 2, '2026-02-01', 'web'), (2, 'company', 1, '2026-02-01', 'web'), (3, 'contact', 3, '2026-02-01', 'mail');
:activities
UPDATE message SET model = 'company', res_id = 1 WHERE id = 3;
DELETE FROM message WHERE id = 2;
:activities
SELECT id, score, company_score FROM partner ORDER BY id;
:verify
SELECT leadscore.detach('message', keep => false, label => 'web');
:activities
SELECT leadscore.detach('message', keep => false, kind => 'company');
:activities
SELECT leadscore.detach('message', keep => false);
SELECT leadscore.detach('partner', keep => false);
-- Composite keys, for persons and for activities.
CREATE TABLE member (club text, number int, name text, score int, PRIMARY KEY (club, number));
CREATE TABLE visit (club text, number int, nth int, PRIMARY KEY (club, number, nth), FOREIGN KEY (club, number) REFERENCES member ON UPDATE CASCADE ON DELETE CASCADE);
INSERT INTO member VALUES ('a,b', 1, 'Ada'), ('a\', 1, 'Ben'), ('a', 2, 'Cy');
SELECT leadscore.attach_person('member', 'member', name => 'name', score => 'score');
SELECT leadscore.attach_activity('visit', 'visit', person => 'club, number', person_kind => 'member');
INSERT INTO visit VALUES ('a,b', 1, 1), ('a,b', 1, 2), ('a\', 1, 1);
:activities
TABLE member ORDER BY name;
UPDATE member SET club = 'c' WHERE name = 'Ada';
UPDATE member SET number = 3 - number WHERE club IN ('a', 'a\');
DELETE FROM member WHERE name = 'Ben';
:activities
TABLE member ORDER BY name;
:verify
SELECT leadscore.attach_activity('visit', 'visit', person => 'number, nth', person_kind => 'member', key => 'nth, club', label => 'x');
SELECT leadscore.detach('visit', keep => false);
SELECT leadscore.detach('member', keep => false);
-- Tenants: the same key in two of them is two persons.
CREATE TABLE tenant (id int PRIMARY KEY, code text);
CREATE TABLE applicant (id int PRIMARY KEY, tenant_id int REFERENCES tenant, code text, score int, UNIQUE (tenant_id, code));
CREATE TABLE call (id int PRIMARY KEY, applicant text, tenant_id int REFERENCES tenant);
CREATE INDEX ON applicant (tenant_id);
CREATE INDEX ON call (tenant_id);
INSERT INTO tenant VALUES (1, 'north'), (2, 'south');
INSERT INTO applicant VALUES (1, 1, '1'), (2, 2, '2');
SELECT leadscore.attach_person('applicant', 'applicant', tenant => 'tenant_id.code', score => 'score');
SELECT leadscore.attach_activity('call', 'call', person => 'applicant', person_kind => 'applicant', tenant => 'tenant_id.code');
INSERT INTO call VALUES (1, '1', 1), (2, '1', 2), (3, '2', 2), (4, '2', NULL);
:persons
SELECT tenant, external_id, source_key FROM leadscore.waiting ORDER BY source_key;
:verify
-- Given to another tenant: its calls are those of that tenant.
UPDATE applicant SET tenant_id = 2 WHERE id = 1;
:persons
SELECT tenant, external_id, source_key FROM leadscore.waiting ORDER BY source_key;
UPDATE tenant SET code = 'west' WHERE id = 2;
:persons
UPDATE tenant SET code = '' WHERE id = 2;
:persons
:verify
SELECT leadscore.detach('call', keep => false);
SELECT leadscore.detach('applicant', keep => false);
-- Other scorecards are written back, too.
RESET ROLE;
INSERT INTO leadscore.scorecard (scorecard) VALUES ('fit');
SET ROLE regress_application;
CREATE TABLE person (id int PRIMARY KEY, score int, fit_score int, fit_category text);
SELECT leadscore.attach_person('person', 'person', scorecards => '{"unfit": ["fit_score"]}');
SELECT leadscore.attach_person('person', 'person', scorecards => '{"fit": "fit_score"}');
SELECT leadscore.attach_person('person', 'person', score => 'score', scorecards => '{"fit": ["score", null]}');
SELECT leadscore.attach_person('person', 'person', score => 'score', scorecards => '{"fit": ["fit_score", "fit_category"]}');
INSERT INTO person VALUES (1), (2);
RESET ROLE;
INSERT INTO leadscore.person_score SELECT person_id, 'fit', 42, 'good' FROM leadscore.person WHERE external_id = '2' ON CONFLICT (person_id, scorecard) DO UPDATE SET score = 42, category = 'good';
SELECT leadscore._write_back(array_agg(person_id)) FROM leadscore.person;
SET ROLE regress_application;
TABLE person ORDER BY id;
SELECT leadscore.detach('person', keep => false);
-- Columns without a time zone are read in the one that is given.
CREATE TABLE note (id int PRIMARY KEY, who int, at timestamp, day date);
CREATE TABLE one (id int PRIMARY KEY, since timestamp);
INSERT INTO one VALUES (1, '2026-01-31 23:30');
SELECT leadscore.attach_person('one', 'one', since => 'since', time_zone => 'America/New_York');
SELECT leadscore.attach_activity('note', 'call', person => 'who', person_kind => 'one', occurred_at => 'at', attributes => '{at}', time_zone => 'Asia/Tokyo');
SELECT leadscore.attach_activity('note', 'visit', person => 'who', person_kind => 'one', occurred_at => 'day', label => 'day');
SELECT leadscore.attach_activity('note', 'visit', person => 'who', person_kind => 'one', occurred_at => 'day', label => 'other', time_zone => 'Nowhere');
INSERT INTO note VALUES (1, 1, '2026-02-01 08:00', '2026-02-01');
SELECT activity_type, occurred_at, attributes FROM leadscore.activity ORDER BY 1;
SELECT since FROM leadscore.person;
:verify
-- A fresh row that lies a whole offset away is told.
RESET ROLE;
UPDATE leadscore.settings SET time_zone = 'Asia/Tokyo';
SET ROLE regress_application;
CREATE TABLE fresh (id int PRIMARY KEY, who int, at timestamp DEFAULT (now() AT TIME ZONE 'UTC'));
INSERT INTO fresh VALUES (1, 1);
SET client_min_messages = notice;
\set VERBOSITY terse
SELECT leadscore.attach_activity('fresh', 'call', person => 'who', person_kind => 'one', occurred_at => 'at');
SELECT leadscore.attach_activity('fresh', 'call', person => 'who', person_kind => 'one', occurred_at => 'at', time_zone => 'UTC', label => 'said');
