-- What somebody adds to leadscore's own tables (triggers, checks, NOT NULL, generated columns, columns with a default,
-- policies, publications, indexes) takes effect in what leadscore writes, in every isolation level, and doctor() tells
-- what makes that slow.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
RESET ROLE;
\set slow 'SELECT severity, finding, remedy FROM leadscore.doctor() WHERE finding LIKE ''%slow'''
SET client_min_messages = error;
\set VERBOSITY terse
INSERT INTO leadscore.activity_type VALUES ('call'), ('visit'), ('letter');
INSERT INTO leadscore.rule (name, activity_types, points, relevant_for, max_counted) VALUES ('call', '{call}', 5, '30 days', 2);
INSERT INTO leadscore.rule (name, activity_types, points) VALUES ('visit', '{visit}', 3);
INSERT INTO leadscore.rule (name, kind, points, inactive_for) VALUES ('silence', 'inactivity', -1, '10 days');
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 5);
SELECT FROM leadscore_recompute();
INSERT INTO leadscore.person (person_id, kind) SELECT g, 'lead' FROM generate_series(1, 9) g;
:slow;

-- A trigger on the score, which a new activity changes; one on another column does not fire, and slows nothing down.
CREATE TABLE audit (nth int GENERATED ALWAYS AS IDENTITY, tg text, person_id bigint, row_before text, row_after text);
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.audit (tg, person_id, row_before, row_after) VALUES (
        format('%s %s %s', TG_NAME, TG_OP, TG_TABLE_NAME), CASE TG_OP WHEN 'DELETE' THEN OLD.person_id ELSE NEW.person_id END,
        CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) ->> TG_ARGV[0] END, CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) ->> TG_ARGV[0] END);
    RETURN NULL;
END $$;
CREATE TRIGGER owners AFTER UPDATE OF owner ON leadscore.person FOR EACH ROW EXECUTE FUNCTION audit('owner');
CREATE TABLE of_application (person_id bigint REFERENCES leadscore.person ON DELETE CASCADE);
:slow;
CREATE TRIGGER scores AFTER UPDATE OF score ON leadscore.person FOR EACH ROW EXECUTE FUNCTION audit('score');
:slow;
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (1, 'call');
BEGIN ISOLATION LEVEL REPEATABLE READ;
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (2, 'call');
COMMIT;
INSERT INTO leadscore.activity (person_id, activity_type) SELECT 3 + g % 2, 'call' FROM generate_series(1, 40) g;
SELECT FROM leadscore.adjust(1, 4, 'gift');
SELECT FROM leadscore_recompute(now() + interval '31 days');
SELECT FROM leadscore_recompute();
SELECT tg, person_id, row_before, row_after FROM audit ORDER BY nth;
SELECT * FROM leadscore.verify();
TRUNCATE audit;
DROP TRIGGER scores ON leadscore.person;

-- On the tables of what is derived, inserted and deleted.
CREATE TRIGGER records AFTER INSERT OR DELETE ON leadscore.score_record FOR EACH ROW EXECUTE FUNCTION audit('points');
CREATE TRIGGER days AFTER INSERT OR DELETE ON leadscore.due FOR EACH ROW EXECUTE FUNCTION audit('person_id');
CREATE TRIGGER changes AFTER INSERT ON leadscore.category_change FOR EACH ROW EXECUTE FUNCTION audit('to_category');
CREATE TRIGGER activities AFTER INSERT ON leadscore.activity FOR EACH ROW EXECUTE FUNCTION audit('activity_type');
:slow;
CREATE TABLE visit (id int PRIMARY KEY, person text);
UPDATE leadscore.person SET external_id = person_id;
SELECT leadscore.attach_activity('visit', 'visit', person => 'person', person_kind => 'lead');
INSERT INTO visit VALUES (1, '5');
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (5, 'call'), (5, 'call'), (5, 'call');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (6, 'call', now() + interval '3 days');
DELETE FROM leadscore.activity WHERE person_id IN (5, 6) AND source_id IS NULL;
SELECT tg, person_id, row_before, row_after FROM audit ORDER BY nth;
SELECT * FROM leadscore.verify();
-- A record has all its columns, whichever way it is stored.
INSERT INTO leadscore.scorecard (scorecard) VALUES ('fit');
INSERT INTO leadscore.rule (name, scorecard, activity_types, points, decay, half_life) VALUES ('letter', 'fit', '{letter}', 40, 'halving', '1 month 3 days');
SELECT FROM leadscore_recompute();
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (8, 'letter');
ALTER TABLE leadscore.score_record DISABLE TRIGGER records;
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (8, 'letter');
SELECT points, kind, half_life, scorecard, decays_until FROM leadscore.score_record WHERE person_id = 8 ORDER BY activity_id;
SELECT score FROM leadscore.person_score WHERE person_id = 8;
SELECT * FROM leadscore.verify();
DELETE FROM leadscore.activity WHERE person_id = 8;
DELETE FROM leadscore.rule WHERE name = 'letter';
DELETE FROM leadscore.scorecard WHERE scorecard = 'fit';
SELECT FROM leadscore_recompute();
-- The triggers stop doing anything when they are disabled, and so does what is slow.
ALTER TABLE leadscore.score_record DISABLE TRIGGER records;
ALTER TABLE leadscore.due DISABLE TRIGGER days;
ALTER TABLE leadscore.category_change DISABLE TRIGGER changes;
ALTER TABLE leadscore.activity DISABLE TRIGGER activities;
:slow;

