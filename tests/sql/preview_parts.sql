-- Previews and tests of a configuration know all that it can say, and whose it is.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('visit');
INSERT INTO leadscore.rule (name, activity_types, points) VALUES ('Call', '{call}', 10);
INSERT INTO leadscore.rule (tenant, name, activity_types, points) VALUES ('acme', 'Call', '{call}', 3), ('beta', 'Visit', '{visit}', 2);
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 10);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, tenant, since, attributes, active)
SELECT n, 'candidate', (ARRAY[NULL, 'acme', 'beta'])[1 + n % 3], '2026-02-01', jsonb_build_object('years', n), n <> 9 FROM generate_series(1, 9) n;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at)
SELECT p, (ARRAY['call', 'visit', 'visit'])[n], timestamptz '2026-02-25' + n * interval '1 day' FROM generate_series(1, 9) p, generate_series(1, 3) n;
-- A tenant's document is about its persons; the others' rules stay.
SELECT * FROM leadscore.preview_persons('{"rules": [{"name": "Visit", "activity_types": ["visit"], "points": 7}]}', 'acme', as_of => '2026-03-01 12:00') ORDER BY person_id;
SELECT * FROM leadscore.preview('{"rules": [{"name": "Call", "enabled": false, "points": 0}], "categories": [{"name": "low"}]}', tenant => 'acme', as_of => '2026-03-01 12:00');
-- Everybody's document: tenants keep what is their own.
SELECT * FROM leadscore.preview('{"rules": [{"name": "Call", "activity_types": ["call"], "points": 20}]}', as_of => '2026-03-01 12:00');
SELECT * FROM leadscore.preview('{"settings": {"time_zone": "UTC"}}', 'acme');
SELECT * FROM leadscore.preview('{}', '');
-- A new scorecard, filters, a profile, a frequency and a limit.
SELECT '{"scorecards": [{"scorecard": "fit", "max_score": 12}, {"scorecard": "web", "part_of": "main", "max_score": 4}],
         "categories": [{"name": "cold"}, {"name": "warm", "min_score": 10}, {"scorecard": "fit", "name": "bad"}, {"scorecard": "fit", "name": "good", "min_score": 10}],
         "rules": [{"name": "Call", "activity_types": ["call"], "points": 8, "decay": "halving", "half_life": "3 days"},
                   {"name": "Often", "kind": "frequency", "scorecard": "web", "activity_types": ["visit"], "points": 5, "at_least": 2, "within": "7 days"},
                   {"name": "Long", "kind": "profile", "scorecard": "fit", "points": 15, "person_filter": "$.years >= 5"}]}' AS config \gset
SELECT * FROM leadscore.preview_persons(:'config', scorecard => 'fit', as_of => '2026-03-01 12:00') ORDER BY person_id;
SELECT * FROM leadscore.preview_persons(:'config', as_of => '2026-03-01 12:00') WHERE tenant IS NULL ORDER BY person_id;
SELECT * FROM leadscore.preview(:'config', scorecard => 'wep');
\echo :LAST_ERROR_SQLSTATE
-- It equals what import and run do.
CREATE TEMP TABLE previewed AS
SELECT 'main' AS scorecard, p.* FROM leadscore.preview_persons(:'config', as_of => '2026-03-01 12:00') p
UNION ALL SELECT 'fit', p.* FROM leadscore.preview_persons(:'config', scorecard => 'fit', as_of => '2026-03-01 12:00') p;
BEGIN;
RESET ROLE;
SELECT leadscore.import_config(:'config');
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
SELECT count(*) AS compared, count(*) FILTER (WHERE (v.score_after, v.category_after) IS DISTINCT FROM (s.score, s.category)) AS differences
FROM previewed v JOIN (SELECT 'main' AS scorecard, person_id, score, category FROM leadscore.person
                       UNION ALL SELECT scorecard, person_id, score, category FROM leadscore.person_score) s USING (scorecard, person_id);
ROLLBACK;
-- A rule that would have no scorecard any more is refused, as an import does.
BEGIN;
INSERT INTO leadscore.scorecard (scorecard) VALUES ('old');
INSERT INTO leadscore.rule (name, scorecard, activity_types, points) VALUES ('Old', 'old', '{call}', 1);
SELECT * FROM leadscore.preview('{"scorecards": []}');
ROLLBACK;
BEGIN;
INSERT INTO leadscore.scorecard (scorecard) VALUES ('old');
INSERT INTO leadscore.category (name, scorecard) VALUES ('ancient', 'old');
SELECT * FROM leadscore.preview('{"scorecards": []}');
ROLLBACK;
BEGIN;
INSERT INTO leadscore.scorecard (scorecard) VALUES ('old');
SELECT FROM leadscore.adjust(1, 5, 'x', '2026-03-01', NULL, 'old');
SELECT * FROM leadscore.preview('{"scorecards": []}');
ROLLBACK;
-- Tests of a configuration.
SELECT * FROM leadscore.test_config(jsonb_set(:'config', '{tests}', '[
    {"name": "often", "person": {"kind": "candidate", "since": "2026-01-01", "attributes": {"years": 7}},
     "activities": [{"activity_type": "visit", "on": "2026-02-01"}, {"activity_type": "visit", "on": "2026-02-03"}, {"activity_type": "call", "on": "2026-02-03"}],
     "expect": [{"on": "2026-02-03", "score": 12, "category": "warm"}, {"on": "2026-02-06", "score": 8}, {"on": "2026-02-08", "score": 4},
                {"on": "2026-02-03", "scorecard": "fit", "score": 12, "category": "good"}, {"on": "2026-02-03", "scorecard": "web", "score": 4}]},
    {"name": "not active", "person": {"kind": "candidate", "since": "2026-01-01", "active": false, "attributes": {"years": 7}},
     "expect": [{"on": "2026-02-03", "score": 0}, {"on": "2026-02-03", "scorecard": "fit", "score": 0, "category": "bad"}]}]'));
SELECT test, scorecard, score, passed FROM leadscore.test_config('{"tests": [{"name": "own rule", "person": {"kind": "candidate", "since": "2026-01-01"},
    "activities": [{"activity_type": "call", "on": "2026-02-01"}], "expect": [{"on": "2026-02-01", "score": 3}]}]}', 'acme');
SELECT * FROM leadscore.test_config('{"tests": [{"name": "x", "person": {"kind": "candidate", "since": "2026-01-01"}, "expect": [{"on": "2026-02-01", "scorecard": "wep", "score": 3}]}]}');
\echo :LAST_ERROR_SQLSTATE
-- An import is refused by its tests, a tenant's by how it is for that tenant.
RESET ROLE;
SELECT leadscore.import_config('{"rules": [{"name": "Call", "activity_types": ["call"], "points": 4}], "tests": [{"name": "own rule", "person": {"kind": "candidate", "since": "2026-01-01"},
    "activities": [{"activity_type": "call", "on": "2026-02-01"}], "expect": [{"on": "2026-02-01", "score": 3}]}]}', 'acme');
SELECT leadscore.import_config('{"rules": [{"name": "Call", "activity_types": ["call"], "points": 4}], "tests": [{"name": "own rule", "person": {"kind": "candidate", "since": "2026-01-01"},
    "activities": [{"activity_type": "call", "on": "2026-02-01"}], "expect": [{"on": "2026-02-01", "score": 4}]}]}', 'acme');
