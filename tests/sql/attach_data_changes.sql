-- Every way in which rows of attached tables change.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id bigint PRIMARY KEY, name text, state text, score int, category text);
CREATE TABLE call (id bigint PRIMARY KEY, candidate_id bigint, at timestamptz, vip boolean, note text);
SELECT leadscore.attach_person('candidate', 'candidate', status => 'state', score => 'score', category => 'category');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{vip}');
-- Single rows, several rows, many rows.
INSERT INTO candidate (id, state) VALUES (1, 'new');
INSERT INTO candidate (id, state, score, category) VALUES (2, 'new', 999, 'nonsense'), (3, NULL, -1, NULL);
INSERT INTO candidate (id) SELECT g FROM generate_series(4, 60) g;
INSERT INTO call VALUES (1, 1, '2026-02-01');
INSERT INTO call VALUES (2, 2, '2026-02-01', true), (3, 2, '2026-02-02', false);
INSERT INTO call SELECT g, g - 60, timestamptz '2026-01-01 12:00' + g * interval '1 hour' FROM generate_series(101, 160) g WHERE g % 2 = 0;
COPY call (id, candidate_id, at, vip) FROM stdin;
4	1	2026-02-03 12:00:00+00	\N
5	3	2026-02-03 12:00:00+00	t
\.
SELECT id, score, category FROM candidate WHERE id < 7 ORDER BY id;
SELECT count(*), sum(score) FROM candidate;
:verify
-- Upserts: the row is there, is not there, is left alone, is one that a condition lets through.
INSERT INTO call VALUES (5, 1, '2026-02-03'), (6, 3, '2026-02-03') ON CONFLICT (id) DO UPDATE SET candidate_id = EXCLUDED.candidate_id, vip = EXCLUDED.vip;
INSERT INTO call VALUES (6, 1, '2026-02-03'), (7, 3, '2026-02-03') ON CONFLICT DO NOTHING;
INSERT INTO call AS c VALUES (6, 1, '2026-02-03'), (7, 1, '2026-02-03') ON CONFLICT (id) DO UPDATE SET candidate_id = EXCLUDED.candidate_id WHERE c.id = 7;
INSERT INTO candidate (id, state) VALUES (1, 'active'), (61, 'new') ON CONFLICT (id) DO UPDATE SET state = EXCLUDED.state;
SELECT id, score, category FROM candidate WHERE id < 4 ORDER BY id;
SELECT external_id, status FROM leadscore.person WHERE external_id IN ('1', '61') ORDER BY 1;
:verify
-- MERGE that does all at once.
MERGE INTO call c USING (VALUES (1, 3), (2, 3), (3, 3), (8, 1), (9, 2)) v(id, candidate_id) ON v.id = c.id
    WHEN MATCHED AND c.id = 1 THEN DELETE
    WHEN MATCHED AND c.id = 2 THEN UPDATE SET candidate_id = v.candidate_id, at = '2026-02-20'
    WHEN MATCHED THEN DO NOTHING
    WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.candidate_id, '2026-02-21', v.id = 9);
