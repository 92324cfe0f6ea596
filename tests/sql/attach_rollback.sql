-- What is rolled back, whole or to a savepoint, was never there for leadscore either.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id bigint PRIMARY KEY, name text, state text, score int, category text);
CREATE TABLE call (id bigint PRIMARY KEY, candidate_id bigint, at timestamptz, vip boolean, note text);
SELECT leadscore.attach_person('candidate', 'candidate', status => 'state', score => 'score', category => 'category');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{vip}');
INSERT INTO candidate (id) VALUES (1), (2);
BEGIN;
INSERT INTO call VALUES (1, 1, '2026-02-01');
SAVEPOINT a;
INSERT INTO call VALUES (2, 1, '2026-02-01');
INSERT INTO candidate (id) VALUES (3);
SAVEPOINT b;
UPDATE call SET candidate_id = 2;
INSERT INTO call SELECT g, 2, '2026-02-01' FROM generate_series(100, 150) g;
DELETE FROM candidate WHERE id = 2;
ROLLBACK TO b;
INSERT INTO call VALUES (3, 2, '2026-02-01');
RELEASE b;
INSERT INTO call VALUES (3, 2, '2026-02-01');
ROLLBACK TO a;
INSERT INTO call VALUES (4, 2, '2026-02-01', true);
COMMIT;
SELECT id, score FROM candidate ORDER BY id;
SELECT source_key FROM leadscore.activity ORDER BY 1;
:verify
BEGIN;
TRUNCATE call;
INSERT INTO call VALUES (9, 1, '2026-02-01');
ROLLBACK;
-- A statement that fails half-way, in the middle of its rows, leaves nothing, nor anything to be done later.
INSERT INTO call VALUES (5, 1, '2026-02-01'), (6, 1, 'infinity');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO call VALUES (7, 1, '2026-02-01'), (4, 1, '2026-02-01');
\echo :LAST_ERROR_SQLSTATE
DO $$
BEGIN
    FOR i IN 1..4 LOOP
        BEGIN
            INSERT INTO call VALUES (10 + i, 1, '2026-02-01'), (20 + i, 1, CASE i % 2 WHEN 0 THEN '-infinity' ELSE '2026-02-01' END::timestamptz);
        EXCEPTION WHEN datetime_field_overflow THEN
            INSERT INTO call VALUES (30 + i, 2, '2026-02-01');
        END;
    END LOOP;
END $$;
SELECT id, score FROM candidate ORDER BY id;
:verify
-- The same attach, detach and configuration, rolled back.
BEGIN;
SELECT leadscore.detach('call', keep => false);
INSERT INTO call VALUES (40, 1, '2026-02-01');
SELECT id, score FROM candidate ORDER BY id;
ROLLBACK;
INSERT INTO call VALUES (41, 1, '2026-02-01');
BEGIN;
CREATE TABLE visit (id int PRIMARY KEY, candidate_id int, at date);
SELECT leadscore.attach_activity('visit', 'visit', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at');
INSERT INTO visit VALUES (1, 1, '2026-02-01');
ROLLBACK;
INSERT INTO call VALUES (42, 1, '2026-02-01');
SELECT id, score FROM candidate ORDER BY id;
SELECT source FROM leadscore.source ORDER BY 1;
:verify
-- A cursor, and rows changed where it stands.
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM call ORDER BY id FOR UPDATE;
FETCH 1 FROM c;
UPDATE call SET candidate_id = 1 WHERE CURRENT OF c;
COMMIT;
-- Within a transaction with one snapshot.
BEGIN ISOLATION LEVEL REPEATABLE READ;
INSERT INTO call VALUES (50, 1, '2026-02-01');
UPDATE call SET candidate_id = 2 WHERE id = 50;
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
INSERT INTO call VALUES (51, 1, '2026-02-01');
DELETE FROM call WHERE id = 50;
COMMIT;
SELECT id, score FROM candidate ORDER BY id;
:verify
