-- However activities are inserted, the result is the same.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (name, kind, points, condition, relevant_for, decay, max_per_day, max_counted, inactive_for) VALUES
    ('For ever', 'activity', 1, NULL, NULL, 'none', NULL, NULL, NULL),
    ('Decaying', 'activity', 30, NULL, '30 days', 'linear', NULL, NULL, NULL),
    ('Newest three', 'activity', 1000, NULL, NULL, 'none', 1, 3, NULL),
    ('Seventh', 'activity', 10000, '{"n": 7}', NULL, 'none', NULL, NULL, NULL),
    ('Silence', 'inactivity', -100000, NULL, NULL, 'none', NULL, NULL, '20 days');
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('hot', 1000);
SELECT scored_on FROM leadscore_recompute('2026-02-10 12:00');
INSERT INTO leadscore.person (person_id, kind, since) SELECT g, 'candidate', '2025-12-01' FROM generate_series(1, 9) g;
-- Known since 1 December without an activity: a penalty each.
SELECT min(score), max(score) FROM leadscore.person;

-- Forty calls, one a day from 1 January to 9 February, the nth with {"n": n}.
CREATE TEMP VIEW calls AS SELECT n, timestamptz '2025-12-31 15:00' + n * interval '1 day' AS at, jsonb_build_object('n', n) AS attributes FROM generate_series(1, 40) n;
-- 1: one by one.
DO $$
DECLARE
    c record;
BEGIN
    FOR c IN SELECT * FROM pg_temp.calls LOOP
        INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes) VALUES (1, 'call', c.at, c.attributes);
    END LOOP;
END $$;
-- 2: one by one, the newest first.
DO $$
DECLARE
    c record;
BEGIN
    FOR c IN SELECT * FROM pg_temp.calls ORDER BY n DESC LOOP
        INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes) VALUES (2, 'call', c.at, c.attributes);
    END LOOP;
