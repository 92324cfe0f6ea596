-- forget_tenant(): nothing of a tenant remains in any table of leadscore, and nothing of anybody else goes with it.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (company text, id bigint, name text, state text, score int, PRIMARY KEY (company, id));
CREATE TABLE call (id bigint PRIMARY KEY, company text, candidate_id bigint, at timestamptz, note text);
SELECT leadscore.attach_person('candidate', 'candidate', tenant => 'company', name => 'name', status => 'state', score => 'score');
SELECT leadscore.attach_activity('call', 'call', person => 'company, candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{note}', tenant => 'company');
RESET ROLE;
INSERT INTO leadscore.activity_type VALUES ('page') ON CONFLICT DO NOTHING;
INSERT INTO leadscore.event_type VALUES ('look', 'page', true);
INSERT INTO leadscore.scorecard (scorecard) VALUES ('fit');
INSERT INTO leadscore.rule (name, kind, points, inactive_for, repeat_every) VALUES ('Silence', 'inactivity', -1, '5 days', '1 month');
-- Words that are nowhere else: 4711 and up are keys of zugzwang alone, but 4712 is somebody of the other tenant, too.
INSERT INTO leadscore.rule (tenant, name, points, activity_types) VALUES ('zugzwang', 'Gobbledygook', 5, '{call}'), ('zugzwang', 'Pages', 2, '{page}'), ('other', 'Calls', 6, '{call}');
INSERT INTO leadscore.category (tenant, scorecard, name, min_score) VALUES ('zugzwang', 'main', 'Quintessa', NULL), ('zugzwang', 'main', 'top', 5), ('zugzwang', 'fit', 'any', NULL),
    ('other', 'main', 'cold', NULL), ('other', 'main', 'top', 5);
SELECT scored_on FROM leadscore_recompute('2026-03-02 12:00');
UPDATE leadscore.category SET name = 'Quintessential' WHERE name = 'Quintessa';
SET ROLE regress_application;
INSERT INTO candidate VALUES ('zugzwang', 4711, 'Wilhelmina', 'new'), ('zugzwang', 4712, 'Wilhelm', 'new'), ('zugzwang', 4713, 'Double', 'new'), ('other', 4712, 'Somebody', 'new'), ('other', 5000, 'Mover', 'new');
INSERT INTO call VALUES (1, 'zugzwang', 4711, '2026-03-01', 'gobbledygook'), (2, 'zugzwang', 4713, '2026-03-02', NULL), (3, 'other', 4712, '2026-03-01', NULL),
    (4, 'zugzwang', 4799, '2026-03-01', 'gobbledygook'), (5, 'other', 4799, '2026-03-01', NULL);
RESET ROLE;
CREATE FUNCTION pg_temp.id(whose text, key text) RETURNS bigint LANGUAGE sql AS $$ SELECT person_id FROM leadscore.person WHERE tenant = whose AND external_id = concat(whose, ',', key) $$;
SELECT leadscore.adjust(pg_temp.id('zugzwang', '4711'), 50, 'gobbledygook', '2026-02-01') > 0 AND leadscore.adjust(pg_temp.id('zugzwang', '4711'), 1, 'fits', '2026-02-01', scorecard => 'fit') > 0
   AND leadscore.adjust(pg_temp.id('other', '4712'), 50, 'a hint', '2026-02-01') > 0 AS adjusted;
SELECT leadscore.merge_person(pg_temp.id('zugzwang', '4713'), pg_temp.id('zugzwang', '4711'));
SELECT leadscore.set_consent(pg_temp.id('zugzwang', '4711'), true), leadscore.set_consent(pg_temp.id('other', '4712'), true);
SELECT leadscore.track('[{"event": "identify", "visitor": "gobbledygook-1", "person": "candidate:zugzwang,4711", "consent": true},
                         {"event": "look", "visitor": "gobbledygook-1", "consent": true, "id": "gobbledygook-2"}, {"event": "look", "visitor": "gobbledygook-3", "consent": true},
                         {"event": "look", "person": "candidate:zugzwang,4777", "consent": true}]', 'zugzwang') -> 'taken' AS taken;
SELECT leadscore.track('{"event": "look", "visitor": "v1", "person": "candidate:other,4712", "consent": true}', 'other') -> 'taken' AS taken;
-- Somebody who came from the tenant and is another's now.
UPDATE leadscore.category SET name = 'Quintessence' WHERE name = 'Quintessential';
UPDATE leadscore.rule SET points = 7 WHERE name = 'Gobbledygook';
SELECT scored_on FROM leadscore_recompute('2026-03-03 12:00');
UPDATE leadscore.category SET name = 'Quintessa' WHERE name = 'Quintessence';
UPDATE app.candidate SET company = 'zugzwang' WHERE id = 5000;
INSERT INTO app.call VALUES (6, 'zugzwang', 5000, '2026-03-01', NULL);
DELETE FROM app.call WHERE id = 6;
UPDATE app.candidate SET company = 'other' WHERE id = 5000;
CREATE TEMP TABLE ids AS SELECT person_id FROM leadscore.person WHERE tenant = 'zugzwang';
CREATE FUNCTION pg_temp.traces() RETURNS TABLE (place text, n bigint) LANGUAGE plpgsql AS $$
DECLARE
    t regclass;
BEGIN
    FOR t IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'leadscore'::regnamespace AND c.relkind = 'r' ORDER BY c.relname COLLATE "C" LOOP
        RETURN QUERY EXECUTE format('SELECT %L, count(*) FROM %s t WHERE to_jsonb(t)->>''person_id'' IN (SELECT person_id::text FROM ids) OR t::text ~* ''zugzwang|gobbledygook|Quintess|Wilhelm'' AND to_jsonb(t)->>''tenant'' IS DISTINCT FROM ''other'' HAVING count(*) > 0', t::text, t);
    END LOOP;
