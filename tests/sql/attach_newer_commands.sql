-- Ways to change rows that came with PostgreSQL 17: MERGE with RETURNING and WHEN NOT MATCHED BY SOURCE, COPY that skips rows.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
SELECT current_setting('server_version_num')::int < 170000 AS older \gset
\if :older
\quit
\endif
CREATE TABLE candidate (id bigint PRIMARY KEY, score int);
CREATE TABLE call (id bigint PRIMARY KEY, candidate_id bigint, at timestamptz, vip boolean);
SELECT leadscore.attach_person('candidate', 'candidate', score => 'score');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{vip}');
INSERT INTO candidate (id) SELECT g FROM generate_series(1, 8) g;
INSERT INTO call VALUES (1, 1, '2026-02-01'), (2, 2, '2026-02-01'), (3, 3, '2026-02-01');
MERGE INTO call c USING (VALUES (1, 4), (9, 5)) v(id, candidate_id) ON v.id = c.id
    WHEN MATCHED THEN UPDATE SET candidate_id = v.candidate_id
    WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.candidate_id, '2026-02-02')
    WHEN NOT MATCHED BY SOURCE AND c.id = 2 THEN DELETE
    WHEN NOT MATCHED BY SOURCE THEN UPDATE SET vip = true
    RETURNING merge_action(), c.id, c.candidate_id;
SELECT * FROM candidate ORDER BY id;
-- Within another statement that writes the same table.
WITH merged AS (
    MERGE INTO call c USING (VALUES (1, 6), (10, 7)) v(id, candidate_id) ON v.id = c.id
        WHEN MATCHED THEN UPDATE SET candidate_id = v.candidate_id
        WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.candidate_id, '2026-02-02')
        RETURNING c.id
)
INSERT INTO call SELECT 100 + m.id, 8, '2026-02-02' FROM merged m;
COPY call (id, candidate_id, at) FROM stdin (ON_ERROR ignore, LOG_VERBOSITY default);
20	1	2026-02-02
not a number	2	2026-02-02
21	2	2026-02-02
\.
SELECT * FROM candidate ORDER BY id;
:verify
