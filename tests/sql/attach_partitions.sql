-- Partitioned tables: through the parent, into a partition, from one to another, partitions that come and go.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id bigint, region text, state text, score int, category text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE candidate_a PARTITION OF candidate FOR VALUES IN ('a');
-- A partition can have its columns in another order, and gaps.
CREATE TABLE candidate_b (category text, gone int, state text, score int, region text NOT NULL, id bigint NOT NULL);
ALTER TABLE candidate_b DROP COLUMN gone;
ALTER TABLE candidate ATTACH PARTITION candidate_b FOR VALUES IN ('b');
CREATE TABLE call (id bigint, day date, candidate_id bigint, vip boolean, note text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE call_1 PARTITION OF call FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE call_2 PARTITION OF call FOR VALUES FROM ('2026-02-01') TO ('2026-03-01') PARTITION BY HASH (id);
CREATE TABLE call_2_0 PARTITION OF call_2 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE call_2_1 (note text, vip boolean, candidate_id bigint, day date NOT NULL, id bigint NOT NULL);
ALTER TABLE call_2 ATTACH PARTITION call_2_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO candidate (id, region) VALUES (1, 'a');
INSERT INTO call VALUES (1, '2026-01-05', 1), (2, '2026-02-05', 1);
-- No index can be on the key alone, so it is named.
SELECT leadscore.attach_person('candidate', 'candidate', key => 'id', status => 'state', score => 'score', category => 'category');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', key => 'id', occurred_at => 'day', attributes => '{vip}');
SELECT tableoid::regclass, id, score, category FROM candidate ORDER BY id;
-- A partition is no table to attach.
SELECT leadscore.attach_activity('call_1', 'call', person => 'candidate_id', person_kind => 'candidate', key => 'id');
\echo :LAST_ERROR_SQLSTATE
-- Through the parent and directly.
INSERT INTO candidate (id, region) VALUES (2, 'b'), (3, 'a');
INSERT INTO candidate_b (id, region, state) VALUES (4, 'b', 'new');
INSERT INTO call VALUES (3, '2026-01-06', 2, NULL), (4, '2026-02-06', 2, true), (5, '2026-02-07', 4, NULL);
INSERT INTO call_2 VALUES (6, '2026-02-07', 4);
INSERT INTO call_1 VALUES (7, '2026-01-07', 3);
INSERT INTO call_2_1 (id, day, candidate_id, vip) SELECT id, '2026-02-08', 4, true FROM generate_series(8, 60::bigint) id WHERE satisfies_hash_partition('call_2'::regclass, 2, 1, id) ORDER BY id LIMIT 1;
SELECT tableoid::regclass, id, score, category FROM candidate ORDER BY id;
:verify
-- From one partition to another: the activity keeps its date and attributes, the person all that it has.
SELECT leadscore.adjust((SELECT person_id FROM leadscore.person WHERE external_id = '2'), 7, 'Met at a fair', '2026-02-01') IS NOT NULL AS adjusted;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT person_id, 'visit', '2026-02-01' FROM leadscore.person WHERE external_id = '2';
CREATE TEMP TABLE before AS SELECT person_id, external_id FROM leadscore.person;
UPDATE call SET day = '2026-02-20' WHERE id = 3;
UPDATE candidate SET region = CASE region WHEN 'a' THEN 'b' ELSE 'a' END;
SELECT tableoid::regclass, id, score, category FROM candidate ORDER BY id;
SELECT count(*) AS same_persons FROM leadscore.person JOIN before USING (person_id, external_id);
:verify
-- Everything else that can be done, in one go.
INSERT INTO call SELECT 100 + g, date '2026-01-15' + g, 1 + g % 4 FROM generate_series(1, 40) g;
UPDATE call SET candidate_id = 1, day = day - 20 WHERE id > 130;
UPDATE call_1 SET candidate_id = 2 WHERE id BETWEEN 101 AND 103;
DELETE FROM call WHERE id BETWEEN 110 AND 120;
DELETE FROM call_2_0 WHERE day > '2026-02-15';
MERGE INTO call USING (VALUES (101), (102), (901)) v(id) ON v.id = call.id
    WHEN MATCHED AND call.id = 101 THEN DELETE WHEN MATCHED THEN UPDATE SET candidate_id = 3 WHEN NOT MATCHED THEN INSERT VALUES (v.id, '2026-02-02', 3);
INSERT INTO call VALUES (901, '2026-02-02', 3), (902, '2026-02-03', 3) ON CONFLICT (id, day) DO UPDATE SET candidate_id = 4;
COPY call (id, day, candidate_id) FROM stdin;
903	2026-01-02	1
904	2026-02-02	2
\.
SELECT (SELECT count(*) FROM call) - (SELECT count(*) FROM leadscore.activity WHERE source_id IS NOT NULL) AS missing;
:verify
-- Renumbered in one statement, whatever the order in which rows are met.
UPDATE call SET id = id + 1000;
UPDATE call SET id = id - 999 WHERE id > 1100;
:verify
-- A partition made later has the triggers.
CREATE TABLE call_3 PARTITION OF call FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
CREATE TABLE candidate_rest PARTITION OF candidate DEFAULT;
INSERT INTO candidate (id, region) VALUES (5, 'elsewhere');
INSERT INTO call VALUES (2001, '2026-03-01', 5);
INSERT INTO call_3 VALUES (2002, '2026-03-01', 5);
SELECT id, score FROM candidate WHERE id = 5;
:verify
-- TRUNCATE of the parent takes all.
BEGIN;
TRUNCATE call;
SELECT sum(score) FROM candidate;
:verify
ROLLBACK;
-- Rows that come or go with a whole partition fire no trigger: verify() finds them and resync() mends it.
CREATE TABLE call_4 (LIKE call);
INSERT INTO call_4 VALUES (3001, '2026-04-01', 5), (3002, '2026-04-02', 5);
ALTER TABLE call ATTACH PARTITION call_4 FOR VALUES FROM ('2026-04-01') TO ('2026-05-01');
RESET ROLE;
SELECT item, stored, derived FROM leadscore.verify();
SELECT leadscore.resync('call');
SELECT * FROM leadscore.verify();
SET ROLE regress_application;
ALTER TABLE call DETACH PARTITION call_3;
RESET ROLE;
SELECT item, stored, derived FROM leadscore.verify();
SELECT leadscore.resync('call');
SELECT * FROM leadscore.verify();
SET ROLE regress_application;
-- The detached partition is a table like any other and writes nothing.
INSERT INTO call_3 VALUES (2003, '2026-03-02', 5);
SELECT count(*) FROM leadscore.activity WHERE source_key = '2003';
DROP TABLE call_4;
TRUNCATE call_1;
RESET ROLE;
SELECT count(*) > 0 AS found FROM leadscore.verify();
SELECT leadscore.resync();
SELECT * FROM leadscore.verify();
SET ROLE regress_application;
SELECT leadscore.detach('call', keep => false);
SELECT leadscore.detach('candidate', keep => false);
-- The adjustment and the visit went with their person.
SELECT (SELECT count(*) FROM leadscore.person), (SELECT count(*) FROM leadscore.activity), (SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%leadscore%');
:verify
-- Where a key is taken on trust, rows that have the same one are refused, whether they wait, come later or are persons.
CREATE TABLE mail (id int, part int, candidate_id int, day date, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
CREATE TABLE mail_1 PARTITION OF mail FOR VALUES IN (1);
CREATE TABLE mail_2 PARTITION OF mail FOR VALUES IN (2);
INSERT INTO mail VALUES (4, 1, 777, '2026-02-01'), (5, 1, 777, '2026-02-01'), (5, 2, 777, '2026-02-02');
SELECT leadscore.attach_activity('mail', 'call', person => 'candidate_id', person_kind => 'candidate', key => 'id', occurred_at => 'day');
SELECT leadscore.attach_person('mail', 'sender', key => 'id');
DELETE FROM mail WHERE (id, part) = (5, 2);
SELECT leadscore.attach_activity('mail', 'call', person => 'candidate_id', person_kind => 'candidate', key => 'id', occurred_at => 'day');
BEGIN;
INSERT INTO mail VALUES (5, 2, 777, '2026-02-02');
INSERT INTO mail VALUES (6, 2, 777, '2026-02-02');
COMMIT;
TABLE mail;
RESET ROLE;
SELECT source_key, external_id FROM leadscore.waiting ORDER BY 1;
SELECT * FROM leadscore.verify();
