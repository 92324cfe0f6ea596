-- Row triggers of the application on leadscore's own tables change again what a statement is about, before leadscore hears of it.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
RESET ROLE;
INSERT INTO leadscore.activity_type VALUES ('call'), ('mail');
INSERT INTO leadscore.rule (name, activity_types, statuses, points) VALUES ('Call', '{call}', NULL, 10), ('Mail', '{mail}', '{open}', 7);
INSERT INTO leadscore.rule (name, kind, statuses, points) VALUES ('Open', 'profile', '{open}', 1), ('Busy', 'profile', '{busy}', 2);
INSERT INTO leadscore.rule (name, kind, points, inactive_for) VALUES ('Silence', 'inactivity', -20, '60 days');
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, since) SELECT i, 'candidate', '2026-02-01' FROM generate_series(1, 6) i;
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at)
SELECT 10 * p + n, p, a, d::timestamptz
FROM generate_series(1, 6) p, unnest('{call,mail,call}'::text[], '{2026-02-10,2026-02-11,2026-02-25}'::text[]) WITH ORDINALITY x(a, d, n);
CREATE TEMP VIEW told AS
SELECT string_agg(concat_ws(' ', p.person_id, p.status, p.score), ', ' ORDER BY p.person_id) AS persons,
       (SELECT count(*) FROM leadscore.verify()) AS differences
FROM leadscore.person p;
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE TG_ARGV[0] USING OLD, NEW;
    RETURN NULL;
END $$;

