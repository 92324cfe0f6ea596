-- A row that comes to be an activity, or to wait, takes a key that another row leaves in the same statement.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id int PRIMARY KEY, score int);
CREATE TABLE call (id int PRIMARY KEY DEFERRABLE, candidate int, state text);
SELECT leadscore.attach_person('candidate', 'candidate', score => 'score');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate', person_kind => 'candidate', only_when => '{"state": "done"}');
INSERT INTO candidate VALUES (1), (2), (3);
INSERT INTO call VALUES (1, 1, 'open'), (2, 2, 'done'), (3, 3, 'open');
\set show 'SELECT source_key, (SELECT external_id FROM leadscore.person p WHERE p.person_id = a.person_id) AS candidate, occurred_at = now() AS is_new FROM leadscore.activity a ORDER BY 1; SELECT source_key, external_id, occurred_at = now() AS is_new FROM leadscore.waiting ORDER BY 1'
-- The one that leaves stays the same activity, at its moment; the other is a new one.
BEGIN;
UPDATE call SET id = CASE id WHEN 1 THEN 2 ELSE 4 END, state = 'done' WHERE id < 3;
:show;
COMMIT;
SELECT * FROM candidate ORDER BY id;
:verify
-- The one that leaves is nothing any more.
BEGIN;
UPDATE call SET id = 5 - id, state = CASE id WHEN 2 THEN 'open' ELSE 'done' END WHERE id IN (2, 3);
:show;
COMMIT;
:verify
-- The one that leaves comes to wait.
BEGIN;
UPDATE call SET id = CASE id WHEN 2 THEN 5 ELSE 2 END, candidate = CASE id WHEN 2 THEN 9 ELSE 1 END, state = 'done' WHERE id IN (2, 3);
:show;
COMMIT;
:verify
-- The one that leaves has waited, and waits on.
INSERT INTO call VALUES (7, 3, 'open');
BEGIN;
UPDATE call SET id = CASE id WHEN 5 THEN 6 ELSE 5 END, state = 'done' WHERE id IN (5, 7);
:show;
COMMIT;
:verify
INSERT INTO candidate VALUES (9);
SELECT * FROM candidate ORDER BY id;
:verify
-- Of many rows every second one is no activity until then.
DELETE FROM call;
INSERT INTO call SELECT g, 1 + g % 3, CASE WHEN g % 2 = 0 THEN 'done' ELSE 'open' END FROM generate_series(1, 300) g;
UPDATE call SET id = id + 1, state = 'done';
SELECT count(*), count(DISTINCT source_key) FROM leadscore.activity;
:verify
UPDATE call SET id = id - 1, state = CASE WHEN id % 2 = 0 THEN 'done' ELSE 'open' END;
UPDATE call SET id = 302 - id, state = CASE state WHEN 'done' THEN 'open' ELSE 'done' END;
SELECT count(*), count(DISTINCT source_key) FROM leadscore.activity;
SELECT * FROM candidate ORDER BY id;
:verify
