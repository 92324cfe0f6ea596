-- An edit of the configuration has the next run derive anew whom it concerns, and nobody else.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('visit');
INSERT INTO leadscore.rule (rule_id, tenant, name, activity_types, points, person_kinds, statuses) VALUES
    (101, NULL, 'Call', '{call}', 5, NULL, NULL), (102, NULL, 'Candidate', '{call}', 3, '{candidate}', NULL), (103, NULL, 'Placed', '{call}', 2, NULL, '{placed}'),
    (104, 'acme', 'Call', '{call}', 7, NULL, NULL);
INSERT INTO leadscore.rule (rule_id, name, kind, points, person_filter) VALUES (105, 'West', 'profile', 1, '$.region == "west"');
INSERT INTO leadscore.category (category_id, tenant, person_kind, name, min_score) VALUES (101, NULL, NULL, 'cold', NULL), (102, NULL, 'contact', 'cold', NULL), (103, 'acme', NULL, 'cold', NULL);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, tenant, kind, status, attributes, since) VALUES
    (1, NULL, 'candidate', 'placed', '{"region": "west"}', '2026-01-01'), (2, NULL, 'candidate', NULL, NULL, '2026-01-01'), (3, NULL, 'contact', NULL, '{"region": "east"}', '2026-01-01'),
    (4, 'acme', 'candidate', 'placed', NULL, '2026-01-01'), (5, 'other', 'contact', 'placed', '{"region": "west"}', '2026-01-01'), (6, NULL, 'guest', NULL, NULL, '2026-01-01');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT p, 'call', '2026-02-01' FROM generate_series(1, 6) p;
SELECT person_id, score, category FROM leadscore.person ORDER BY 1;
RESET ROLE;
-- Whom each of these edits concerns; everything is taken back afterwards. NULL: everybody.
CREATE PROCEDURE pg_temp.concerns(VARIADIC edits text[]) LANGUAGE plpgsql AS $$
DECLARE
    edit text;
BEGIN
    FOREACH edit IN ARRAY edits LOOP
        EXECUTE edit;
    END LOOP;
    RAISE NOTICE '%: %, rebuild_due %', array_to_string(edits, '; '), coalesce(leadscore._persons_edited()::text, 'everybody'), (SELECT rebuild_due FROM leadscore.instance);
    ROLLBACK;
