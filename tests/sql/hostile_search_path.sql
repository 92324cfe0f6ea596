-- Nothing that a role puts into its search_path or its temporary schema changes what leadscore does.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('note');
INSERT INTO leadscore.rule (rule_id, name, kind, activity_types, condition, points, relevant_for, decay, max_per_day, max_counted, inactive_for) VALUES
    (101, 'Call', 'activity', '{call}', NULL, 10, '30 days', 'none', NULL, NULL, NULL),
    (102, 'Incoming', 'activity', NULL, '{"direction": "in"}', 100, '30 days', 'linear', 1, 2, NULL),
    (103, 'Silence', 'inactivity', NULL, NULL, -1, NULL, 'none', NULL, NULL, '10 days');
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 10);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
\set setup :srcdir /sql/include/hostile.psql
\i :setup
SET search_path = regress_evil, pg_temp, leadscore, pg_catalog;
-- The traps are set.
SELECT 1::pg_catalog.int8 = 1::pg_catalog.int8;
SELECT scoring_day(pg_catalog.now());
-- Persons, and activities one by one, a few and many.
INSERT INTO leadscore.person (person_id, kind, since) VALUES (1, 'candidate', '2020-01-01'), (2, 'candidate', '2020-01-01');
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at, attributes) VALUES (101, 1, 'call', '2026-02-25', NULL);
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at, attributes) VALUES (102, 1, 'note', '2026-03-01', '{"direction": "in"}'), (103, 2, 'call', '2026-02-25', NULL);
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT 2, 'call', '2026-02-26' FROM pg_catalog.generate_series(1, 40);
UPDATE leadscore.activity SET activity_type = 'note' WHERE activity_id OPERATOR(pg_catalog.=) 103;
DELETE FROM leadscore.activity WHERE activity_id OPERATOR(pg_catalog.=) 101;
UPDATE leadscore.person SET status = 'active';
-- Errors are leadscore's own.
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (1, 'no such type');
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (77, 'call');
INSERT INTO leadscore.rule (name, points, relevant_for) VALUES ('Bad', 1, '1 hour');
INSERT INTO leadscore.category (name) VALUES ('freezing');
UPDATE leadscore.settings SET time_zone = 'Europe/Nowhere';
UPDATE leadscore.settings SET time_zone = 'Europe/Amsterdam';
-- 1: a note of today, 100. 2: 40 calls.
SELECT person_id, score, category FROM leadscore.person ORDER BY 1;
SELECT leadscore.adjust(1, 5, 'Met at a fair', '2026-03-01');
SELECT scored_on FROM public.leadscore_recompute('2026-03-02 12:00');
SELECT scored_on FROM public.leadscore_recompute('2026-03-02 12:00', true);
-- 100 x 29/30 = 96.67 is 97, and 5.
SELECT person_id, score, category FROM leadscore.person ORDER BY 1;
SELECT leadscore.score_at(1, '2026-03-01');
SELECT leadscore.scoring_day('2026-03-01 23:30+00');
SELECT * FROM leadscore.verify();
SELECT leadscore.unadjust(1);
SELECT leadscore.import_config(leadscore.export_config());
SELECT leadscore.load_preset('recruitment');
DELETE FROM leadscore.person WHERE person_id OPERATOR(pg_catalog.=) 2;
SELECT person_id, score, category FROM leadscore.person ORDER BY 1;
TRUNCATE leadscore.activity;
TRUNCATE leadscore.person;
RESET ROLE;
RESET search_path;
SELECT * FROM leadscore.verify();
