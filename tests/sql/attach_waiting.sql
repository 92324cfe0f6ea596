-- Rows whose person is not known yet are kept and scored, from their own date, once it is.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id bigint PRIMARY KEY, name text, state text, score int, category text);
CREATE TABLE call (id bigint PRIMARY KEY, candidate_id bigint, at timestamptz, vip boolean, note text);
-- Activities first: they wait for a table of persons that is not attached yet.
INSERT INTO call VALUES (1, 1, '2026-02-01'), (2, 2, '2026-02-01'), (3, NULL, '2026-02-01');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{vip}');
SELECT source_key, person_kind, external_id, activity_type, occurred_at, attributes FROM leadscore.waiting ORDER BY 1;
INSERT INTO candidate (id) VALUES (1);
SELECT leadscore.attach_person('candidate', 'candidate', status => 'state', score => 'score', category => 'category');
SELECT id, score FROM candidate ORDER BY id;
:verify
RESET ROLE;
SELECT severity, finding, detail FROM leadscore.doctor() WHERE finding LIKE '%wait%';
SET ROLE regress_application;
-- The person arrives: by the table, or by a plain INSERT into leadscore.
INSERT INTO candidate (id) VALUES (2);
INSERT INTO call VALUES (4, 4, '2026-02-05', true);
INSERT INTO leadscore.person (kind, external_id) VALUES ('candidate', '4');
SELECT external_id, score, last_activity_at FROM leadscore.person ORDER BY 1;
SELECT count(*) FROM leadscore.waiting;
-- A row without a person counts from its own date once it has one, and no more when it has none again.
UPDATE call SET candidate_id = 1 WHERE id = 3;
SELECT id, score FROM candidate ORDER BY id;
SELECT last_activity_at FROM leadscore.person WHERE external_id = '1';
UPDATE call SET candidate_id = NULL;
SELECT id, score FROM candidate ORDER BY id;
SELECT (SELECT count(*) FROM leadscore.activity), (SELECT count(*) FROM leadscore.waiting);
UPDATE call SET candidate_id = id;
SELECT id, score FROM candidate ORDER BY id;
SELECT source_key, external_id FROM leadscore.waiting;
-- Without a date it waits too.
UPDATE call SET at = NULL WHERE id = 1;
SELECT id, score FROM candidate ORDER BY id;
UPDATE call SET at = '2026-02-01' WHERE id = 1;
SELECT id, score FROM candidate ORDER BY id;
-- What waits changes, is renumbered and goes with its row.
UPDATE call SET at = '2026-02-20', vip = true WHERE id = 3;
SELECT source_key, external_id, occurred_at, attributes FROM leadscore.waiting;
UPDATE call SET id = 33, candidate_id = 5 WHERE id = 3;
SELECT source_key, external_id FROM leadscore.waiting;
DELETE FROM call WHERE id = 33;
SELECT count(*) FROM leadscore.waiting;
INSERT INTO call SELECT 100 + g, 7, timestamptz '2026-01-01' + g * interval '1 day' FROM generate_series(1, 40) g;
SELECT count(*) FROM leadscore.waiting;
INSERT INTO candidate (id) SELECT g FROM generate_series(6, 50) g;
SELECT id, score FROM candidate WHERE id = 7;
:verify
-- A row without a date column is of the moment at which it was inserted, and stays so while it waits.
CREATE TABLE visit (id int PRIMARY KEY, candidate_id int);
SELECT leadscore.attach_activity('visit', 'visit', person => 'candidate_id', person_kind => 'candidate');
INSERT INTO visit VALUES (1, 777), (2, 1);
CREATE TEMP TABLE moments AS SELECT source_key, occurred_at FROM leadscore.waiting UNION ALL SELECT source_key, occurred_at FROM leadscore.activity WHERE activity_type = 'visit';
SELECT pg_sleep(0.01);
UPDATE visit SET candidate_id = 2;
SELECT count(*) AS same FROM leadscore.activity JOIN moments USING (source_key, occurred_at);
UPDATE visit SET candidate_id = 778;
INSERT INTO candidate (id) VALUES (778);
SELECT count(*) AS same FROM leadscore.activity JOIN moments USING (source_key, occurred_at);
:verify
-- The person goes and comes back.
DELETE FROM candidate WHERE id = 778;
SELECT count(*) FROM leadscore.waiting;
RESET ROLE;
SELECT leadscore.resync();
SELECT count(*) FROM leadscore.waiting;
SET ROLE regress_application;
INSERT INTO candidate (id) VALUES (778);
SELECT count(*) AS same FROM leadscore.activity JOIN moments USING (source_key, occurred_at);
:verify
-- A person that takes the number for which something waits, and one that leaves it.
INSERT INTO call VALUES (900, 60, '2026-02-01');
UPDATE candidate SET id = 60 WHERE id = 1;
SELECT id, score FROM candidate WHERE id = 60;
SELECT source_key, external_id FROM leadscore.waiting ORDER BY 1;
:verify