-- A BEFORE trigger has its word.
CREATE FUNCTION assign() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.owner := 'Ann at ' || NEW.score; RETURN NEW; END $$;
CREATE TRIGGER assign BEFORE UPDATE ON leadscore.person FOR EACH ROW WHEN (NEW.score > 5) EXECUTE FUNCTION assign();
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (7, 'call');
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (7, 'call');
SELECT score, owner FROM leadscore.person WHERE person_id = 7;
DROP TRIGGER assign ON leadscore.person;

-- Checks and NOT NULL refuse.
ALTER TABLE leadscore.person ADD CONSTRAINT modest CHECK (score < 12);
ALTER TABLE leadscore.score_record ADD CONSTRAINT of_today CHECK (counts_from >= '2020-01-01');
ALTER TABLE leadscore.score_record ALTER COLUMN counts_until SET NOT NULL;
:slow;
INSERT INTO leadscore.score_record (person_id, points, counts_from) VALUES (8, 1, now());
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (8, 'visit');
ALTER TABLE leadscore.score_record ALTER COLUMN counts_until DROP NOT NULL;
INSERT INTO leadscore.activity (person_id, activity_type) SELECT 8, 'visit' FROM generate_series(1, 3);
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (8, 'visit');
BEGIN ISOLATION LEVEL REPEATABLE READ;
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (8, 'visit');
ROLLBACK;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (9, 'visit', '2019-06-01');
ALTER TABLE leadscore.person DROP CONSTRAINT modest;
ALTER TABLE leadscore.score_record DROP CONSTRAINT of_today;
-- Also the one of leadscore's own, and one that holds of new rows alone.
ALTER TABLE leadscore.person ADD CONSTRAINT small CHECK (score < 12) NOT VALID;
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (8, 'visit');
ALTER TABLE leadscore.person DROP CONSTRAINT small;
DELETE FROM leadscore.category;
SELECT FROM leadscore_recompute();
UPDATE leadscore.person SET category = 'none';
ALTER TABLE leadscore.person ALTER COLUMN category SET NOT NULL;
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (8, 'visit');
ALTER TABLE leadscore.person ALTER COLUMN category DROP NOT NULL;
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 5);
SELECT FROM leadscore_recompute();

-- Generated columns and columns with a default, for rows of leadscore's own making.
ALTER TABLE leadscore.score_record ADD COLUMN half int GENERATED ALWAYS AS (points / 2) STORED, ADD COLUMN noted text NOT NULL DEFAULT 'yes';
ALTER TABLE leadscore.due ADD COLUMN noted text DEFAULT 'yes';
ALTER TABLE leadscore.category_change ADD COLUMN noted text DEFAULT 'yes';
ALTER TABLE leadscore.activity ADD COLUMN noted text, ADD COLUMN remark text;
ALTER TABLE leadscore.activity ALTER COLUMN noted SET DEFAULT 'yes';
:slow;
TRUNCATE leadscore.category_change;
DELETE FROM leadscore.activity WHERE source_id IS NULL;
INSERT INTO visit VALUES (2, '1');
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (1, 'call');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (2, 'call', now() + interval '3 days');
SELECT person_id, score FROM leadscore.person WHERE person_id < 3 ORDER BY 1;
SELECT person_id, points, kind, half, noted FROM leadscore.score_record ORDER BY 1, 2;
SELECT person_id, noted FROM leadscore.due ORDER BY 1;
SELECT person_id, noted FROM leadscore.category_change ORDER BY change_id;
SELECT person_id, activity_type, noted, remark FROM leadscore.activity ORDER BY activity_id;
SELECT * FROM leadscore.verify();
ALTER TABLE leadscore.score_record DROP COLUMN half, DROP COLUMN noted;
ALTER TABLE leadscore.due DROP COLUMN noted;
ALTER TABLE leadscore.category_change DROP COLUMN noted;
ALTER TABLE leadscore.activity DROP COLUMN noted;
-- A column that is NULL in new rows is nobody's concern, and neither are those that are gone.
:slow;
INSERT INTO visit VALUES (3, '1');
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (1, 'call');
SELECT * FROM leadscore.verify();

