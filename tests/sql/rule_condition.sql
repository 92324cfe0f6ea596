-- A rule with a condition takes activities whose attributes contain it.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('email'), ('call');
INSERT INTO leadscore.rule (name, activity_types, condition, points) VALUES
    ('Written by the person', '{email}', '{"direction": "in"}', 1),
    ('About a senior job', NULL, '{"job": {"level": "senior"}}', 10),
    ('Tagged urgent', NULL, '{"tags": ["urgent"]}', 100),
    ('Has attributes', NULL, '{}', 1000),
    ('Two fields', NULL, '{"direction": "in", "pages": 2}', 10000);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
CREATE TEMP TABLE example (id bigint, activity_type text, attributes jsonb);
INSERT INTO example VALUES
    (1, 'email', NULL),                                              -- no attributes, nothing to contain: 0
    (2, 'email', '{}'),                                              -- contains the empty object: 1000
    (3, 'email', '{"direction": "in"}'),                             -- 1 + 1000
    (4, 'email', '{"direction": "out"}'),                            -- 1000
    (5, 'email', '{"Direction": "in"}'),                             -- names are exact: 1000
    (6, 'call',  '{"direction": "in"}'),                             -- the type must match too: 1000
    (7, 'email', '{"direction": "in", "x": null}'),                  -- more than asked for is no matter: 1001
    (8, 'call',  '{"job": {"level": "senior", "hours": 40}}'),       -- 10 + 1000
    (9, 'call',  '{"job": "senior", "level": "senior"}'),            -- elsewhere: 1000
    (10, 'call', '{"tags": ["new", "urgent"]}'),                     -- 100 + 1000
    (11, 'call', '{"tags": "urgent"}'),                              -- text is no list: 1000
    (12, 'call', '{"direction": "in", "pages": 2.0}'),               -- equal as a number: 1000 + 10000
    (13, 'call', '{"direction": "in", "pages": "2"}'),               -- 1000
    (14, 'email', '{"direction": "in", "pages": 2, "job": {"level": "senior"}, "tags": ["urgent"]}'),  -- all: 11111
    (15, 'call', '["direction", "in"]'),                             -- a list contains no object: 0
    (16, 'call', '"in"'),                                            -- nor does a text: 0
    (17, 'call', 'null');                                            -- 0
-- One row a statement, by persons 1 to 17; and all in one statement that is large enough to be scored as a set, by
-- persons 101 to 117, with 17 more that match nothing.
INSERT INTO leadscore.person (person_id, kind, since) SELECT id + d, 'candidate', '2020-01-01' FROM example, (VALUES (0), (100)) v(d);
DO $$
DECLARE
    e record;
BEGIN
    FOR e IN SELECT * FROM pg_temp.example LOOP
        INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes) VALUES (e.id, e.activity_type, '2026-02-10', e.attributes);
    END LOOP;
END $$;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes)
SELECT id + 100, activity_type, timestamptz '2026-02-10', attributes FROM example
UNION ALL SELECT id + 100, 'call', '2026-02-10', NULL FROM example;
SELECT e.id, e.attributes, one.score, many.score AS many
FROM example e JOIN leadscore.person one ON one.person_id = e.id JOIN leadscore.person many ON many.person_id = e.id + 100 ORDER BY 1;
SELECT * FROM leadscore.verify();
