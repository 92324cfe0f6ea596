-- Score and category are written back to the application's own columns, where they change and nowhere else.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id bigint PRIMARY KEY, score numeric, category varchar(20), note text);
CREATE TABLE call (id bigint PRIMARY KEY, candidate_id bigint, at timestamptz);
INSERT INTO candidate SELECT g FROM generate_series(1, 5) g;
UPDATE candidate SET score = 0, category = 'cold' WHERE id = 5;
CREATE TABLE written (id bigint, score numeric, category text);
CREATE FUNCTION note_written() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO app.written VALUES (NEW.id, NEW.score, NEW.category); RETURN NULL; END';
CREATE TRIGGER note_written AFTER UPDATE ON candidate FOR EACH ROW EXECUTE FUNCTION note_written();
\set show 'SELECT id, score, category FROM written ORDER BY id; TRUNCATE written;'
-- At attach all rows get their values, but for one that has them.
SELECT leadscore.attach_person('candidate', 'candidate', score => 'score', category => 'category');
:show
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at');
-- In the same statement, in the rows that change alone, once each.
INSERT INTO call VALUES (1, 1, '2026-02-01'), (2, 1, '2026-02-01'), (3, 2, '2026-02-01');
:show
UPDATE call SET candidate_id = 2 WHERE id = 1;
:show
DELETE FROM call WHERE id = 3;
:show
-- No rule gives points: the score stays, and so does the row.
RESET ROLE;
UPDATE leadscore.rule SET effective_from = '2026-01-01';
SELECT persons_changed FROM leadscore_recompute('2026-03-01 12:00');
SET ROLE regress_application;
INSERT INTO call VALUES (4, 3, '2025-02-01');
:show
-- Rolled back, it is as it was.
BEGIN;
INSERT INTO call VALUES (5, 3, '2026-02-01');
SELECT score, category FROM candidate WHERE id = 3;
ROLLBACK;
SELECT score, category FROM candidate WHERE id = 3;
-- A new row gets its values whatever the application put there.
INSERT INTO candidate VALUES (6, 1000000, 'hot');
:show
-- The application writes over it: verify() finds it, and the next change of the person, or resync(), puts it right.
UPDATE candidate SET score = 77, category = 'mine' WHERE id IN (1, 2);
:verify
INSERT INTO call VALUES (6, 1, '2026-02-01');
SELECT id, score, category FROM candidate ORDER BY id;
RESET ROLE;
SELECT leadscore.resync('app.candidate');
SET ROLE regress_application;
SELECT id, score, category FROM candidate ORDER BY id;
:verify
TRUNCATE written;
RESET ROLE;
-- By the night: what expires, what begins to count, other bands; rows that stay are left alone.
UPDATE leadscore.rule SET relevant_for = '40 days', points = 15 WHERE name = 'Any';
UPDATE leadscore.category SET min_score = 15 WHERE name = 'warm';
SELECT persons_changed, categories_changed FROM leadscore_recompute('2026-03-05 12:00');
SET ROLE regress_application;
:show
RESET ROLE;
SELECT persons_changed, categories_changed FROM leadscore_recompute('2026-03-06 12:00');
SELECT persons_changed, categories_changed FROM leadscore_recompute('2026-03-06 12:00', true);
SET ROLE regress_application;
:show
RESET ROLE;
SELECT persons_changed, categories_changed FROM leadscore_recompute('2026-03-20 12:00');
SET ROLE regress_application;
:show
:verify
-- By an adjustment, its end, and by what leadscore's own tables are told.
RESET ROLE;
SELECT leadscore.adjust(p.person_id, 50, 'Met at a fair', '2026-03-20') > 0 AS adjusted FROM leadscore.person p WHERE p.external_id = '4';
SET ROLE regress_application;
:show
RESET ROLE;
SELECT leadscore.unadjust((SELECT max(adjustment_id) FROM leadscore.adjustment));
SET ROLE regress_application;
:show
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT person_id, 'visit', '2026-03-19' FROM leadscore.person WHERE external_id = '5';
:show
UPDATE leadscore.person SET kind = kind, owner = owner WHERE external_id = '5';
:show
DELETE FROM leadscore.activity WHERE source_id IS NULL;
:show
:verify
-- Categories gone, there is none.
DELETE FROM leadscore.category;
RESET ROLE;
SELECT persons_changed, categories_changed FROM leadscore_recompute('2026-03-20 12:00');
SET ROLE regress_application;
SELECT DISTINCT score, category FROM candidate;
RESET ROLE;
-- A value that the column cannot hold is an error that says so.
INSERT INTO leadscore.category (name, min_score) VALUES ('colder than any that there is', NULL);
SELECT persons_changed FROM leadscore_recompute('2026-03-20 12:00');
\echo :LAST_ERROR_SQLSTATE
-- A column that is written back changes its type like any other that is attached: detached meanwhile.
SELECT leadscore.detach('app.candidate');
DROP TRIGGER note_written ON app.candidate;
ALTER TABLE app.candidate ALTER category TYPE text;
SELECT leadscore.attach_person('app.candidate', 'candidate', score => 'score', category => 'category');
SELECT persons_changed FROM leadscore_recompute('2026-03-20 12:00');
SELECT DISTINCT score, category FROM app.candidate;
SELECT * FROM leadscore.verify();
-- Both, one or none can be written back.
SET ROLE regress_application;
CREATE TABLE lead (id int PRIMARY KEY, points bigint, level text);
INSERT INTO lead VALUES (1);
SELECT leadscore.attach_person('lead', 'lead', category => 'level');
SELECT * FROM lead ORDER BY id;
SELECT leadscore.detach('lead');
SELECT leadscore.attach_person('lead', 'lead', score => 'points');
SELECT * FROM lead ORDER BY id;
:verify
