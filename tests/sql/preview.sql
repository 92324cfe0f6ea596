-- preview() says what import_config() and a run would do, and does nothing.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('note');
INSERT INTO leadscore.rule (name, activity_types, points, relevant_for, decay, max_counted) VALUES
    ('Call', '{call}', 10, '60 days', 'none', NULL), ('Note', '{note}', 4, '10 days', 'linear', 2);
INSERT INTO leadscore.rule (name, kind, points, inactive_for) VALUES ('Silence', 'inactivity', -5, '30 days');
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 10), ('hot', 20);
INSERT INTO leadscore.person (person_id, kind, status, since)
SELECT g, (ARRAY['candidate', 'contact'])[1 + g % 2], (ARRAY['active', 'placed'])[1 + g % 3 / 2], '2026-01-01' FROM generate_series(1, 30) g;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at)
SELECT 1 + g % 30, (ARRAY['call', 'note'])[1 + g % 7 / 4], timestamptz '2026-03-01 23:30' - g * interval '14 hours' FROM generate_series(1, 100) g;
SELECT leadscore.adjust(3, 50, 'a friend', '2026-01-01') IS NOT NULL AS adjusted;
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
-- Rules changed, added and gone, other bands, another time zone.
SELECT '{"settings": {"time_zone": "Asia/Tokyo"},
         "categories": [{"name": "low"}, {"name": "high", "min_score": 15}, {"person_kind": "contact", "name": "any"}],
         "rules": [{"name": "Call", "activity_types": ["call"], "points": 7, "relevant_for": "2 months", "max_per_day": 1, "statuses": ["active"]},
                   {"name": "Quiet", "kind": "inactivity", "points": -2, "inactive_for": "1 week", "repeat_every": "1 week", "max_repeats": 3},
                   {"name": "Note", "activity_types": ["note"], "points": 4, "relevant_for": "20 days", "decay": "linear"}]}' AS config \gset
SELECT * FROM leadscore.preview(:'config', as_of => '2026-03-01 12:00');
-- Nothing has changed.
SELECT count(*) FROM leadscore.verify();
SELECT count(*) FROM leadscore.rule;
-- In a read-only transaction too, and without a lock that writers wait for.
BEGIN READ ONLY;
SELECT sum(persons) FROM leadscore.preview(:'config', as_of => '2026-03-01 12:00');
SELECT DISTINCT mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation::regclass::text LIKE 'leadscore.%';
COMMIT;
-- It equals what import and run do.
CREATE TEMP TABLE previewed AS SELECT person_id, score_after, category_after FROM leadscore.preview_persons(:'config', as_of => '2026-03-01 12:00');
BEGIN;
RESET ROLE;
SELECT leadscore.import_config(:'config');
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
SELECT count(*) AS persons, count(*) FILTER (WHERE (v.score_after, v.category_after) IS DISTINCT FROM (p.score, p.category)) AS differences
FROM previewed v FULL JOIN leadscore.person p USING (person_id);
ROLLBACK;
-- The configuration as it is changes nothing.
SELECT count(*) FROM leadscore.preview_persons(leadscore.export_config(), as_of => '2026-03-01 12:00') p
WHERE (score_before, category_before) IS DISTINCT FROM (score_after, category_after);
-- An import's refusals are a preview's.
SELECT * FROM leadscore.preview('{"rules": [{"name": "Call", "points": 1, "activity_types": ["no such type"]}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.preview('{"rules": [{"name": "Call", "points": 1, "relevant_for": "3 hours"}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.preview('{"settings": {"time_zone": "Mars"}}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.preview('{"categories": [{"name": "a", "min_score": 1}, {"name": "b", "min_score": 1}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.preview('{"rulez": []}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.preview(NULL);
\echo :LAST_ERROR_SQLSTATE
