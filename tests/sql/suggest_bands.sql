-- suggest_bands() says at which scores bands hold so many persons.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('placement');
INSERT INTO leadscore.rule (name, activity_types, points) VALUES ('Call', '{call}', 10);
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 1), ('hot', 2);
INSERT INTO leadscore.person (person_id, kind, since) SELECT g, CASE WHEN g <= 20 THEN 'candidate' ELSE 'contact' END, '2025-01-01' FROM generate_series(1, 22) g;
-- 4 persons with 40 points, 6 with 20, 10 with none; a contact with 40 and one with 20.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at)
SELECT g, 'call', timestamptz '2025-06-01 12:00' FROM generate_series(1, 4) g, generate_series(1, 4)
UNION ALL SELECT g, 'call', '2025-06-01 12:00' FROM generate_series(5, 10) g, generate_series(1, 2)
UNION ALL SELECT 21, 'call', '2025-06-01 12:00' FROM generate_series(1, 4) UNION ALL SELECT 22, 'call', '2025-06-01 12:00' FROM generate_series(1, 2);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
SET client_min_messages = notice;
SELECT category, min_score, persons, room FROM leadscore.suggest_bands('{"hot": 5, "warm": 8}');
SELECT category, min_score, persons, room FROM leadscore.suggest_bands('{"hot": 4, "warm": 6}', person_kind => 'candidate');
-- Who scores the same stays together: of 4 persons none is taken where there is room for 3, and a lower band cannot begin there.
SELECT category, min_score, persons, room FROM leadscore.suggest_bands('{"hot": 3, "warm": 3}', person_kind => 'candidate');
-- Names that are no categories: that with room for fewer is the higher one. Room for all takes all.
SELECT category, min_score, persons, room FROM leadscore.suggest_bands('{"b": 15, "a": 100, "first": 5}');
-- By another configuration, and for another scorecard.
SELECT category, min_score, persons FROM leadscore.suggest_bands('{"hot": 5}', config => '{"rules": [{"name": "Call", "activity_types": ["call"], "points": -3}]}');
INSERT INTO leadscore.scorecard (scorecard) VALUES ('fit');
SELECT category, min_score, persons FROM leadscore.suggest_bands('{"high": 5}', scorecard => 'fit');
-- With an outcome, how many of those who were in the band had it: 1 of the 5 with 40 points within 30 days of the last reference day, a
-- month after which they are not looked at; of those with 20 nobody, and of those with none one.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'placement', '2026-02-10 12:00'), (15, 'placement', '2026-02-20 12:00');
RESET ROLE;
UPDATE leadscore.settings SET outcome_type = 'placement', outcome_horizon = '30 days';
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
SET ROLE regress_application;
SELECT * FROM leadscore.suggest_bands('{"hot": 5, "warm": 8}');
-- That is what evaluate() says of these bands.
SELECT category, persons, outcomes, rate, low, high FROM leadscore.evaluate('placement', '30 days', '2025-02-28', '2026-01-30',
    config => '{"categories": [{"name": "cold"}, {"name": "warm", "min_score": 1}, {"name": "hot", "min_score": 21}]}');
-- Bad input.
SELECT * FROM leadscore.suggest_bands(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.suggest_bands('[60]');
SELECT * FROM leadscore.suggest_bands('{}');
SELECT * FROM leadscore.suggest_bands('{"hot": "many"}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.suggest_bands('{"hot": 1.5}');
SELECT * FROM leadscore.suggest_bands('{"hot": -1}');
SELECT * FROM leadscore.suggest_bands('{"hot": 1}', person_kind => 'robot');
SELECT * FROM leadscore.suggest_bands('{"hot": 1}', scorecard => 'fat');
SELECT * FROM leadscore.suggest_bands('{"hot": 1}', config => '{"rulez": []}');