END $$;
CREATE TABLE pg_temp.others (place text, rows text);
CREATE FUNCTION pg_temp.others() RETURNS TABLE (place text, rows text) LANGUAGE plpgsql AS $$
DECLARE
    t regclass;
BEGIN
    FOR t IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'leadscore'::regnamespace AND c.relkind = 'r' LOOP
        RETURN QUERY EXECUTE format('SELECT %L, md5(string_agg(t::text, '';'' ORDER BY t::text)) FROM %s t WHERE NOT (to_jsonb(t) ? ''person_id'' AND to_jsonb(t)->>''person_id'' IN (SELECT person_id::text FROM ids)) AND coalesce(to_jsonb(t)->>''tenant'', '''') <> ''zugzwang'' AND t::text !~* ''gobbledygook|Quintess'' ', t::text, t);
    END LOOP;
END $$;
SELECT * FROM pg_temp.traces();
INSERT INTO others SELECT * FROM pg_temp.others();
-- What it refuses.
SELECT leadscore.forget_tenant(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.forget_tenant('');
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_application;
SELECT leadscore.forget_tenant('zugzwang');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
-- With the application's rows still there: they stay as they are.
CREATE TEMP TABLE rows_before AS SELECT c.ctid AS at, c.xmin AS by, c.* FROM app.candidate c;
BEGIN;
UPDATE leadscore.rule SET points = 8 WHERE name = 'Gobbledygook';
SELECT * FROM leadscore.forget_tenant('zugzwang');
COMMIT;
SELECT * FROM pg_temp.traces();
SELECT o.place FROM pg_temp.others() o JOIN pg_temp.others b USING (place) WHERE o.rows IS DISTINCT FROM b.rows ORDER BY 1;
SELECT count(*) AS rows, count(b.id) AS untouched FROM app.candidate c LEFT JOIN rows_before b ON b.at = c.ctid AND b.by = c.xmin;
SELECT tenant, external_id, score, category FROM leadscore.person ORDER BY 1, 2;
-- Nothing comes back by itself. The next run looks for persons of the tenant alone, and there are none.
SELECT rebuild_due, leadscore._persons_edited() FROM leadscore.instance;
SELECT scored_on FROM leadscore_recompute('2026-03-04 12:00');
SELECT full_rebuild FROM leadscore.run ORDER BY run_id DESC LIMIT 1;
SELECT * FROM pg_temp.traces();
SELECT item, stored IS NULL AS not_there FROM leadscore.verify() ORDER BY item;
SELECT * FROM leadscore.forget_tenant('zugzwang');
-- A row that the application still writes, or a resync(), brings it again: its rows go first, or afterwards.
UPDATE app.candidate SET state = 'left' WHERE company = 'zugzwang' AND id = 4711;
SELECT tenant, external_id FROM leadscore.person WHERE tenant = 'zugzwang';
DELETE FROM app.call WHERE company = 'zugzwang';
DELETE FROM app.candidate WHERE company = 'zugzwang';
SELECT * FROM pg_temp.traces();
SELECT * FROM leadscore.verify();
-- The application's rows first, in one transaction.
INSERT INTO app.candidate VALUES ('zugzwang', 4711, 'Wilhelmina', 'new');
INSERT INTO app.call VALUES (7, 'zugzwang', 4711, '2026-03-01', 'gobbledygook'), (8, 'zugzwang', 4799, '2026-03-01', NULL);
TRUNCATE ids;
INSERT INTO ids SELECT person_id FROM leadscore.person WHERE tenant = 'zugzwang';
BEGIN;
DELETE FROM app.call WHERE company = 'zugzwang';
DELETE FROM app.candidate WHERE company = 'zugzwang';
SELECT * FROM leadscore.forget_tenant('zugzwang');
COMMIT;
SELECT * FROM pg_temp.traces();
SELECT * FROM leadscore.verify();
-- A tenant with rules alone; what was due for others stays due.
INSERT INTO leadscore.rule (tenant, name, points) VALUES ('zugzwang', 'Gobbledygook', 1);
UPDATE leadscore.rule SET points = 9 WHERE tenant = 'other';
SELECT * FROM leadscore.forget_tenant('zugzwang');
SELECT i.rebuild_due, e.tenant FROM leadscore.instance i, leadscore.edited e ORDER BY e.tenant;
-- Where everybody is due, everybody stays so.
INSERT INTO leadscore.rule (tenant, name, points) VALUES ('zugzwang', 'Gobbledygook', 1);
BEGIN;
DELETE FROM leadscore.edited;
SELECT * FROM leadscore.forget_tenant('zugzwang');
SELECT rebuild_due, leadscore._persons_edited() FROM leadscore.instance;
ROLLBACK;
SELECT * FROM leadscore.forget_tenant('zugzwang');
SELECT scored_on FROM leadscore_recompute('2026-03-04 12:00');
-- In deferred mode, with a person that is pending.
UPDATE leadscore.settings SET scoring = 'deferred';
INSERT INTO leadscore.person (person_id, tenant, kind, since) VALUES (1000, 'zugzwang', 'candidate', '2026-03-01');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1000, 'call', '2026-03-01');
SELECT * FROM leadscore.forget_tenant('zugzwang');
SELECT leadscore.score_pending();
SELECT * FROM pg_temp.traces();
SELECT * FROM leadscore.verify();
DROP SCHEMA app CASCADE;
