-- A trigger of the application on an attached table changes more of its rows in a savepoint, which it keeps or rolls back: what the
-- statement itself changed is taken either way.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
RESET ROLE;
CREATE TABLE stage (id int PRIMARY KEY, name text);
CREATE TABLE candidate (id bigint PRIMARY KEY, status text, stage_id int REFERENCES stage, score bigint, category text);
INSERT INTO stage VALUES (1, 'early'), (2, 'late');
INSERT INTO candidate (id, status, stage_id) SELECT i, 'open', 1 FROM generate_series(1, 4) i;
INSERT INTO leadscore.rule (name, kind, statuses, points) VALUES
    ('Open', 'profile', '{open}', 1), ('Busy', 'profile', '{busy}', 2), ('Late', 'profile', '{late}', 4), ('Changed', 'profile', '{changed}', 8);
SELECT FROM leadscore_recompute();
SELECT leadscore.attach_person('candidate', 'candidate', key => 'id', status => 'status', score => 'score', category => 'category');
CREATE TEMP VIEW told AS
SELECT string_agg(concat_ws(' ', c.id, c.status, c.score), ', ' ORDER BY c.id) AS candidates, (SELECT count(*) FROM leadscore.verify()) AS differences
FROM candidate c;
-- Says by the status what it does to which row: its own or the fourth one.
CREATE FUNCTION changes() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    whom bigint := CASE WHEN NEW.status LIKE '%own%' THEN NEW.id ELSE 4 END;
BEGIN
    IF NEW.status NOT LIKE '%+%' OR pg_trigger_depth() > 1 THEN
        RETURN NULL;
    END IF;
    BEGIN
        BEGIN
            UPDATE candidate SET status = 'changed', score = 77 WHERE id = whom;
            IF NEW.status LIKE '%inner%' THEN
                RAISE EXCEPTION 'not so';
            END IF;
        EXCEPTION WHEN raise_exception THEN
            NULL;
        END;
        IF NEW.status LIKE '%outer%' THEN
            RAISE EXCEPTION 'not so';
        END IF;
    EXCEPTION WHEN raise_exception THEN
        NULL;
    END;
    RETURN NULL;
END $$;
CREATE PROCEDURE try() LANGUAGE plpgsql AS $$
DECLARE
    what text;
    line text;
BEGIN
    FOREACH what IN ARRAY '{own+, own+inner, own+outer, other+, other+inner, other+outer}'::text[] LOOP
        INSERT INTO leadscore.rule (name, kind, statuses, points) VALUES (what, 'profile', ARRAY[what], 100) ON CONFLICT DO NOTHING;
        PERFORM leadscore_recompute();
        UPDATE candidate SET status = what, score = 55 WHERE id IN (1, 2);
        SELECT concat_ws('; ', told.candidates, told.differences) INTO line FROM told;
        RAISE NOTICE '%: %', what, line;
        UPDATE candidate SET status = 'open';
        -- A page that fills up within one transaction meets an assertion of PostgreSQL's own (a row that is locked, updated in a savepoint
        -- that is rolled back, and updated to another page).
        COMMIT;
    END LOOP;
END $$;
SET client_min_messages = notice;
-- Before leadscore's own triggers, and after them.
CREATE TRIGGER a_changes AFTER UPDATE ON candidate FOR EACH ROW EXECUTE FUNCTION changes();
CALL try();
ALTER TRIGGER a_changes ON candidate RENAME TO z_changes;
CALL try();
DROP TRIGGER z_changes ON candidate;
SET client_min_messages = warning;

-- The same of a table that the rows reach.
SELECT leadscore.detach('candidate', keep => false);
SELECT leadscore.attach_person('candidate', 'candidate', key => 'id', status => 'stage_id.name', score => 'score', category => 'category');
CREATE FUNCTION tries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE stage SET name = 'busy' WHERE id = 3 - NEW.id;
    RAISE EXCEPTION 'not so';
EXCEPTION WHEN raise_exception THEN
    RETURN NULL;
END $$;
CREATE TRIGGER a_tries AFTER UPDATE ON stage FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION tries();
UPDATE candidate SET stage_id = 2 WHERE id > 2;
UPDATE stage SET name = 'late' WHERE id = 1;
SELECT * FROM told;
ALTER TRIGGER a_tries ON stage RENAME TO z_tries;
UPDATE stage SET name = 'open' WHERE id = 1;
SELECT * FROM told;
