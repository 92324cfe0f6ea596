-- A configuration carries tests of its own, which run without touching any data.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
SELECT '{"settings": {"time_zone": "Europe/Amsterdam"},
         "activity_types": [{"activity_type": "call"}],
         "categories": [{"name": "cold"}, {"name": "warm", "min_score": 10}],
         "rules": [{"name": "Call", "activity_types": ["call"], "condition": {"direction": "in"}, "points": 10, "relevant_for": "30 days", "statuses": ["active"]},
                   {"name": "Silence", "kind": "inactivity", "points": -5, "inactive_for": "40 days"}],
         "tests": [
           {"name": "A call warms for 30 days", "person": {"kind": "candidate", "status": "active", "since": "2026-01-01"},
            "activities": [{"activity_type": "call", "on": "2026-01-10 23:59", "attributes": {"direction": "in"}}],
            "expect": [{"on": "2026-01-09", "score": 0, "category": "cold"}, {"on": "2026-01-10", "score": 10, "category": "warm"},
                       {"on": "2026-02-08", "score": 10}, {"on": "2026-02-09", "score": 0}, {"on": "2026-02-19", "score": -5}]},
           {"name": "Nothing for others", "person": {"kind": "candidate", "since": "2026-01-01"},
            "activities": [{"activity_type": "call", "on": "2026-01-10", "attributes": {"direction": "in"}},
                           {"activity_type": "call", "on": "2026-01-11"}],
            "expect": [{"on": "2026-01-12", "score": 10, "category": "warm"}]}]}' AS config \gset
-- The last test is wrong: the score is 0.
SELECT * FROM leadscore.test_config(:'config');
SELECT count(*) FROM leadscore.person;
-- So the configuration is refused.
RESET ROLE;
SELECT leadscore.import_config(:'config');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM leadscore.rule;
-- Mended, it is taken; the tests are not stored.
SELECT leadscore.import_config(jsonb_set(:'config', '{tests,1,expect,0}', '{"on": "2026-01-12", "score": 0}'));
SELECT leadscore.export_config() ? 'tests' AS tests;
-- Against the configuration that there is.
SELECT test, passed FROM leadscore.test_config('{"tests": [{"name": "silent", "person": {"kind": "contact", "since": "2026-01-01"}, "expect": [{"on": "2026-02-10", "score": -5}]}]}');
SELECT * FROM leadscore.test_config('{"tests": [{"name": "a", "person": {"kind": "x", "since": "2026-01-01"}, "activities": [{"activity_type": "cal", "on": "2026-01-01"}], "expect": []}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.test_config('{"tests": [{"name": "a", "person": {"kind": "x"}, "expect": []}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.test_config('{"tests": [{"name": "a", "person": {"kind": "x", "since": "soon"}, "expect": []}]}');
\echo :LAST_ERROR_SQLSTATE
-- The schema of the document is generated from the types that read it.
SELECT s ->> 'title' AS title, jsonb_object_keys(s -> 'properties') AS section FROM leadscore.config_schema() s ORDER BY 2;
-- A section is left out or whole, never null.
SELECT DISTINCT p.value #>> '{type}' AS type FROM leadscore.config_schema() s, jsonb_each(s -> 'properties') p WHERE p.key <> 'settings';