-- What is deleted comes back, as it was or as something else.
CREATE TRIGGER a_back AFTER DELETE ON leadscore.activity FOR EACH ROW
EXECUTE FUNCTION again('INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at)
                        VALUES (($1).activity_id, ($1).person_id, CASE ($1).person_id WHEN 1 THEN ($1).activity_type ELSE ''mail'' END, ($1).occurred_at)');
DELETE FROM leadscore.activity WHERE activity_id IN (11, 21);
SELECT * FROM told;
DROP TRIGGER a_back ON leadscore.activity;

-- What is inserted goes, or becomes what no rule asks for, or somebody else's.
CREATE TRIGGER a_gone AFTER INSERT ON leadscore.activity FOR EACH ROW
EXECUTE FUNCTION again('DELETE FROM leadscore.activity a WHERE (a.person_id, a.activity_id) = (($2).person_id, ($2).activity_id)');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (3, 'call', '2026-02-20'), (4, 'call', '2026-02-28');
SELECT * FROM told;
DROP TRIGGER a_gone ON leadscore.activity;
CREATE TRIGGER a_other AFTER INSERT ON leadscore.activity FOR EACH ROW
EXECUTE FUNCTION again('UPDATE leadscore.activity a SET activity_type = ''mail'' WHERE (a.person_id, a.activity_id) = (($2).person_id, ($2).activity_id)');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (3, 'call', '2026-02-20'), (4, 'call', '2026-02-28');
SELECT * FROM told;
DROP TRIGGER a_other ON leadscore.activity;
CREATE TRIGGER a_moved AFTER INSERT ON leadscore.activity FOR EACH ROW
EXECUTE FUNCTION again('UPDATE leadscore.activity a SET person_id = 5 WHERE (a.person_id, a.activity_id) = (($2).person_id, ($2).activity_id)');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (3, 'call', '2026-02-21'), (4, 'call', '2026-02-21');
SELECT * FROM told;
DROP TRIGGER a_moved ON leadscore.activity;

-- A change of status within a status' own statement, kept and rolled back.
CREATE TRIGGER a_status AFTER UPDATE OF status ON leadscore.person FOR EACH ROW WHEN (NEW.status = 'open')
EXECUTE FUNCTION again('UPDATE leadscore.person p SET status = ''busy'' WHERE p.person_id = ($2).person_id AND p.person_id > 2');
UPDATE leadscore.person SET status = 'open' WHERE person_id IN (1, 3);
SELECT * FROM told;
DROP TRIGGER a_status ON leadscore.person;
CREATE FUNCTION tried() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE leadscore.person p SET status = 'busy' WHERE p.person_id = NEW.person_id;
    RAISE EXCEPTION 'not so';
EXCEPTION WHEN raise_exception THEN
    RETURN NULL;
END $$;
CREATE TRIGGER a_tried AFTER UPDATE OF status ON leadscore.person FOR EACH ROW WHEN (NEW.status = 'open') EXECUTE FUNCTION tried();
UPDATE leadscore.person SET status = 'open' WHERE person_id IN (1, 2, 4, 5);
SELECT * FROM told;
DROP TRIGGER a_tried ON leadscore.person;

-- A new person is changed, or has an activity, before its own statement is over.
CREATE TRIGGER a_new AFTER INSERT ON leadscore.person FOR EACH ROW
EXECUTE FUNCTION again('UPDATE leadscore.person p SET status = ''busy'' WHERE p.person_id = ($2).person_id AND p.name = ''changed''');
CREATE TRIGGER b_new AFTER INSERT ON leadscore.person FOR EACH ROW
EXECUTE FUNCTION again('INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT ($2).person_id, ''call'', ''2026-02-27'' WHERE ($2).name = ''active''');
INSERT INTO leadscore.person (person_id, kind, name, status, since)
SELECT 6 + n, 'candidate', name, 'open', '2025-12-01' FROM unnest('{changed,active,neither}'::text[]) WITH ORDINALITY x(name, n);
SELECT * FROM told;
SELECT count(*) FROM leadscore.score_record r WHERE r.person_id > 6;
-- Or is gone, or somebody else has its id.
CREATE TRIGGER c_new AFTER INSERT ON leadscore.person FOR EACH ROW WHEN (NEW.name IN ('gone', 'again'))
EXECUTE FUNCTION again('DELETE FROM leadscore.person p WHERE p.person_id = ($2).person_id');
CREATE TRIGGER d_new AFTER INSERT ON leadscore.person FOR EACH ROW WHEN (NEW.name = 'again')
EXECUTE FUNCTION again('INSERT INTO leadscore.person (person_id, kind, name, status, since) VALUES (($2).person_id, ''candidate'', ''new'', ''busy'', ($2).since)');
INSERT INTO leadscore.person (person_id, kind, name, status, since)
SELECT 9 + n, 'candidate', name, 'open', since FROM unnest('{gone,again,again,neither}'::text[], '{2025-12-01,2025-12-01,2026-02-01,2025-12-01}'::date[]) WITH ORDINALITY x(name, since, n);
SELECT * FROM told;
SELECT person_id, count(*) FROM leadscore.score_record r WHERE r.person_id > 9 GROUP BY 1 ORDER BY 1;
SELECT person_id, count(*) FROM leadscore.due WHERE person_id > 9 GROUP BY 1 ORDER BY 1;
DELETE FROM leadscore.person WHERE person_id > 9;
DROP TRIGGER c_new ON leadscore.person;
DROP TRIGGER d_new ON leadscore.person;
DROP TRIGGER a_new ON leadscore.person;
DROP TRIGGER b_new ON leadscore.person;

-- What rules look at is set by a BEFORE trigger, in an UPDATE that does not name it, or that writes a score.
CREATE FUNCTION set_it() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.name = 'turning' THEN
        NEW.status := CASE NEW.status WHEN 'open' THEN 'busy' ELSE 'open' END;
    ELSIF NEW.name = 'told' THEN
        NEW.attributes := jsonb_build_object('score', NEW.score);
    ELSIF NEW.name = 'moved' THEN
        NEW.tenant := 'acme';
    ELSIF NEW.name = 'nameless' THEN
        NEW.tenant := '';
    ELSE
        NEW.status := 'open';
    END IF;
    RETURN NEW;
END $$;
UPDATE leadscore.person SET status = NULL;
INSERT INTO leadscore.rule (tenant, name, activity_types, points) VALUES ('acme', 'Call', '{call}', 100);
INSERT INTO leadscore.rule (name, kind, person_filter, points) VALUES ('Over 20', 'profile', '$.score > 20', 50);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
CREATE TRIGGER b_set BEFORE UPDATE ON leadscore.person FOR EACH ROW EXECUTE FUNCTION set_it();
UPDATE leadscore.person SET name = 'anybody' WHERE person_id = 1;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (2, 'call', '2026-02-27');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT i, 'mail', '2026-02-26' FROM generate_series(3, 5) i, generate_series(1, 2);
SELECT * FROM told;
DELETE FROM leadscore.activity WHERE activity_id = 61;
SELECT * FROM told;
UPDATE leadscore.person SET name = 'moved' WHERE person_id IN (1, 2);
UPDATE leadscore.person SET name = 'told', status = NULL WHERE person_id = 3;
SELECT * FROM told;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (3, 'call', '2026-02-27');
SELECT * FROM told;
SELECT leadscore.adjust(4, 5, 'Met', '2026-02-01', '2026-03-02');
SELECT scored_on, persons_changed FROM leadscore_recompute('2026-05-05 12:00');
SELECT * FROM told;
-- What cannot be is refused, however it comes about.
UPDATE leadscore.person SET name = 'nameless' WHERE person_id = 4;
-- One that turns whenever its score is written is exact no longer, and yet no statement fails or hangs.
UPDATE leadscore.person SET name = 'turning' WHERE person_id = 5;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (5, 'call', '2026-05-01');
SELECT array_agg(DISTINCT person_id) FROM leadscore.verify();
DROP TRIGGER b_set ON leadscore.person;
SELECT scored_on FROM leadscore_recompute('2026-05-05 12:00', full_rebuild => true);
SELECT * FROM told;