END $$;
-- 3: a few rows a statement.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes) SELECT 3, 'call', at, attributes FROM calls WHERE n % 2 = 0;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes) SELECT 3, 'call', at, attributes FROM calls WHERE n % 2 = 1;
-- 4 and 5: many rows a statement, of one person and of two.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes) SELECT 4, 'call', at, attributes FROM calls;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes)
SELECT p, 'call', at, attributes FROM calls, (VALUES (5), (6)) v(p) WHERE p = 5 OR n <= 20 ORDER BY random();
-- 6: the rest, with statements that are rolled back and that insert nothing between.
BEGIN;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes) SELECT 6, 'call', at, attributes FROM calls WHERE n BETWEEN 21 AND 30;
SAVEPOINT before;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes) SELECT 6, 'call', at, attributes FROM calls;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes) VALUES (6, 'call', '2026-02-10', '{"n": 7}');
ROLLBACK TO before;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes) VALUES (6, 'no such type', '2026-02-10', NULL);
ROLLBACK TO before;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes) SELECT 6, 'call', at, attributes FROM calls WHERE false;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes) SELECT 6, 'call', at, attributes FROM calls WHERE n > 30;
COMMIT;
BEGIN;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes) SELECT 6, 'call', at, attributes FROM calls;
ROLLBACK;
-- 7: by COPY, many and then few rows.
COPY leadscore.activity (person_id, activity_type, occurred_at, attributes) FROM stdin;
7	call	2026-02-09 15:00:00+00	{"n": 40}
7	call	2026-02-08 15:00:00+00	{"n": 39}
7	call	2026-02-07 15:00:00+00	{"n": 38}
7	call	2026-02-06 15:00:00+00	{"n": 37}
7	call	2026-02-05 15:00:00+00	{"n": 36}
7	call	2026-02-04 15:00:00+00	{"n": 35}
7	call	2026-02-03 15:00:00+00	{"n": 34}
7	call	2026-02-02 15:00:00+00	{"n": 33}
7	call	2026-02-01 15:00:00+00	{"n": 32}
7	call	2026-01-31 15:00:00+00	{"n": 31}
7	call	2026-01-30 15:00:00+00	{"n": 30}
7	call	2026-01-29 15:00:00+00	{"n": 29}
7	call	2026-01-28 15:00:00+00	{"n": 28}
7	call	2026-01-27 15:00:00+00	{"n": 27}
7	call	2026-01-26 15:00:00+00	{"n": 26}
7	call	2026-01-25 15:00:00+00	{"n": 25}
7	call	2026-01-24 15:00:00+00	{"n": 24}
7	call	2026-01-23 15:00:00+00	{"n": 23}
7	call	2026-01-22 15:00:00+00	{"n": 22}
7	call	2026-01-21 15:00:00+00	{"n": 21}
7	call	2026-01-20 15:00:00+00	{"n": 20}
7	call	2026-01-19 15:00:00+00	{"n": 19}
7	call	2026-01-18 15:00:00+00	{"n": 18}
7	call	2026-01-17 15:00:00+00	{"n": 17}
7	call	2026-01-16 15:00:00+00	{"n": 16}
7	call	2026-01-15 15:00:00+00	{"n": 15}
7	call	2026-01-14 15:00:00+00	{"n": 14}
7	call	2026-01-13 15:00:00+00	{"n": 13}
7	call	2026-01-12 15:00:00+00	{"n": 12}
7	call	2026-01-11 15:00:00+00	{"n": 11}
7	call	2026-01-10 15:00:00+00	{"n": 10}
7	call	2026-01-09 15:00:00+00	{"n": 9}
7	call	2026-01-08 15:00:00+00	{"n": 8}
7	call	2026-01-07 15:00:00+00	{"n": 7}
7	call	2026-01-06 15:00:00+00	{"n": 6}
\.
COPY leadscore.activity (person_id, activity_type, occurred_at, attributes) FROM stdin;
7	call	2026-01-01 15:00:00+00	{"n": 1}
7	call	2026-01-02 15:00:00+00	{"n": 2}
7	call	2026-01-03 15:00:00+00	{"n": 3}
7	call	2026-01-04 15:00:00+00	{"n": 4}
7	call	2026-01-05 15:00:00+00	{"n": 5}
\.
-- 8: twice, by an upsert that finds them there.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at, attributes) SELECT 100000 + n, 8, 'call', at, attributes FROM calls;
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at, attributes) SELECT 100000 + n, 8, 'call', at, attributes FROM calls
ON CONFLICT (person_id, activity_id) DO UPDATE SET attributes = EXCLUDED.attributes;
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at, attributes) SELECT 100000 + n, 8, 'call', at, attributes FROM calls
ON CONFLICT DO NOTHING;
-- 9: half of them wrong, then right; as a data-modifying part of another statement.
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) SELECT 200000 + n, 9, 'call', '2026-02-10' FROM calls WHERE n <= 20;
WITH made AS (
    INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes) SELECT 9, 'call', at, attributes FROM calls WHERE n > 20 RETURNING activity_id
), mended AS (
    UPDATE leadscore.activity a SET occurred_at = c.at, attributes = c.attributes FROM calls c WHERE a.activity_id = 200000 + c.n RETURNING a.activity_id
)
SELECT (SELECT count(*) FROM made), (SELECT count(*) FROM mended);

-- For ever 40 x 1; decaying the calls of 12 January to 9 February, 29 to 1 days ago, 1 + 2 + … + 29 = 435; the newest three
-- 3 x 1000; the seventh 10000; the last call was yesterday: 40 + 435 + 3000 + 10000 = 13475.
SELECT person_id, score, category, last_activity_at FROM leadscore.person ORDER BY 1;
-- The records are the same as well: 40 for ever, 29 decaying, 3, 1.
SELECT count(*) AS persons, records, points
FROM (SELECT s.person_id, count(*) AS records, sum(s.points) AS points,
             array_agg((s.rule_id, s.points, s.counts_from, s.counts_until, a.occurred_at) ORDER BY s.rule_id, a.occurred_at) AS all_of_it
      FROM leadscore.score_record s LEFT JOIN leadscore.activity a USING (person_id, activity_id) GROUP BY s.person_id) r
GROUP BY records, points, all_of_it;
SELECT * FROM leadscore.verify();
SELECT records_added, records_removed, persons_changed FROM leadscore_recompute('2026-02-10 12:00', full_rebuild => true);
