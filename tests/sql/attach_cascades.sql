-- Changes that foreign keys bring about, at once and deferred.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id bigint PRIMARY KEY, name text, state text, score int, category text);
CREATE TABLE call (id bigint PRIMARY KEY, candidate_id bigint REFERENCES candidate ON DELETE CASCADE ON UPDATE CASCADE, at timestamptz, vip boolean, note text);
CREATE TABLE visit (id bigint PRIMARY KEY, candidate_id bigint REFERENCES candidate ON DELETE SET NULL ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED, at timestamptz);
SELECT leadscore.attach_person('candidate', 'candidate', status => 'state', score => 'score', category => 'category');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{vip}');
SELECT leadscore.attach_activity('visit', 'visit', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at');
INSERT INTO candidate (id) SELECT g FROM generate_series(1, 50) g;
INSERT INTO call SELECT g, 1 + g % 50, '2026-02-01' FROM generate_series(1, 200) g;
INSERT INTO visit SELECT g, 1 + g % 50, '2026-02-01' FROM generate_series(1, 100) g;
SELECT id, score FROM candidate WHERE id = 1;
-- Calls go with their candidate, visits lose theirs.
DELETE FROM candidate WHERE id > 45;
SELECT count(*), sum(score) FROM candidate;
SELECT source_id, count(*) FROM leadscore.activity GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM leadscore.waiting;
:verify
UPDATE visit SET candidate_id = 1 WHERE candidate_id IS NULL;
SELECT id, score FROM candidate WHERE id = 1;
:verify
-- A candidate gets another number, and what refers to it with it: the person stays the same.
CREATE TEMP TABLE before AS SELECT person_id, score FROM leadscore.person WHERE external_id IN ('1', '2');
SELECT leadscore.adjust((SELECT person_id FROM leadscore.person WHERE external_id = '2'), 5, 'Met at a fair', '2026-02-01') IS NOT NULL AS adjusted;
UPDATE candidate SET id = id + 1000 WHERE id < 3;
SELECT external_id, p.score - b.score AS more FROM leadscore.person p JOIN before b USING (person_id) ORDER BY 1;
SELECT id, score FROM candidate WHERE id > 1000 ORDER BY id;
:verify
-- Deferred: the activity is there before its candidate, and the candidate is gone while its activities are.
BEGIN;
INSERT INTO visit VALUES (901, 99, '2026-02-01');
SELECT count(*) FROM leadscore.waiting;
INSERT INTO candidate (id) VALUES (99);
COMMIT;
SELECT id, score FROM candidate WHERE id = 99;
BEGIN;
INSERT INTO visit VALUES (902, 98, '2026-02-01');
COMMIT;
SELECT count(*) FROM leadscore.activity WHERE source_key = '902';
:verify
-- TRUNCATE that cascades.
TRUNCATE candidate CASCADE;
SELECT (SELECT count(*) FROM leadscore.person), (SELECT count(*) FROM leadscore.activity), (SELECT count(*) FROM leadscore.waiting);
:verify
-- A table that refers to itself, and one that is persons and activities at once.
CREATE TABLE member (id int PRIMARY KEY, invited_by int REFERENCES member ON DELETE CASCADE, at timestamptz, score int);
SELECT leadscore.attach_person('member', 'member', score => 'score');
SELECT leadscore.attach_activity('member', 'visit', person => 'invited_by', person_kind => 'member', occurred_at => 'at');
INSERT INTO member VALUES (1, NULL, '2026-02-01'), (2, 1, '2026-02-01'), (3, 1, '2026-02-01'), (4, 3, '2026-02-01'), (5, 4, '2026-02-01'), (6, 6, '2026-02-01');
SELECT id, score FROM member ORDER BY id;
DELETE FROM member WHERE id = 3;
SELECT id, score FROM member ORDER BY id;
:verify
DELETE FROM member WHERE id IN (1, 6);
SELECT (SELECT count(*) FROM leadscore.person), (SELECT count(*) FROM leadscore.activity), (SELECT count(*) FROM leadscore.waiting);
:verify