END $$;
SET client_min_messages = notice;
CALL pg_temp.concerns('SELECT');
CALL pg_temp.concerns('UPDATE leadscore.rule SET points = 6 WHERE rule_id = 101');
CALL pg_temp.concerns('UPDATE leadscore.rule SET points = 6 WHERE rule_id = 102');
CALL pg_temp.concerns('UPDATE leadscore.rule SET points = 6 WHERE rule_id = 103');
CALL pg_temp.concerns('UPDATE leadscore.rule SET points = 6 WHERE rule_id = 104');
CALL pg_temp.concerns('UPDATE leadscore.rule SET points = 6 WHERE rule_id = 105');
CALL pg_temp.concerns('UPDATE leadscore.rule SET points = points');
CALL pg_temp.concerns('UPDATE leadscore.rule SET points = 6 WHERE false');
-- To whom it applied, and to whom it applies.
CALL pg_temp.concerns($$UPDATE leadscore.rule SET person_kinds = '{guest}' WHERE rule_id = 102$$);
CALL pg_temp.concerns($$UPDATE leadscore.rule SET statuses = NULL, person_kinds = '{guest}' WHERE rule_id = 103$$);
CALL pg_temp.concerns($$UPDATE leadscore.rule SET person_filter = '$.region == "east"' WHERE rule_id = 105$$);
CALL pg_temp.concerns('UPDATE leadscore.rule SET enabled = false WHERE rule_id = 101');
CALL pg_temp.concerns('DELETE FROM leadscore.rule WHERE rule_id = 102');
CALL pg_temp.concerns('DELETE FROM leadscore.rule WHERE rule_id = 102', $$UPDATE leadscore.person SET kind = 'guest' WHERE person_id = 2$$);
CALL pg_temp.concerns($$INSERT INTO leadscore.rule (name, points, person_kinds) VALUES ('New', 1, '{contact}')$$);
CALL pg_temp.concerns($$INSERT INTO leadscore.rule (name, points, enabled) VALUES ('New', 1, false)$$);
-- A tenant's rule takes the place of everybody's.
CALL pg_temp.concerns($$INSERT INTO leadscore.rule (tenant, name, points, enabled) VALUES ('other', 'Candidate', 1, false)$$);
CALL pg_temp.concerns($$INSERT INTO leadscore.rule (tenant, name, points) VALUES ('nobody', 'New', 1)$$);
CALL pg_temp.concerns('DELETE FROM leadscore.rule WHERE rule_id = 104');
CALL pg_temp.concerns($$UPDATE leadscore.rule SET tenant = 'other' WHERE rule_id = 104$$);
CALL pg_temp.concerns($$UPDATE leadscore.rule SET tenant = NULL, name = 'Ours', person_kinds = '{guest}' WHERE rule_id = 104$$);
CALL pg_temp.concerns($$UPDATE leadscore.rule SET name = 'Candidates' WHERE rule_id = 102$$);
-- Categories, scorecards, settings.
CALL pg_temp.concerns($$UPDATE leadscore.category SET color = 'red'$$);
CALL pg_temp.concerns('UPDATE leadscore.category SET min_score = 1 WHERE category_id = 101');
CALL pg_temp.concerns('UPDATE leadscore.category SET min_score = 1 WHERE category_id = 102');
CALL pg_temp.concerns('UPDATE leadscore.category SET min_score = 1 WHERE category_id = 103');
CALL pg_temp.concerns($$INSERT INTO leadscore.category (tenant, person_kind, name, min_score) VALUES ('other', 'candidate', 'hot', 1), ('acme', 'candidate', 'hot', 1)$$);
CALL pg_temp.concerns('DELETE FROM leadscore.category WHERE category_id = 102');
CALL pg_temp.concerns($$INSERT INTO leadscore.scorecard (scorecard) VALUES ('fit')$$);
CALL pg_temp.concerns($$UPDATE leadscore.scorecard SET description = 'Warmth'$$);
CALL pg_temp.concerns('UPDATE leadscore.scorecard SET max_score = 100');
CALL pg_temp.concerns($$UPDATE leadscore.settings SET scoring = 'deferred', person_url = '/{person_id}'$$);
CALL pg_temp.concerns($$UPDATE leadscore.settings SET time_zone = 'Europe/Amsterdam'$$);
CALL pg_temp.concerns('TRUNCATE leadscore.rule');
CALL pg_temp.concerns('TRUNCATE leadscore.category');
-- A document that changes nothing is no edit, and one of a tenant is the tenant's.
CALL pg_temp.concerns('SELECT leadscore.import_config(leadscore.export_config()), leadscore.import_config(leadscore.export_config(''acme''), ''acme'')');
CALL pg_temp.concerns($$SELECT leadscore.import_config('{"rules": [{"name": "Mine", "points": 1}]}', 'acme')$$);
-- Several together.
CALL pg_temp.concerns('UPDATE leadscore.rule SET points = 6 WHERE rule_id IN (103, 104)', $$INSERT INTO leadscore.category (person_kind, name) VALUES ('guest', 'any')$$);
SET client_min_messages = warning;
-- A run derives them, says that it was no rebuild, and leaves nothing to do. Whom an edit does not concern it does not touch.
UPDATE leadscore.rule SET points = 30 WHERE rule_id = 104;
DELETE FROM leadscore.rule WHERE rule_id = 102;
UPDATE leadscore.rule SET person_filter = '$.region == "east"', points = 100 WHERE rule_id = 105;
-- Somebody whom a shortcut left with records of a rule that is gone.
UPDATE leadscore.person SET kind = 'guest' WHERE person_id = 2;
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
SELECT full_rebuild, persons_changed FROM leadscore.run ORDER BY run_id;
SELECT person_id, score, category FROM leadscore.person ORDER BY 1;
SELECT count(*) FROM leadscore.edited;
SELECT rebuild_due, leadscore._persons_edited() FROM leadscore.instance;
-- The same as a rebuild.
SELECT records_added, records_removed, persons_changed FROM leadscore_recompute('2026-03-01 12:00', full_rebuild => true);
-- In batches, too, and with days that pass.
UPDATE leadscore.rule SET points = 40 WHERE rule_id = 104;
UPDATE leadscore.rule SET relevant_for = '32 days' WHERE rule_id = 103;
CALL leadscore.recompute_in_batches('2026-03-05 12:00', 2);
SELECT full_rebuild, persons_due FROM leadscore.run ORDER BY run_id DESC LIMIT 1;
SELECT person_id, score, category FROM leadscore.person ORDER BY 1;
SELECT records_added, records_removed, persons_changed FROM leadscore_recompute('2026-03-05 12:00', full_rebuild => true);
-- A restored copy derives everything anew, although nothing was edited but one rule.
DELETE FROM leadscore.instance;
INSERT INTO leadscore.rule (tenant, name, points) VALUES ('acme', 'One', 1);
SELECT leadscore._persons_edited();
SELECT scored_on FROM leadscore_recompute('2026-03-05 12:00');
SELECT full_rebuild FROM leadscore.run ORDER BY run_id DESC LIMIT 1;
