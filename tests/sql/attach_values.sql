-- Values that leadscore cannot store do not stop the application's write: such an attribute is left out, a long key is shortened.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id text PRIMARY KEY, owner text, score int);
CREATE TABLE call (id int PRIMARY KEY, candidate text, detail json, other json, at timestamptz);
SELECT leadscore.attach_person('candidate', 'candidate', owner => 'owner', score => 'score');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate', person_kind => 'candidate', attributes => '{detail,other}', occurred_at => 'at');
INSERT INTO candidate VALUES ('1');
INSERT INTO call VALUES (1, '1', '"\u0000"', '1', '2026-02-01'), (2, '1', '{"a": "\ud83d"}', '"\\u0000"', '2026-02-01'), (3, '1', '[1e400000]', '"\ud83d\ude00"', '2026-02-01'),
    (4, '1', '{"a": 1}', NULL, '2026-02-01'), (5, '1', (repeat('[', 500) || repeat(']', 500))::json, '1e1000', '2026-02-01');
SELECT source_key, attributes - CASE source_key WHEN '5' THEN 'detail' ELSE '' END - CASE source_key WHEN '5' THEN 'other' ELSE '' END AS attributes,
       jsonb_typeof(attributes -> 'detail') AS detail FROM leadscore.activity ORDER BY 1;
UPDATE call SET detail = '1e999999999999' WHERE id = 4;
RESET ROLE;
SELECT finding, detail FROM leadscore.doctor() WHERE finding LIKE '%attribute%';
SET ROLE regress_application;
UPDATE call SET detail = NULL WHERE id < 5;
RESET ROLE;
SELECT finding, detail FROM leadscore.doctor() WHERE finding LIKE '%attribute%';
SET ROLE regress_application;
:verify
-- Keys longer than a row of an index, of which no two are taken for one.
SELECT setseed(0.5);
CREATE FUNCTION long(seed text) RETURNS text LANGUAGE sql AS $$ SELECT seed || string_agg(md5(seed || n), '') FROM generate_series(1, 500) n $$;
INSERT INTO call VALUES (10, long('a'), NULL, NULL, '2026-02-01'), (11, long('a') || '1', NULL, NULL, '2026-02-01');
SELECT source_key, octet_length(external_id), left(external_id, 20) FROM leadscore.waiting ORDER BY source_key;
INSERT INTO candidate VALUES ('2', long('b'));
RESET ROLE;
INSERT INTO leadscore.person (kind, external_id) SELECT person_kind, external_id FROM leadscore.waiting WHERE source_key = '10';
SELECT source_key FROM leadscore.waiting ORDER BY 1;
SELECT external_id, octet_length(owner), score FROM leadscore.person WHERE octet_length(external_id) < 10 ORDER BY 1;
SET ROLE regress_application;
:verify
-- Where a value cannot be, the error says where.
\set VERBOSITY default
INSERT INTO call VALUES (20, '1', NULL, NULL, 'infinity');
