-- A rule applies to persons of its kinds whose current status is one of its statuses.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (name, person_kinds, statuses, points) VALUES
    ('Everybody', NULL, NULL, 1),
    ('Candidates', '{candidate}', NULL, 10),
    ('Active', NULL, '{active}', 100),
    ('Placed or lost', NULL, '{placed,lost}', 1000),
    ('Active contacts', '{contact,client}', '{active}', 10000);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, status, since) VALUES
    (1, 'candidate', 'active', '2020-01-01'),
    (2, 'candidate', 'placed', '2020-01-01'),
    (3, 'candidate', NULL, '2020-01-01'),
    (4, 'contact', 'active', '2020-01-01');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT g, 'call', '2026-02-10' FROM generate_series(1, 4) g;
-- 1: 1 + 10 + 100. 2: 1 + 10 + 1000. 3, without a status: 1 + 10. 4: 1 + 100 + 10000.
SELECT person_id, score FROM leadscore.person ORDER BY 1;
-- A status decides from the moment it changes, for activities of earlier too: 1 + 10 + 1000.
UPDATE leadscore.person SET status = 'lost' WHERE person_id = 1;
SELECT person_id, score FROM leadscore.person WHERE person_id = 1;
-- Many at once: the candidates have 111 now, and the contact, whose status stays, 10101.
UPDATE leadscore.person SET status = 'active';
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();
-- In one statement each to another one: 1 lost 1011, 2 none 11, 3 placed 1011, 4 placed 1 + 1000.
UPDATE leadscore.person SET status = CASE person_id WHEN 1 THEN 'lost' WHEN 2 THEN NULL ELSE 'placed' END;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
-- What is undone gives nothing, and what was noted of it does no harm to the next statement.
BEGIN;
SAVEPOINT before;
UPDATE leadscore.person SET status = 'active';
ROLLBACK TO before;
UPDATE leadscore.person SET status = 'active' WHERE person_id = 2;   -- 1 + 10 + 100
COMMIT;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
-- Kinds can change as well: 4 is a placed candidate now, 1 + 10 + 1000.
UPDATE leadscore.person SET kind = 'candidate' WHERE person_id = 4;
SELECT person_id, score FROM leadscore.person WHERE person_id = 4;
-- Both at once: 1 + 100 + 10000.
UPDATE leadscore.person SET kind = 'client', status = 'active' WHERE person_id = 4;
SELECT person_id, score FROM leadscore.person WHERE person_id = 4;
-- New activities go by the current status, one by one and many at a time: 2 has 2 x 111 and then 42 x 111,
-- while an unknown status gives 1 alone: 4 had 10101 for one activity, has 1 now, and 41 with 40 more.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (2, 'call', '2026-02-11');
SELECT person_id, score FROM leadscore.person WHERE person_id = 2;
UPDATE leadscore.person SET status = 'resting' WHERE person_id = 4;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at)
SELECT p, 'call', '2026-02-12' FROM generate_series(1, 40), (VALUES (2), (4)) v(p);
SELECT person_id, score FROM leadscore.person WHERE person_id IN (2, 4) ORDER BY 1;
SELECT * FROM leadscore.verify();
