-- An updated activity counts as what it is now, at once.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('meeting');
INSERT INTO leadscore.rule (name, activity_types, condition, points, relevant_for) VALUES
    ('Call', '{call}', NULL, 1, '30 days'), ('Meeting', '{meeting}', NULL, 10, '30 days'), ('Deal', NULL, '{"deal": true}', 100, NULL);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, since) VALUES (1, 'candidate', '2020-01-01'), (2, 'candidate', '2020-01-01');
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (1, 1, 'call', '2026-02-20'), (2, 1, 'call', '2026-02-10');
SELECT person_id, score, last_activity_at FROM leadscore.person ORDER BY 1;   -- 2 and 0
-- Another type: 10 + 1.
UPDATE leadscore.activity SET activity_type = 'meeting' WHERE activity_id = 1;
SELECT person_id, score, last_activity_at FROM leadscore.person ORDER BY 1;
-- Attributes: 10 + 1 + 100.
UPDATE leadscore.activity SET attributes = '{"deal": true}' WHERE activity_id = 2;
SELECT person_id, score, last_activity_at FROM leadscore.person ORDER BY 1;
-- Another time, at which its window is over: 10 + 100. The latest activity is the other one.
UPDATE leadscore.activity SET occurred_at = '2026-01-10' WHERE activity_id = 2;
SELECT person_id, score, last_activity_at FROM leadscore.person ORDER BY 1;
-- Another person: 10 and 100.
UPDATE leadscore.activity SET person_id = 2 WHERE activity_id = 2;
SELECT person_id, score, last_activity_at FROM leadscore.person ORDER BY 1;
-- Two that change places, in one statement: 100 and 10.
UPDATE leadscore.activity SET person_id = 3 - person_id;
SELECT person_id, score, last_activity_at FROM leadscore.person ORDER BY 1;
-- The id of an activity may change: the record follows.
UPDATE leadscore.activity SET activity_id = 7 WHERE activity_id = 1;
SELECT person_id, activity_id, points FROM leadscore.score_record ORDER BY 1;
-- What no rule sees writes nothing: the persons' rows stay the same version.
CREATE TEMP TABLE version AS SELECT person_id, xmin AS version FROM leadscore.person;
UPDATE leadscore.activity SET recorded_at = '2026-01-01', attributes = attributes;
SELECT count(*) FROM leadscore.person p JOIN version v ON v.person_id = p.person_id AND v.version = p.xmin;
-- Into what is refused: all stays as it was.
UPDATE leadscore.activity SET activity_type = 'visit' WHERE activity_id = 7;
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.activity SET person_id = 3 WHERE activity_id = 7;
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.activity SET occurred_at = 'infinity' WHERE activity_id = 7;
\echo :LAST_ERROR_SQLSTATE
SELECT person_id, score, last_activity_at FROM leadscore.person ORDER BY 1;
-- Many: 50 calls of 1, of which every other one becomes a meeting: 100 + 25 x 1 + 25 x 10.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) SELECT 100 + g, 1, 'call', '2026-02-20' FROM generate_series(1, 50) g;
UPDATE leadscore.activity SET activity_type = 'meeting' WHERE activity_id > 100 AND activity_id % 2 = 0;
SELECT person_id, score, last_activity_at FROM leadscore.person ORDER BY 1;
-- And undone.
BEGIN;
UPDATE leadscore.activity SET occurred_at = '2020-01-01';
SELECT person_id, score, last_activity_at FROM leadscore.person ORDER BY 1;   -- the deal counts for ever: 100 and 0
ROLLBACK;
SELECT person_id, score, last_activity_at FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();
