-- With deferred scoring an activity notes its person alone, and score_pending() or the run derives it. Until then all stands as before;
-- what changes the person itself takes effect at once, with all activities that are stored.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
RESET ROLE;
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (name, points, statuses) VALUES ('Any', 10, NULL), ('Active', 100, '{active}');
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 10);
SELECT scored_on = leadscore.scoring_day() AS today FROM leadscore_recompute();
UPDATE leadscore.settings SET scoring = 'deferred';
\set persons 'SELECT person_id, score, category, last_activity_at IS NOT NULL AS has_last FROM leadscore.person ORDER BY 1; SELECT person_id, count(*) FROM leadscore.score_record GROUP BY 1 ORDER BY 1;'
SET ROLE regress_application;
INSERT INTO leadscore.person (kind) SELECT 'candidate' FROM generate_series(1, 4);
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (1, 'call'), (2, 'call'), (3, 'call');
INSERT INTO leadscore.activity (person_id, activity_type) SELECT 4, 'call' FROM generate_series(1, 50);
:persons
SELECT count(DISTINCT person_id) FROM leadscore.pending;
-- A status, an adjustment.
UPDATE leadscore.person SET status = 'active' WHERE person_id = 1;
SELECT leadscore.adjust(2, 7, 'Met at a fair', leadscore.scoring_day()) > 0 AS adjusted;
:persons
-- So many at a time.
RESET ROLE;
SELECT leadscore.score_pending(1);
SELECT leadscore.score_pending();
SELECT leadscore.score_pending();
:persons
SELECT count(*) FROM leadscore.verify();
-- Updates and deletes wait as well, and the run sees to them.
SET ROLE regress_application;
DELETE FROM leadscore.activity WHERE person_id = 4;
UPDATE leadscore.activity SET person_id = 4 WHERE person_id = 3;
:persons
-- Persons have to be there all the same, for one row as for many.
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (99, 'call');
INSERT INTO leadscore.activity (person_id, activity_type) SELECT 1 + 98 * (n % 2), 'call' FROM generate_series(1, 100) n;
UPDATE leadscore.activity SET person_id = 99 WHERE person_id = 4;
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (1, 'unknown');
RESET ROLE;
SELECT pending FROM leadscore.status WHERE pending > 0 LIMIT 1;
SELECT FROM leadscore_recompute();
:persons
SELECT count(*) FROM leadscore.verify();
-- What waits is named by doctor() after ten minutes.
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (1, 'call');
UPDATE leadscore.pending SET recorded_at = now() - interval '11 minutes';
SELECT severity, finding ~ '^1 persons wait to be scored since' AS is_named FROM leadscore.doctor() WHERE finding LIKE '%wait to be scored%';
-- At once again: what waits is scored by the next call or run.
UPDATE leadscore.settings SET scoring = 'at_once';
SELECT leadscore.score_pending();
SELECT person_id, score FROM leadscore.person WHERE person_id = 1;
SELECT count(*) FROM leadscore.verify();
