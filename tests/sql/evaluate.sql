-- evaluate() says whether the score of past days, as known then, foretold an outcome; the figures are worked out by hand.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('placement');
INSERT INTO leadscore.rule (name, activity_types, points, relevant_for) VALUES ('Call', '{call}', 10, '60 days');
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 10), ('hot', 20), ('boiling', 100);
INSERT INTO leadscore.person (person_id, kind, since) SELECT g, 'candidate', '2025-12-01' FROM generate_series(1, 10) g;
-- On 1 January persons 1 and 2 have 20 points, 3 to 5 have 10, and the others none.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at)
SELECT g, 'call', timestamptz '2025-12-20 12:00' FROM generate_series(1, 5) g UNION ALL SELECT g, 'call', '2026-01-01 23:59' FROM generate_series(1, 2) g;
-- Of them 1, 3 and 6 are placed within 30 days, 6 on the last of them; 7 a day later. 8 was placed on the day itself and 9 before:
-- neither is looked at. 10 was not known yet.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES
    (1, 'placement', '2026-01-02 00:00'), (3, 'placement', '2026-01-10 12:00'), (6, 'placement', '2026-01-31 23:59'), (7, 'placement', '2026-02-01 00:00'),
    (8, 'placement', '2026-01-01 00:00'), (9, 'placement', '2025-12-15 12:00');
UPDATE leadscore.person SET since = '2026-01-02' WHERE person_id = 10;
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
SET client_min_messages = notice;
-- 7 persons, 3 of them positive, so 12 pairs with the negative 2, 4, 5 and 7. Of its four pairs person 1 wins three and ties in one: 3.5;
-- person 3 wins one and ties in two: 2; person 6 ties in one: 0.5. That is 6 of 12. The top tenth is 0.7 of a person, drawn
-- from the two with 20 points, one of them positive: 0.35 of 3 outcomes.
SELECT * FROM leadscore.evaluate('placement', '30 days', '2026-01-01', '2026-01-01');
-- What comes after the reference day changes nothing: not a call, and not a call that takes the place of an older one.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT g, 'call', '2026-01-02 00:00' FROM generate_series(2, 7) g;
SELECT auc, top_decile FROM leadscore.evaluate('placement', '30 days', '2026-01-01', '2026-01-01') WHERE category IS NULL;
BEGIN;
UPDATE leadscore.rule SET max_counted = 1;
SELECT category, persons, outcomes, auc FROM leadscore.evaluate('placement', '30 days', '2026-01-01', '2026-01-01');
ROLLBACK;
-- Several reference days are pooled: on 1 February 7 has its outcome already, and 1, 3 and 6 have, too. The horizon of 1 March is not over.
SELECT category, persons, outcomes, rate, lift, auc FROM leadscore.evaluate('placement', '28 days', '2026-01-01', '2026-03-01');
SELECT sum(persons) FROM leadscore.evaluate('placement', '30 days', '2026-02-20', '2026-03-01', '1 day');
-- Another configuration, without importing it: champion and challenger.
SELECT '{"rules": [{"name": "Call", "activity_types": ["call"], "points": -1, "relevant_for": "60 days"}], "categories": [{"name": "low"}, {"name": "high", "min_score": 0}]}' AS config \gset
SELECT category, persons, outcomes, auc, top_decile FROM leadscore.evaluate('placement', '30 days', '2026-01-01', '2026-01-01', config => :'config');
SELECT count(*), sum(points) FROM leadscore.rule;
-- Persons of one kind, and a scorecard of its own.
INSERT INTO leadscore.person (person_id, kind, since) VALUES (20, 'contact', '2025-12-01');
INSERT INTO leadscore.scorecard (scorecard) VALUES ('fit');
INSERT INTO leadscore.rule (name, kind, scorecard, points) VALUES ('There', 'profile', 'fit', 3);
SELECT category, persons, outcomes, auc FROM leadscore.evaluate('placement', '30 days', '2026-01-01', '2026-01-01', person_kind => 'contact');
SELECT category, persons, outcomes, auc FROM leadscore.evaluate('placement', '30 days', '2026-01-01', '2026-01-01', scorecard => 'fit');
-- Whose present looks at persons is named, and who is not active is left out. It is read only.
INSERT INTO leadscore.rule (name, activity_types, points, statuses, person_filter) VALUES ('Sought', '{call}', 1, '{active}', NULL), ('Near', '{call}', 1, NULL, '$.near == true');
UPDATE leadscore.person SET active = false WHERE person_id IN (1, 2);
BEGIN READ ONLY;
SELECT persons, outcomes FROM leadscore.evaluate('placement', '30 days', '2026-01-01', '2026-01-01') WHERE category IS NULL;
COMMIT;
-- Of a tenant, and of what a policy shows.
INSERT INTO leadscore.person (person_id, tenant, kind, since) VALUES (30, 'acme', 'candidate', '2025-12-01'), (31, 'bolt', 'candidate', '2025-12-01');
INSERT INTO leadscore.category (tenant, name) VALUES ('acme', 'ours');
SELECT category, persons, outcomes FROM leadscore.evaluate('placement', '30 days', '2026-01-01', '2026-01-01', person_kind => 'candidate', tenant => 'acme');
RESET ROLE;
ALTER TABLE leadscore.person ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON leadscore.person TO regress_application USING (tenant = 'acme');
SET ROLE regress_application;
SELECT category, persons, outcomes FROM leadscore.evaluate('placement', '30 days', '2026-01-01', '2026-01-01');
RESET ROLE;
DROP POLICY mine ON leadscore.person;
ALTER TABLE leadscore.person DISABLE ROW LEVEL SECURITY;
SET ROLE regress_application;
-- Bad input.
SELECT * FROM leadscore.evaluate('hired', '30 days', '2026-01-01', '2026-01-01');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.evaluate(NULL, '30 days', '2026-01-01', '2026-01-01');
SELECT * FROM leadscore.evaluate('placement', '36 hours', '2026-01-01', '2026-01-01');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.evaluate('placement', '-1 days', '2026-01-01', '2026-01-01');
SELECT * FROM leadscore.evaluate('placement', NULL, '2026-01-01', '2026-01-01');
SELECT * FROM leadscore.evaluate('placement', '30 days', '2026-01-01', '2026-02-01', every => '0 days');
SELECT * FROM leadscore.evaluate('placement', '30 days', '2026-02-01', '2026-01-01');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.evaluate('placement', '30 days', 'infinity', '2026-01-01');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.evaluate('placement', '30 days', '2026-01-01', NULL);
SELECT * FROM leadscore.evaluate('placement', '30 days', '2000-01-01', '2026-01-01', '1 day');
SELECT * FROM leadscore.evaluate('placement', '30 days', '2026-01-01', '2026-01-01', person_kind => 'robot');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.evaluate('placement', '30 days', '2026-01-01', '2026-01-01', scorecard => 'fat');
SELECT * FROM leadscore.evaluate('placement', '30 days', '2026-01-01', '2026-01-01', tenant => 'nobody');
SELECT * FROM leadscore.evaluate('placement', '30 days', '2026-01-01', '2026-01-01', config => '{"rulez": []}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.evaluate('placement', '30 days', '2026-01-01', '2026-01-01', config => '{"rules": [{"name": "Call", "points": "ten"}]}');
