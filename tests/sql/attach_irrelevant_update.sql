-- An UPDATE that means nothing to leadscore writes nothing there.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id bigint PRIMARY KEY, name text, state text, score int, category text);
CREATE TABLE call (id bigint PRIMARY KEY, candidate_id bigint, at timestamptz, vip boolean, note text);
SELECT leadscore.attach_person('candidate', 'candidate', status => 'state', score => 'score', category => 'category');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{vip}');
INSERT INTO candidate (id, state) SELECT g, 'new' FROM generate_series(1, 3) g;
INSERT INTO call SELECT g, g % 3 + 1, '2026-02-01' FROM generate_series(1, 40) g;
RESET ROLE;
-- What is stored, by where and by which transaction.
CREATE TEMP VIEW stored AS
SELECT 'person' AS of, ctid AS place, xmin AS writer FROM leadscore.person UNION ALL SELECT 'activity', ctid, xmin FROM leadscore.activity
UNION ALL SELECT 'score_record', ctid, xmin FROM leadscore.score_record UNION ALL SELECT 'due', ctid, xmin FROM leadscore.due
UNION ALL SELECT 'change', ctid, xmin FROM leadscore.category_change UNION ALL SELECT 'waiting', ctid, xmin FROM leadscore.waiting;
CREATE TEMP TABLE before AS SELECT * FROM stored;
CREATE TEMP TABLE candidate_before AS SELECT id, ctid AS place, xmin AS writer FROM app.candidate;
GRANT SELECT ON candidate_before TO regress_application;
SET ROLE regress_application;
-- Columns that leadscore does not know, the same values again, and values that are no others for leadscore.
UPDATE call SET note = 'x';
UPDATE call SET at = at, candidate_id = candidate_id, vip = vip, id = id;
UPDATE call SET at = at AT TIME ZONE 'UTC' AT TIME ZONE 'UTC' WHERE id < 5;
INSERT INTO call VALUES (1, 1, '2026-02-01') ON CONFLICT (id) DO UPDATE SET note = 'y';
UPDATE call SET candidate_id = 2 WHERE false;
DELETE FROM call WHERE false;
UPDATE candidate SET state = 'new' WHERE false;
SELECT count(*) AS candidates_written FROM candidate c JOIN candidate_before b USING (id) WHERE c.ctid <> b.place OR c.xmin <> b.writer;
-- So for persons.
UPDATE candidate SET name = 'x', state = state, id = id;
RESET ROLE;
SELECT of, count(*) FROM (TABLE stored EXCEPT TABLE before) w GROUP BY of;
SELECT of, count(*) FROM (TABLE before EXCEPT TABLE stored) w GROUP BY of;
-- One that matters writes what it must and no more: of 40 activities one, of 3 persons two.
SET ROLE regress_application;
UPDATE call SET candidate_id = 3 WHERE id = 3;
RESET ROLE;
SELECT of, count(*) FROM (TABLE stored EXCEPT TABLE before) w GROUP BY of ORDER BY of;
SELECT * FROM leadscore.verify();