-- A publication and a replica identity that do not go together refuse what they refuse of any statement.
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (3, 'call'), (3, 'call');
CREATE PUBLICATION additions FOR TABLE leadscore.score_record;
ALTER TABLE leadscore.score_record REPLICA IDENTITY NOTHING;
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (3, 'call');
ALTER TABLE leadscore.score_record REPLICA IDENTITY FULL;
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (3, 'call');
ALTER PUBLICATION additions SET TABLE leadscore.person WHERE (score > 5);
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (3, 'visit');
ALTER TABLE leadscore.person REPLICA IDENTITY FULL;
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (3, 'visit');
DROP PUBLICATION additions;
SELECT * FROM leadscore.verify();

-- An index in another order of strings finds other rows: keys that differ in case are two persons.
-- A server that was built without ICU has no such order.
SELECT EXISTS (SELECT FROM pg_collation WHERE collname LIKE '%-x-icu') AS has_icu \gset
\if :has_icu
CREATE COLLATION public.careless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
\endif
UPDATE leadscore.person SET external_id = CASE person_id WHEN 4 THEN 'KEY' ELSE 'key' END WHERE person_id IN (3, 4);
\if :has_icu
CREATE INDEX other_order ON leadscore.person (kind COLLATE public.careless, external_id COLLATE public.careless) WHERE external_id IS NOT NULL;
\endif
CREATE INDEX other_class ON leadscore.person (kind text_pattern_ops, external_id text_pattern_ops) WHERE external_id IS NOT NULL;
-- The oldest index has the lowest number.
REINDEX INDEX CONCURRENTLY leadscore.person_key_idx;
INSERT INTO visit VALUES (4, 'KEY'), (5, 'key');
INSERT INTO visit VALUES (6, 'KEY');
INSERT INTO visit VALUES (7, 'Key');
SELECT a.source_key, p.external_id, p.person_id FROM leadscore.activity a JOIN leadscore.person p USING (person_id) WHERE a.source_key::int > 3 ORDER BY 1;
:slow;
\if :has_icu
DROP INDEX leadscore.other_order;
\endif
DROP INDEX leadscore.other_class;

-- Policies that are forced on the owner decide what leadscore writes, when the owner is no superuser.
CREATE ROLE regress_owner;
GRANT regress_owner TO CURRENT_USER;
GRANT CREATE, USAGE ON SCHEMA leadscore TO regress_owner;
DO $$
DECLARE
    command text;
BEGIN
    FOR command IN
        SELECT format('ALTER %s %s OWNER TO regress_owner', CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, oid::regclass)
        FROM pg_class WHERE relnamespace = 'leadscore'::regnamespace AND relkind IN ('r', 'v')
        UNION ALL
        SELECT format('ALTER ROUTINE %s OWNER TO regress_owner', oid::regprocedure) FROM pg_proc WHERE pronamespace = 'leadscore'::regnamespace
    LOOP
        EXECUTE command;
    END LOOP;
END $$;
ALTER TABLE leadscore.score_record ENABLE ROW LEVEL SECURITY;
:slow;
ALTER TABLE leadscore.score_record FORCE ROW LEVEL SECURITY;
CREATE POLICY small ON leadscore.score_record USING (true) WITH CHECK (points < 5);
:slow;
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (9, 'visit');
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (9, 'call');
BEGIN ISOLATION LEVEL REPEATABLE READ;
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (9, 'call');
ROLLBACK;
ALTER TABLE leadscore.score_record NO FORCE ROW LEVEL SECURITY;
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (9, 'call');
SELECT score FROM leadscore.person WHERE person_id = 9;
RESET ROLE;
REASSIGN OWNED BY regress_owner TO CURRENT_USER;
DROP OWNED BY regress_owner;
DROP ROLE regress_owner;
