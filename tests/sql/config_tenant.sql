-- A tenant's document is its own rules and categories: nothing of others is in it, and nothing of others is touched.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.scorecard (scorecard, max_score) VALUES ('fit', 20);
INSERT INTO leadscore.rule (rule_id, tenant, name, activity_types, points) VALUES (101, NULL, 'Call', '{call}', 5), (102, 'acme', 'Call', '{call}', 8), (103, 'other', 'Call', '{call}', 9);
INSERT INTO leadscore.category (category_id, tenant, name, min_score) VALUES (101, NULL, 'cold', NULL), (102, NULL, 'hot', 10), (103, 'acme', 'low', NULL), (104, 'acme', 'high', 50), (105, 'other', 'low', NULL);
SELECT jsonb_pretty(leadscore.export_config('acme'));
SELECT leadscore.export_config('nobody');
CREATE TEMP VIEW others AS
SELECT (SELECT jsonb_agg(r ORDER BY rule_id) FROM leadscore.rule r WHERE r.tenant IS DISTINCT FROM 'acme') AS rules,
       (SELECT jsonb_agg(c ORDER BY category_id) FROM leadscore.category c WHERE c.tenant IS DISTINCT FROM 'acme') AS categories,
       (SELECT jsonb_agg(s) FROM leadscore.settings s) AS settings, (SELECT jsonb_agg(c ORDER BY scorecard) FROM leadscore.scorecard c) AS scorecards,
       (SELECT jsonb_agg(t ORDER BY activity_type) FROM leadscore.activity_type t) AS activity_types;
CREATE TEMP TABLE others_before AS TABLE others;
-- Into the same tenant it changes nothing; into a new one it is the same, with ids of its own.
SELECT leadscore.export_config('acme') AS acme \gset
CREATE TEMP TABLE before AS SELECT ctid AS at, rule_id FROM leadscore.rule;
SELECT leadscore.import_config(:'acme', 'acme');
SELECT count(*) FROM before b JOIN leadscore.rule r ON r.rule_id = b.rule_id AND r.ctid = b.at;
SELECT leadscore.import_config(:'acme', 'copy');
SELECT leadscore.export_config('copy') = :'acme' AS same;
SELECT leadscore.import_config('{"rules": [], "categories": []}', 'copy');
SELECT count(*) FROM leadscore.rule WHERE tenant = 'copy';
-- What the document does not name goes, of the tenant alone; names are matched within it.
SELECT leadscore.import_config('{"rules": [{"name": "Visit", "points": 3, "scorecard": "fit"}, {"name": "Call", "points": 7}],
                                "categories": [{"name": "high", "min_score": null}, {"name": "low", "min_score": 30}, {"name": "fits", "scorecard": "fit"}]}', 'acme');
SELECT rule_id = 102 AS kept, tenant, name, points, scorecard, activity_types FROM leadscore.rule WHERE tenant = 'acme' ORDER BY name;
SELECT category_id IN (103, 104) AS kept, scorecard, name, min_score FROM leadscore.category WHERE tenant = 'acme' ORDER BY scorecard, min_score NULLS FIRST;
SELECT (o.*) = (b.*) AS others_are_as_they_were FROM others o, others_before b;
-- Everybody's document leaves tenants alone.
SELECT leadscore.import_config('{"rules": [{"name": "Mail", "points": 1}], "categories": []}');
SELECT tenant, name, points FROM leadscore.rule ORDER BY tenant NULLS FIRST, name;
SELECT tenant, name FROM leadscore.category ORDER BY tenant NULLS FIRST, category_id;
SELECT jsonb_path_query_array(leadscore.export_config(), '$.rules[*].name') AS common;
-- What is common to all is not a tenant's to set.
SELECT leadscore.import_config('{"settings": {"time_zone": "UTC"}, "rules": []}', 'acme');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"scorecards": []}', 'acme');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"activity_types": []}', 'acme');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"rules": [{"name": "Call", "points": 1, "tenant": "other"}]}', 'acme');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"rules": []}', '');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM leadscore.rule WHERE tenant = 'acme';
-- A preset brings a tenant rules and categories of its own, and what is common where it lacks.
SELECT count(*) AS common_rules FROM leadscore.rule WHERE tenant IS NULL;
UPDATE leadscore.activity_type SET description = 'As we say it' WHERE activity_type = 'call';
SELECT leadscore.load_preset('recruitment', 'agency');
SELECT count(*) = (SELECT count(*) FROM leadscore.rule WHERE tenant = 'agency') AS all_its_rules FROM jsonb_array_elements(leadscore._preset('recruitment') -> 'rules');
SELECT count(*) AS common_rules FROM leadscore.rule WHERE tenant IS NULL;
SELECT count(*) AS types, count(*) FILTER (WHERE description = 'As we say it') AS described FROM leadscore.activity_type;
SELECT leadscore.export_config('agency') AS agency \gset
SELECT leadscore.load_preset('recruitment', 'agency');
SELECT leadscore.export_config('agency') = :'agency' AS same;
