-- Rows that are there already are taken in when a table is attached.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id bigint PRIMARY KEY, name text, state text, score int, category text);
CREATE TABLE call (id bigint PRIMARY KEY, candidate_id bigint, at timestamptz, vip boolean, note text);
INSERT INTO candidate (id, state) SELECT g, CASE WHEN g % 2 = 0 THEN 'active' END FROM generate_series(1, 1000) g;
INSERT INTO call SELECT g, g % 1100, timestamptz '2026-01-01' + g * interval '10 minutes', g % 100 = 0 FROM generate_series(1, 5000) g;
-- It returns how many there are. In either order the result is that of rows that come one by one.
BEGIN;
SELECT leadscore.attach_person('candidate', 'candidate', status => 'state', score => 'score', category => 'category');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{vip}');
SELECT sum(score), count(*) FILTER (WHERE category = 'hot') AS hot, count(*) FILTER (WHERE category = 'warm') AS warm, count(*) AS persons FROM candidate;
:verify
ROLLBACK;
BEGIN;
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{vip}');
SELECT leadscore.attach_person('candidate', 'candidate', status => 'state', score => 'score', category => 'category');
:verify
COMMIT;
SELECT sum(score), count(*) FILTER (WHERE category = 'hot') AS hot, count(*) FILTER (WHERE category = 'warm') AS warm, count(*) AS persons FROM candidate;
SELECT (SELECT count(*) FROM leadscore.activity) AS activities, (SELECT count(*) FROM leadscore.waiting) AS waiting;
CREATE TABLE candidate_2 (LIKE candidate INCLUDING ALL);
CREATE TABLE call_2 (LIKE call INCLUDING ALL);
SELECT leadscore.attach_person('candidate_2', 'second', status => 'state', score => 'score', category => 'category');
SELECT leadscore.attach_activity('call_2', 'call', person => 'candidate_id', person_kind => 'second', occurred_at => 'at', attributes => '{vip}');
DO $$
DECLARE
    c record;
BEGIN
    FOR c IN SELECT * FROM app.call ORDER BY hashint8(id) LOOP
        INSERT INTO app.call_2 VALUES (c.id, c.candidate_id, c.at, c.vip);
    END LOOP;
    INSERT INTO app.candidate_2 (id, state) SELECT id, state FROM app.candidate;
END $$;
SELECT count(*) AS differ FROM candidate_2 JOIN candidate USING (id) WHERE (candidate.score, candidate.category) IS DISTINCT FROM (candidate_2.score, candidate_2.category);
:verify
-- Persons that leadscore has already are recognised by their key.
INSERT INTO leadscore.person (kind, external_id, status, owner) VALUES ('lead', '7', 'old', 'me');
CREATE TABLE lead (id int PRIMARY KEY, state text, score int);
INSERT INTO lead VALUES (7, 'new'), (8, 'new');
SELECT leadscore.attach_person('lead', 'lead', status => 'state', score => 'score');
SELECT external_id, status, owner FROM leadscore.person WHERE kind = 'lead' ORDER BY 1;
SELECT * FROM lead ORDER BY id;
-- Empty tables.
CREATE TABLE nobody (id int PRIMARY KEY);
CREATE TABLE nothing (id int PRIMARY KEY, p int);
SELECT leadscore.attach_person('nobody', 'nobody');
SELECT leadscore.attach_activity('nothing', 'call', person => 'p', person_kind => 'nobody');
-- Rows that are attached for the second time in the same way are the same ones.
CREATE TEMP TABLE before AS SELECT * FROM leadscore.activity;
SELECT leadscore.detach('call');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{vip}');
SELECT count(*) FROM (TABLE before EXCEPT TABLE leadscore.activity) d;
-- Progress is told for large tables.
SET client_min_messages = notice;
CREATE TABLE large (id int PRIMARY KEY, p bigint, at date);
INSERT INTO large SELECT g, g % 5, '2026-02-01' FROM generate_series(1, 250000) g;
SELECT leadscore.attach_activity('large', 'visit', person => 'p', person_kind => 'candidate', occurred_at => 'at');
SET client_min_messages = warning;
SELECT id, score FROM candidate WHERE id < 5 ORDER BY id;
-- So it is for persons whose silence is looked for.
INSERT INTO leadscore.rule (name, kind, points, inactive_for) VALUES ('Silence', 'inactivity', -5, '14 days');
CREATE TABLE many (id int PRIMARY KEY, known date, score int);
INSERT INTO many SELECT g, CASE g % 2 WHEN 0 THEN date '2026-01-01' ELSE date '2026-03-01' END FROM generate_series(1, 30000) g;
SET client_min_messages = notice;
SELECT leadscore.attach_person('many', 'many', since => 'known', score => 'score');
SELECT score, count(*) FROM many GROUP BY score ORDER BY score;
