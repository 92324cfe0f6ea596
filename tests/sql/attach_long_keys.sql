-- Keys of more than 1,000 bytes, of persons and of activities: up to what an index of the application's own can hold they are
-- shortened, and no two are taken for one; beyond that the application's own index refuses them, as without leadscore.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
-- Of which nothing can be compressed.
CREATE FUNCTION long(seed text, bytes int, ends text DEFAULT '') RETURNS text
LANGUAGE sql AS $$ SELECT left(seed || string_agg(md5(seed || n), ''), bytes - length(ends)) || ends FROM generate_series(1, 300) n $$;
CREATE TABLE candidate (id text PRIMARY KEY, stage text, score bigint, band text);
CREATE TABLE call (id text PRIMARY KEY, candidate text, entry text DEFAULT 'call', at timestamptz DEFAULT '2026-02-01');
SELECT leadscore.attach_person('candidate', 'candidate', status => 'stage', score => 'score', category => 'band');
SELECT leadscore.attach_activity('call', person => 'candidate', person_kind => 'candidate', activity_type_column => 'entry', occurred_at => 'at');
CREATE VIEW shown AS
    SELECT left(c.id, 1) || length(c.id) || right(c.id, 1) AS id, p.status, p.score, p.category, octet_length(p.external_id) AS kept, c.score AS written
    FROM candidate c LEFT JOIN leadscore.person p ON p.external_id = c.id
         OR (p.external_id LIKE '%… %' AND p.status = c.stage AND left(p.external_id, 100) = left(c.id, 100))
    ORDER BY c.stage, c.id;
-- Just short enough, just too long, as long as an index can hold; two that differ in their last character alone.
INSERT INTO candidate VALUES (long('a', 1000), 'a'), (long('b', 1001), 'b'), (long('c', 2600), 'c'), (long('d', 2600, '1'), 'd1'), (long('d', 2600, '2'), 'd2');
INSERT INTO call VALUES (long('a', 1000), long('a', 1000)), (long('b', 1001), long('b', 1001)), (long('c', 2600), long('c', 2600)),
    (long('d', 2600, '1'), long('d', 2600, '1')), (long('d', 2600, '2'), long('d', 2600, '2')), ('another', long('d', 2600, '2'));
SELECT * FROM shown;
:verify
-- One row at a time, before and after its person.
INSERT INTO candidate VALUES (long('e', 2000), 'e');
INSERT INTO call VALUES (long('e', 2000, '1'), long('e', 2000));
INSERT INTO call VALUES (long('e', 2000, '2'), long('f', 2000));
INSERT INTO candidate VALUES (long('f', 2000), 'f');
SELECT * FROM shown WHERE id ~ '^[ef]';
-- The rows change, their keys too, and go.
UPDATE call SET candidate = long('d', 2600, '1') WHERE id = 'another';
UPDATE call SET id = long('g', 2000) WHERE id = long('e', 2000, '1');
UPDATE call SET id = 'short' WHERE id = long('g', 2000);
UPDATE call SET id = long('g', 2000) WHERE id = 'short';
UPDATE candidate SET stage = 'changed' WHERE id = long('b', 1001);
UPDATE candidate SET id = long('g', 2000) WHERE id = long('c', 2600);
INSERT INTO call VALUES ('of g', long('g', 2000));
DELETE FROM call WHERE id = long('d', 2600, '2');
DELETE FROM candidate WHERE id = long('f', 2000);
SELECT * FROM shown;
SELECT count(*) FROM leadscore.waiting;
:verify
-- What an application overwrites in such a row stays; a status there counts as ever.
UPDATE candidate SET score = 999, stage = 'b' WHERE id = long('b', 1001);
INSERT INTO call VALUES ('of b', long('b', 1001));
SELECT * FROM shown WHERE id ~ '^b';
:verify
-- A night, and all anew.
RESET ROLE;
DO 'BEGIN PERFORM leadscore_recompute(''2026-03-02 12:00''); PERFORM leadscore_recompute(''2026-03-02 12:00'', true); PERFORM leadscore.resync(); END';
SET ROLE regress_application;
:verify
-- Of several columns, of which one is a number; and a number of more digits than that.
CREATE TABLE member (club text, number int, score bigint, PRIMARY KEY (club, number));
CREATE TABLE visit (member_club text, member_number int, nth int, PRIMARY KEY (member_club, member_number, nth));
SELECT leadscore.attach_person('member', 'member', score => 'score');
SELECT leadscore.attach_activity('visit', 'visit', person => 'member_club, member_number', person_kind => 'member');
INSERT INTO member VALUES (long('m', 1500), 1), (long('m', 1500), 2), ('short', 3);
INSERT INTO visit VALUES (long('m', 1500), 2, 1), (long('m', 1500), 2, 2), ('short', 3, 1);
UPDATE member SET score = NULL;
CREATE TABLE digits (id numeric PRIMARY KEY, score bigint);
SELECT leadscore.attach_person('digits', 'digits', score => 'score');
INSERT INTO digits VALUES (long('1', 1)::numeric * 10::numeric ^ 1200 + 7), (12);
UPDATE digits SET score = 5;
SELECT right(p.external_id, 1) ~ '[0-9a-f]', octet_length(p.external_id), p.score FROM leadscore.person p WHERE p.kind IN ('member', 'digits') ORDER BY 2, 3;
SELECT score, count(*) FROM (SELECT score FROM member UNION ALL SELECT score FROM digits) s GROUP BY 1 ORDER BY 1;
:verify
\set VERBOSITY terse
-- Beyond what an index can hold: the table's own index says so; where there is none, in the columns that name a person and a type, rows wait.
INSERT INTO candidate VALUES (long('x', 8000), 'x');
INSERT INTO call VALUES ('far', long('x', 8000), 'call'), ('strange', long('a', 1000), long('y', 8000));
SELECT left(source_key, 10) AS source_key, octet_length(external_id) AS person, octet_length(activity_type) AS type FROM leadscore.waiting ORDER BY 1;
-- The type is known by its shortened name.
RESET ROLE;
INSERT INTO leadscore.activity_type SELECT w.activity_type FROM leadscore.waiting w WHERE w.source_key = 'strange';
SET ROLE regress_application;
SELECT left(source_key, 10) AS source_key FROM leadscore.waiting ORDER BY 1;
SELECT * FROM shown WHERE id ~ '^a';
:verify
-- What is written into leadscore's own tables must fit into their indexes.
INSERT INTO leadscore.person (kind, external_id) VALUES ('candidate', long('p', 8000));
INSERT INTO leadscore.activity_type VALUES (long('p', 8000));
