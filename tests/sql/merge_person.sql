-- merge_person(): duplicates become one, derived anew, and stay one.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id bigint PRIMARY KEY, name text, state text, score int, category text);
CREATE TABLE call (id bigint PRIMARY KEY, candidate_id bigint, at timestamptz, vip boolean, note text);
SELECT leadscore.attach_person('candidate', 'candidate', status => 'state', score => 'score', category => 'category');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{vip}');
INSERT INTO candidate (id, state) SELECT g, 'new' FROM generate_series(1, 5) g;
INSERT INTO call VALUES (1, 1, '2026-02-01'), (2, 1, '2026-02-20'), (3, 2, '2026-02-10'), (4, 3, '2026-02-10');
RESET ROLE;
UPDATE leadscore.rule SET max_counted = 2, points = 10 WHERE name = 'Any';
INSERT INTO leadscore.rule (name, kind, points, inactive_for) VALUES ('Silence', 'inactivity', -1, '5 days');
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
\set person '(SELECT person_id FROM leadscore.person WHERE external_id = '
SELECT leadscore.adjust(:person '1'), 5, 'Met at a fair', '2026-02-01') > 0 AS adjusted;
SELECT leadscore.adjust(:person '2'), 7, 'Recommended', '2026-02-01') > 0 AS adjusted;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes) VALUES (:person '1'), 'visit', '2026-02-28', '{"vip": true}');
SELECT id, score, category FROM app.candidate ORDER BY id;
-- 1 into 2: of three calls and a visit the newest two count, 20, and 100, 5 and 7; nobody was silent.
SELECT leadscore.merge_person(:person '1'), :person '2'));
SELECT external_id, score, category, last_activity_at FROM leadscore.person ORDER BY 1;
SELECT person_id = :person '2') AS winner, points, reason FROM leadscore.adjustment ORDER BY 2;
SELECT kind, external_id, person_id = :person '2') AS winner FROM leadscore.person_alias;
SELECT id, score, category FROM app.candidate ORDER BY id;
SELECT * FROM leadscore.verify();
-- The number of the loser leads to the winner, in the application's table and in those of its activities.
SET ROLE regress_application;
INSERT INTO call VALUES (5, 1, '2026-03-01', true);
SELECT id, score, category FROM candidate WHERE id < 3 ORDER BY id;
UPDATE call SET candidate_id = 2 WHERE id = 1;
UPDATE candidate SET state = 'active' WHERE id = 1;
INSERT INTO candidate (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET name = 'Twice';
SELECT external_id, status, score FROM leadscore.person ORDER BY 1;
:verify
RESET ROLE;
SELECT leadscore.resync();
SELECT external_id, score FROM leadscore.person ORDER BY 1;
-- The application clears its duplicate.
SET ROLE regress_application;
UPDATE call SET candidate_id = 2 WHERE candidate_id = 1;
DELETE FROM candidate WHERE id = 1;
SELECT external_id, score FROM leadscore.person ORDER BY 1;
SELECT count(*) FROM leadscore.person_alias;
:verify
RESET ROLE;
-- A chain: 3 into 4, 4 into 5.
SELECT leadscore.merge_person(:person '3'), :person '4'));
SELECT leadscore.merge_person(:person '4'), :person '5'));
SET ROLE regress_application;
INSERT INTO call VALUES (6, 3, '2026-03-01');
INSERT INTO call VALUES (7, 4, '2026-03-01');
SELECT external_id, score FROM leadscore.person ORDER BY 1;
:verify
-- The winner's row goes: the person is gone, and the losers' rows, which are still there, are nobody's until resync(),
-- as verify() says. Then they are persons again, each with the calls that name it.
DELETE FROM candidate WHERE id = 5;
RESET ROLE;
SELECT external_id, score FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();
SELECT leadscore.resync();
SELECT external_id, score FROM leadscore.person ORDER BY 1;
SELECT source_key, p.external_id FROM leadscore.activity JOIN leadscore.person p USING (person_id) WHERE p.external_id <> '2' ORDER BY 1;
SELECT id, score, category FROM app.candidate ORDER BY id;
SELECT (SELECT count(*) FROM leadscore.waiting) AS waiting, (SELECT count(*) FROM leadscore.person_alias) AS aliases;
SELECT * FROM leadscore.verify();
-- It is the same as if all had been registered on the winner.
SELECT records_added, records_removed, persons_changed FROM leadscore_recompute('2026-03-01 12:00', true);
-- Persons of two kinds, and persons that come from no table.
INSERT INTO leadscore.person (kind, external_id) VALUES ('contact', 'x'), ('contact', NULL);
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT person_id, 'visit', '2026-03-01' FROM leadscore.person WHERE kind = 'contact';
SELECT leadscore.merge_person(:person 'x'), :person '2'));
SELECT leadscore.merge_person((SELECT person_id FROM leadscore.person WHERE external_id IS NULL), :person '2'));
SELECT kind, external_id, score FROM leadscore.person ORDER BY 2;
SELECT kind, external_id FROM leadscore.person_alias ORDER BY 1, 2;
SELECT * FROM leadscore.verify();
-- A category that changes is noted once, and the loser's notes are gone with it.
SELECT count(*) FROM leadscore.category_change c WHERE NOT EXISTS (SELECT FROM leadscore.person p WHERE p.person_id = c.person_id);
-- Who is nobody, and who is both.
SELECT leadscore.merge_person(:person '2'), 999);
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.merge_person(999, :person '2'));
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.merge_person(NULL, :person '2'));
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.merge_person(:person '2'), NULL);
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
DO $$ DECLARE p bigint := (SELECT person_id FROM leadscore.person WHERE external_id = '2'); BEGIN PERFORM leadscore.merge_person(p, p); EXCEPTION WHEN invalid_parameter_value THEN RAISE WARNING '%', regexp_replace(sqlerrm, '\d+', 'N'); END $$;
SELECT * FROM leadscore.verify();
