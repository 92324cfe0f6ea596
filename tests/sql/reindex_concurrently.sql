-- Indexes that are replaced while a session goes on keep serving it.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (name, points) VALUES ('Call', 10);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, since) VALUES (1, 'candidate', '2020-01-01');
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (1, 1, 'call', '2026-02-20'), (2, 1, 'call', '2026-02-21');
DELETE FROM leadscore.activity WHERE activity_id = 2;
RESET ROLE;
REINDEX TABLE CONCURRENTLY leadscore.person;
REINDEX TABLE CONCURRENTLY leadscore.activity;
REINDEX TABLE CONCURRENTLY leadscore.score_record;
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (3, 1, 'call', '2026-02-22'), (4, 1, 'call', '2026-02-23');
DELETE FROM leadscore.activity WHERE activity_id = 1;
SELECT person_id, score, last_activity_at FROM leadscore.person;
SELECT * FROM leadscore.verify();
