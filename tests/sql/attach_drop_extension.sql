-- DROP EXTENSION, with and without CASCADE, and the application's tables.
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
INSERT INTO candidate (id) VALUES (1), (2);
INSERT INTO call VALUES (1, 1, '2026-02-01');
INSERT INTO visit VALUES (1, 1, '2026-02-01');
RESET ROLE;
-- Without CASCADE it is refused, as triggers of the application's tables depend on it.
\set VERBOSITY terse
DROP EXTENSION leadscore;
\echo :LAST_ERROR_SQLSTATE
DROP SCHEMA leadscore;
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_application;
INSERT INTO call VALUES (2, 1, '2026-02-01');
SELECT id, score, category FROM candidate ORDER BY id;
RESET ROLE;
-- With CASCADE the triggers go with it, and the tables work and keep what was written back. In this session, too.
DROP EXTENSION leadscore CASCADE;
SET ROLE regress_application;
INSERT INTO candidate (id) VALUES (3);
UPDATE candidate SET state = 'active';
INSERT INTO call VALUES (3, 1, '2026-02-01');
INSERT INTO visit VALUES (2, 1, '2026-02-01');
UPDATE visit_1 SET candidate_id = 2;
DELETE FROM candidate WHERE id = 3;
COPY call (id, candidate_id) FROM stdin;
4	1
\.
TRUNCATE visit;
SELECT id, score, category FROM candidate ORDER BY id;
SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal;
RESET ROLE;
-- And back: in the same session.
CREATE EXTENSION leadscore;
GRANT USAGE ON SCHEMA leadscore TO regress_application;
UPDATE leadscore.settings SET time_zone = 'UTC';
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (name, points) VALUES ('Any', 3);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
SET ROLE regress_application;
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate');
SELECT leadscore.attach_person('candidate', 'candidate', score => 'score', category => 'category');
SELECT id, score, category FROM candidate ORDER BY id;
INSERT INTO call VALUES (5, 2);
SELECT id, score, category FROM candidate ORDER BY id;
RESET ROLE;
SELECT * FROM leadscore.verify();
-- Detached, it can be dropped without CASCADE.
SELECT leadscore.detach('app.call'), leadscore.detach('app.candidate');
DROP EXTENSION leadscore;
