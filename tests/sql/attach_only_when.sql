-- only_when: rows that satisfy a condition, come to satisfy it, or no longer do.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TYPE stage AS ENUM ('planned', 'done', 'late');
CREATE TABLE candidate (id bigint PRIMARY KEY, score int);
CREATE TABLE call (id bigint PRIMARY KEY, candidate_id bigint, state text, stage stage, padded char(8), answered boolean, tries int, amount numeric(10,2), day date, note text);
SELECT leadscore.attach_person('candidate', 'candidate', score => 'score');
INSERT INTO candidate VALUES (1), (2);
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', only_when => '{"state": "done"}');
-- Rows come to satisfy it, and no longer do.
INSERT INTO call (id, candidate_id, state) VALUES (1, 1, 'planned'), (2, 1, 'done'), (3, 1, NULL), (4, 2, 'Done'), (5, 2, 'done ');
SELECT id, score FROM candidate ORDER BY id;
CREATE TEMP TABLE before AS SELECT source_key, activity_id FROM leadscore.activity;
UPDATE call SET state = 'done' WHERE id = 1;
SELECT id, score FROM candidate ORDER BY id;
UPDATE call SET state = 'cancelled' WHERE id = 2;
SELECT id, score FROM candidate ORDER BY id;
UPDATE call SET state = 'done';
SELECT id, score FROM candidate ORDER BY id;
:verify
-- One that waits, too.
INSERT INTO call (id, candidate_id, state) VALUES (6, 3, 'done'), (7, 3, 'planned');
SELECT source_key FROM leadscore.waiting;
UPDATE call SET state = 'planned' WHERE candidate_id = 3;
SELECT source_key FROM leadscore.waiting;
UPDATE call SET candidate_id = 1 WHERE candidate_id = 3;
UPDATE call SET state = 'done' WHERE id = 7;
DELETE FROM call WHERE id = 6;
SELECT id, score FROM candidate ORDER BY id;
:verify
-- Lists, several columns, every usual type, and NULL.
UPDATE call SET candidate_id = 1, state = CASE WHEN id < 4 THEN 'done' WHEN id < 7 THEN 'late' END, stage = CASE id % 2 WHEN 0 THEN 'done' ELSE 'late' END::stage, padded = state, answered = id < 3, tries = id, amount = id, day = date '2026-02-01' + id::int;
SELECT leadscore.detach('call');
CREATE FUNCTION counted(condition jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', only_when => condition);
    PERFORM leadscore.detach('call');
    RETURN (SELECT string_agg(source_key, ' ' ORDER BY source_key) FROM leadscore.activity);
END $$;
SELECT id, state, stage, padded, answered, tries, amount, day FROM call ORDER BY id;
SELECT c, counted(c) FROM unnest(ARRAY['{"state": ["done", "late"]}', '{"state": ["done", "late"], "stage": "done"}', '{"state": null}', '{"state": ["done", null]}', '{"stage": ["done", "late"]}',
    '{"padded": "done"}', '{"answered": true}', '{"answered": [false]}', '{"tries": 3}', '{"tries": [3, 4]}', '{"tries": "3"}', '{"amount": 3}', '{"amount": 3.0}', '{"amount": "3.00"}', '{"day": "2026-02-04"}', '{"state": []}', '{}', NULL]::jsonb[]) c;
-- Numbers to the last digit, and none.
UPDATE call SET amount = 'NaN' WHERE id = 5;
INSERT INTO call (id, candidate_id, amount) VALUES (9007199254740992, 1, 1), (9007199254740993, 1, 1);
SELECT c, counted(c) FROM unnest(ARRAY['{"id": 9007199254740993}', '{"id": "9007199254740992"}', '{"amount": "NaN"}', '{"amount": "Infinity"}', '{"amount": "1.0"}', '{"amount": 1e0}']::jsonb[]) c;
DELETE FROM call WHERE id > 10;
-- The column of a condition is a bound one like any other.
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', only_when => '{"state": "done", "answered": true}');
UPDATE call SET answered = NOT answered;
SELECT source_key FROM leadscore.activity;
ALTER TABLE call RENAME answered TO picked_up;
UPDATE call SET picked_up = NOT picked_up;
SELECT source_key FROM leadscore.activity ORDER BY 1;
:verify
