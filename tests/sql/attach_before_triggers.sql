-- The application's own BEFORE triggers, and which of leadscore's fires first: the statement works as before, and what is written back is
-- right when it ends.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE lead (id int PRIMARY KEY, stage text, score int, category text, note text);
CREATE TABLE history (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, lead_id int, stage text, at timestamptz DEFAULT '2026-02-01');
SELECT leadscore.attach_person('lead', 'lead', status => 'stage', score => 'score', category => 'category');
SELECT leadscore.attach_activity('history', 'call', person => 'lead_id', person_kind => 'lead', occurred_at => 'at');
CREATE FUNCTION keep_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO history (lead_id, stage) VALUES (OLD.id, OLD.stage);
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER keep_history BEFORE UPDATE OF stage ON lead FOR EACH ROW EXECUTE FUNCTION keep_history();
CREATE TRIGGER keep_history_deleted BEFORE DELETE ON lead FOR EACH ROW EXECUTE FUNCTION keep_history();
INSERT INTO lead VALUES (1, 'new'), (2, 'new'), (3, 'new');
UPDATE lead SET stage = 'offer' WHERE id = 1;
TABLE lead ORDER BY id;
UPDATE lead SET stage = 'offer';
TABLE lead ORDER BY id;
-- In a function, in a savepoint that is rolled back, by an upsert, by MERGE's kin.
DO $$
BEGIN
    UPDATE lead SET stage = 'won' WHERE id = 1;
    BEGIN
        UPDATE lead SET stage = 'lost' WHERE id = 2;
        RAISE EXCEPTION 'no';
    EXCEPTION WHEN raise_exception THEN NULL;
    END;
    UPDATE lead SET stage = 'won' WHERE id = 3;
END $$;
TABLE lead ORDER BY id;
INSERT INTO lead VALUES (1, 'x'), (4, 'new') ON CONFLICT (id) DO UPDATE SET stage = 'again';
WITH gone AS (DELETE FROM lead WHERE id = 4 RETURNING id), moved AS (UPDATE lead SET stage = 'cte' WHERE id = 2 RETURNING id)
INSERT INTO history (lead_id) SELECT id FROM moved;
TABLE lead ORDER BY id;
:verify
DELETE FROM lead WHERE id = 2;
SELECT external_id, score FROM leadscore.person ORDER BY 1;
SELECT external_id, count(*) FROM leadscore.waiting GROUP BY 1 ORDER BY 1;
:verify
-- The trigger writes to the same table.
CREATE FUNCTION touch_others() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE lead SET note = coalesce(note, '') || 'x' WHERE id <> NEW.id;
    INSERT INTO history (lead_id) SELECT id FROM lead;
    RETURN NEW;
END $$;
CREATE TRIGGER touch_others BEFORE UPDATE OF category ON lead FOR EACH ROW WHEN (pg_trigger_depth() = 0 AND NEW.category = 'mine') EXECUTE FUNCTION touch_others();
UPDATE lead SET category = 'mine' WHERE id = 1;
TABLE lead ORDER BY id;
:verify
-- A table that is attached as activities first and as persons second, and the other way round.
CREATE TABLE registration (id int PRIMARY KEY, lead_id int, score int);
SELECT leadscore.attach_activity('registration', 'visit', person => 'id', person_kind => 'registration');
SELECT leadscore.attach_person('registration', 'registration', score => 'score');
INSERT INTO registration VALUES (1, 1), (2, 1);
TABLE registration ORDER BY id;
DELETE FROM registration WHERE id = 1;
DELETE FROM registration;
SELECT count(*) FROM leadscore.person WHERE kind = 'registration';
:verify
RESET ROLE;
ALTER TABLE leadscore.source ALTER source_id RESTART WITH 9;
SET ROLE regress_application;
CREATE TABLE entry (id int PRIMARY KEY, score int);
SELECT leadscore.attach_activity('entry', 'visit', person => 'id', person_kind => 'entry');
SELECT leadscore.attach_person('entry', 'entry', score => 'score');
INSERT INTO entry VALUES (1), (2);
TABLE entry ORDER BY id;
DELETE FROM entry WHERE id = 1;
SELECT external_id, score FROM leadscore.person WHERE kind = 'entry';
:verify
