-- category_change as an outbox: how long it is kept, and the settings of that. NOTIFY is in specs/outbox_readers.spec.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (name, points) VALUES ('Call', 10);
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 10);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind) SELECT g, 'candidate' FROM generate_series(1, 5) g;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT g, 'call', '2026-02-25' FROM generate_series(1, 5) g;
-- Which rows are kept, and how old they are; the owner makes them older.
CREATE FUNCTION pg_temp.kept() RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(format('%s: %s days', change_id, extract(day FROM now() - changed_at)), ', ' ORDER BY change_id) FROM leadscore.category_change $$;
RESET ROLE;
UPDATE leadscore.category_change SET changed_at = now() - make_interval(days => 60 - 10 * change_id::int);
SELECT pg_temp.kept();
-- Without settings a run keeps them all.
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
SELECT count(*) FROM leadscore.category_change;
-- An edit of these settings is no reason to derive everything anew.
SET ROLE regress_application;
UPDATE leadscore.settings SET notify_channel = 'Lead scores', keep_category_changes = '5 weeks';
SELECT rebuild_due FROM leadscore.instance;
RESET ROLE;
SELECT scored_on FROM leadscore_recompute('2026-03-02 12:00');
SELECT pg_temp.kept();
-- The clock says what is old, not the day that is scored.
SELECT scored_on FROM leadscore_recompute('2036-03-02 12:00');
SELECT scored_on FROM leadscore_recompute('2026-03-02 12:00');
SELECT pg_temp.kept();
-- A row stays when an older one of a longer transaction stays before it, and the next nights take it.
UPDATE leadscore.category_change SET changed_at = now() - interval '90 days' WHERE change_id = 5;
SELECT scored_on FROM leadscore_recompute('2026-03-02 12:00');
SELECT pg_temp.kept();
UPDATE leadscore.settings SET keep_category_changes = '20 days', notify_channel = NULL;
SELECT scored_on FROM leadscore_recompute('2026-03-02 12:00');
SELECT pg_temp.kept();
-- No more than so many at a time.
INSERT INTO leadscore.category_change (change_id, person_id, score, scored_on, changed_at) SELECT -g, 1, 0, '2026-01-01', now() - interval '1 year' FROM generate_series(1, 10) g;
SELECT leadscore._trim_category_changes(at_most => 4) FROM generate_series(1, 4);
-- The counts of a run are those of scores; the report goes no further back than rows are kept.
SELECT records_removed, persons_changed, categories_changed FROM leadscore_recompute('2026-03-02 12:00');
SELECT substring(leadscore.report() FROM 'Categories over the last \d+ days');
-- A run in batches tidies up, too.
UPDATE leadscore.settings SET keep_category_changes = '1 day', notify_channel = 'Lead scores';
INSERT INTO leadscore.category_change (person_id, score, scored_on, changed_at) VALUES (1, 0, '2026-01-01', now() - interval '3 days');
CALL leadscore.recompute_in_batches('2026-03-03 12:00', 2);
SELECT count(*) FROM leadscore.category_change;
-- Both are part of the configuration. A settings section without them is one that has none.
SELECT leadscore.export_config() -> 'settings';
SELECT leadscore.export_config() AS exported \gset
SELECT leadscore.import_config('{"settings": {"time_zone": "UTC"}}');
SELECT leadscore.export_config() -> 'settings', (SELECT rebuild_due FROM leadscore.instance);
SELECT leadscore.import_config(:'exported');
SELECT leadscore.export_config() = :'exported' AS same;
SELECT leadscore.load_preset('recruitment');
SELECT leadscore.export_config() -> 'settings';
-- What cannot be is refused, by the table, by an import and by a preview.
SET ROLE regress_application;
UPDATE leadscore.settings SET notify_channel = '';
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.settings SET notify_channel = repeat('é', 32);
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.settings SET notify_channel = repeat('é', 31) RETURNING octet_length(notify_channel);
UPDATE leadscore.settings SET keep_category_changes = '0';
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.settings SET keep_category_changes = '36 hours';
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.settings SET keep_category_changes = '24 hours';
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.settings SET keep_category_changes = '-1 day';
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.settings SET keep_category_changes = '1 month -3 days';
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.settings SET keep_category_changes = '1001 years';
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
SELECT leadscore.import_config('{"settings": {"time_zone": "UTC", "keep_category_changes": "a while"}}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"settings": {"time_zone": "UTC", "keep_category_changes": "12 hours"}}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"settings": {"time_zone": "UTC", "notify_channel": 7}}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.preview('{"settings": {"time_zone": "UTC", "keep_category_changes": "a while"}}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.preview('{"settings": {"time_zone": "UTC", "notify_channel": ""}}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.test_config('{"tests": [{"name": "A", "person": {"kind": "candidate", "since": "2026-02-31"}, "expect": []}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"tests": [{"name": "A", "person": {"kind": "candidate", "since": "2026-02-01"}, "expect": [{"on": "soon", "score": 1}]}]}');
\echo :LAST_ERROR_SQLSTATE
