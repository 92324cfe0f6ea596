-- TRUNCATE of persons leaves nothing that belongs to any.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (name, kind, points, inactive_for) VALUES ('Call', 'activity', 10, NULL), ('Silence', 'inactivity', -1, '10 days');
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 10);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, since) VALUES (1, 'candidate', '2026-02-01');
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (1, 1, 'call', '2026-02-05');
SELECT leadscore.adjust(1, 15, 'Met at a fair', '2026-03-01') IS NOT NULL AS adjusted;
CREATE TEMP VIEW left_of AS
SELECT (SELECT count(*) FROM leadscore.person) AS persons, (SELECT count(*) FROM leadscore.activity) AS activities,
       (SELECT count(*) FROM leadscore.score_record) AS records, (SELECT count(*) FROM leadscore.adjustment) AS adjustments,
       (SELECT count(*) FROM leadscore.category_change) AS changes, (SELECT count(*) FROM leadscore.due) AS due;
-- One call, one penalty (of 15 February) and one adjustment: 24 points; cold to warm; the silence has no other penalty due.
SELECT score FROM leadscore.person;
SELECT * FROM left_of;
BEGIN;
TRUNCATE leadscore.person;
SELECT * FROM left_of;
ROLLBACK;
SELECT * FROM left_of;
TRUNCATE leadscore.person;
SELECT * FROM left_of;
SELECT * FROM leadscore.verify();
-- Life goes on.
INSERT INTO leadscore.person (person_id, kind, since) VALUES (1, 'candidate', '2026-02-25');
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (1, 1, 'call', '2026-02-25');
SELECT person_id, score, category FROM leadscore.person;
SELECT * FROM leadscore.verify();