MERGE INTO candidate c USING (VALUES (60), (62)) v(id) ON v.id = c.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id, state) VALUES (v.id, 'merged');
SELECT id, score, category FROM candidate WHERE id < 4 OR id > 59 ORDER BY id;
:verify
-- Several statements in one.
WITH gone AS (DELETE FROM call WHERE id = 9 RETURNING *), there AS (INSERT INTO call SELECT 10, candidate_id, at, vip FROM gone RETURNING id)
UPDATE call SET candidate_id = 1 WHERE id = 2;
SELECT id, score FROM candidate WHERE id < 4 ORDER BY id;
:verify
-- UPDATE of the date, the person, the attributes, the key, and of all of them. The activity remains the same one.
CREATE TEMP TABLE before AS SELECT activity_id, source_key FROM leadscore.activity;
UPDATE call SET at = '2026-02-25' WHERE id = 10;
SELECT external_id, last_activity_at FROM leadscore.person WHERE external_id = '2';
UPDATE call SET candidate_id = 1 WHERE id = 10;
UPDATE call SET vip = false WHERE id = 10;
UPDATE call SET id = 11 WHERE id = 10;
SELECT id, score FROM candidate WHERE id < 4 ORDER BY id;
UPDATE call SET id = id + 1000, candidate_id = 3, vip = true, at = at + interval '1 day' WHERE id < 20;
SELECT id, score FROM candidate WHERE id < 4 ORDER BY id;
SELECT a.source_key, count(*) OVER () AS same FROM leadscore.activity a JOIN before b USING (activity_id) WHERE a.source_key <> b.source_key ORDER BY a.source_key::int;
:verify
-- Keys that change places.
ALTER TABLE call DROP CONSTRAINT call_pkey;
ALTER TABLE call ADD PRIMARY KEY (id) DEFERRABLE;
UPDATE call SET id = 2005 - id WHERE id IN (1002, 1003);
UPDATE call SET id = id + 1;
ALTER TABLE candidate DROP CONSTRAINT candidate_pkey;
ALTER TABLE candidate ADD PRIMARY KEY (id) DEFERRABLE;
UPDATE candidate SET id = CASE id WHEN 5 THEN 6 ELSE 5 END WHERE id IN (5, 6);
UPDATE candidate SET id = id + 1 WHERE id > 6;
:verify
-- DELETE of some, of a person, of all; TRUNCATE.
DELETE FROM call WHERE id > 1003;
SELECT id, score FROM candidate WHERE id < 4 ORDER BY id;
DELETE FROM candidate WHERE id = 3;
SELECT source_key, external_id FROM leadscore.waiting ORDER BY 1;
INSERT INTO candidate (id) VALUES (3);
SELECT id, score FROM candidate WHERE id < 4 ORDER BY id;
:verify
DELETE FROM call WHERE id < 150;
DELETE FROM call;
SELECT count(*) FROM leadscore.activity;
INSERT INTO call VALUES (1, 1, '2026-02-01'), (2, 777, '2026-02-01');
TRUNCATE call;
SELECT (SELECT count(*) FROM leadscore.activity), (SELECT count(*) FROM leadscore.waiting), (SELECT sum(score) FROM candidate);
INSERT INTO call VALUES (1, 1, '2026-02-01');
TRUNCATE candidate;
SELECT (SELECT count(*) FROM leadscore.person), (SELECT count(*) FROM leadscore.waiting);
:verify
INSERT INTO candidate (id) VALUES (1);
TRUNCATE call, candidate;
SELECT (SELECT count(*) FROM leadscore.person), (SELECT count(*) FROM leadscore.activity), (SELECT count(*) FROM leadscore.waiting);
:verify
-- TRUNCATE and COPY with FREEZE in one transaction, which writes rows that everybody sees at once.
INSERT INTO candidate (id) VALUES (1), (2);
INSERT INTO call VALUES (1, 1, '2026-02-01');
BEGIN;
TRUNCATE call;
COPY call (id, candidate_id, at, vip) FROM stdin (FREEZE);
5	1	2026-02-02	f
6	2	2026-02-02	t
\.
UPDATE call SET candidate_id = 2 WHERE id = 5;
COMMIT;
SELECT id, score FROM candidate ORDER BY id;
:verify
-- A cursor's row, and rows of a procedure that commits and rolls back as it goes.
BEGIN;
DECLARE at_call CURSOR FOR SELECT * FROM call WHERE id = 5 FOR UPDATE;
MOVE at_call;
UPDATE call SET candidate_id = 1 WHERE CURRENT OF at_call;
COMMIT;
CREATE PROCEDURE load() LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 5 LOOP
        INSERT INTO app.call VALUES (10 + i, 1, '2026-02-01');
        COMMIT;
        INSERT INTO app.call VALUES (20 + i, 1, '2026-02-01');
        ROLLBACK;
    END LOOP;
END $$;
CALL load();
SELECT id, score FROM candidate ORDER BY id;
:verify
-- The table is written anew, and changes under the hands.
CREATE INDEX call_at_idx ON call (at);
CLUSTER call USING call_at_idx;
ALTER TABLE call DROP COLUMN note, ADD COLUMN more int DEFAULT 7;
ALTER TABLE call ALTER more TYPE text;
INSERT INTO call VALUES (30, 1, '2026-02-01', false, 'more');
UPDATE call SET candidate_id = 2 WHERE id = 11;
SELECT id, score FROM candidate ORDER BY id;
:verify
