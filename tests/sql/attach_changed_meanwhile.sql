-- What one attachment of a table brings over may, by triggers of the application, change rows that another one, or the rest of the
-- statement, has yet to bring over: each row is in the end what it is by then.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
RESET ROLE;
INSERT INTO leadscore.activity_type VALUES ('call'), ('visit');
INSERT INTO leadscore.rule (name, points, condition) VALUES ('Any', 10, NULL), ('Wien', 100, '{"city": "Wien"}');
INSERT INTO leadscore.rule (name, kind, points, inactive_for) VALUES ('Silence', 'inactivity', -5, '30 days');
SELECT count(*) FROM leadscore_recompute();
CREATE SCHEMA app;
CREATE TABLE app.place (id int PRIMARY KEY, city text);
CREATE TABLE app.candidate (id int PRIMARY KEY, score int);
CREATE TABLE app.contact (id int PRIMARY KEY, score int);
CREATE TABLE app.link (id int PRIMARY KEY, candidate_id int, contact_id int, place_id int REFERENCES app.place, at timestamptz DEFAULT now() - interval '2 days', note text);
CREATE INDEX ON app.link (place_id);
INSERT INTO app.place VALUES (1, 'Linz'), (2, 'Wien');
INSERT INTO app.candidate SELECT g FROM generate_series(1, 12) g;
INSERT INTO app.contact SELECT g FROM generate_series(1, 12) g;
SELECT leadscore.attach_person('app.candidate', 'candidate', score => 'score');
SELECT leadscore.attach_person('app.contact', 'contact', score => 'score');
SELECT leadscore.attach_activity('app.link', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{place_id.city}', label => 'a');
SELECT leadscore.attach_activity('app.link', 'visit', person => 'contact_id', person_kind => 'contact', occurred_at => 'at', attributes => '{place_id.city}', label => 'b');
CREATE VIEW app.expected AS
SELECT 'candidate' AS kind, l.candidate_id::text AS person, l.id::text AS key, l.at, p.city FROM app.link l LEFT JOIN app.place p ON p.id = l.place_id
UNION ALL SELECT 'contact', l.contact_id::text, l.id::text, l.at, p.city FROM app.link l LEFT JOIN app.place p ON p.id = l.place_id;
CREATE VIEW app.actual AS
SELECT p.kind, p.external_id AS person, a.source_key AS key, a.occurred_at AS at, (SELECT max(v) FROM jsonb_each_text(a.attributes) x(k, v)) AS city
FROM leadscore.activity a JOIN leadscore.person p USING (person_id);
-- What is not as it should be.
CREATE FUNCTION app.wrong() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT 'missing ' || x::text FROM (SELECT * FROM app.expected EXCEPT ALL SELECT * FROM app.actual) x
    UNION ALL SELECT 'stray ' || x::text FROM (SELECT * FROM app.actual EXCEPT ALL SELECT * FROM app.expected) x
    UNION ALL SELECT 'verify ' || v::text FROM leadscore.verify() v
    UNION ALL SELECT 'shown ' || p::text FROM leadscore.person p
    WHERE p.score IS DISTINCT FROM coalesce((SELECT c.score FROM app.candidate c WHERE p.kind = 'candidate' AND c.id::text = p.external_id),
                                            (SELECT c.score FROM app.contact c WHERE p.kind = 'contact' AND c.id::text = p.external_id))
$$;
CREATE FUNCTION app.moves() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    UPDATE app.link SET contact_id = 6, candidate_id = 5, note = 'moved' WHERE note IS NULL;
    RETURN NULL;
END $$;
CREATE FUNCTION app.deletes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    DELETE FROM app.link WHERE note = 'goes';
    RETURN NULL;
END $$;
CREATE FUNCTION app.renames() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    UPDATE app.link SET note = 'renamed' WHERE note = 'renames';
    IF FOUND THEN
        UPDATE app.place SET city = CASE city WHEN 'Wien' THEN 'Graz' ELSE 'Wien' END WHERE id = 1;
    END IF;
    RETURN NULL;
END $$;
-- Tries each trigger on each table that is written meanwhile, with statements for one row and for several.
CREATE PROCEDURE app.try() LANGUAGE plpgsql AS $$
DECLARE
    written text;
    act     text;
    wrong   text;
    tried   int := 0;
BEGIN
    FOREACH written IN ARRAY ARRAY['leadscore.person', 'leadscore.activity', 'app.candidate', 'app.contact'] LOOP
        FOREACH act IN ARRAY ARRAY['moves', 'deletes', 'renames'] LOOP
            TRUNCATE app.link;
            UPDATE app.place SET city = 'Linz' WHERE id = 1;
            EXECUTE format('CREATE TRIGGER meanwhile AFTER INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION app.%s()', written, act);
            INSERT INTO app.link VALUES (1, 1, 1, 1);
            INSERT INTO app.link SELECT g, g, 13 - g, 1 + g % 2, now() - interval '3 days', CASE g WHEN 4 THEN 'goes' WHEN 5 THEN 'renames' END FROM generate_series(2, 6) g;
            UPDATE app.link SET at = at - interval '1 day', note = NULL, contact_id = 7 WHERE id = 1;
            UPDATE app.link SET at = at - interval '1 day', note = CASE id WHEN 2 THEN 'goes' WHEN 3 THEN 'renames' END, candidate_id = 1 + candidate_id % 12;
            UPDATE app.place SET city = city || '!' WHERE id = 2;
            tried := tried + 5;
            FOR wrong IN SELECT w FROM app.wrong() w LOOP
                RAISE WARNING '% by %: %', act, written, wrong;
            END LOOP;
            EXECUTE format('DROP TRIGGER meanwhile ON %s', written);
            COMMIT;
        END LOOP;
    END LOOP;
    RAISE NOTICE '%: % statements', current_setting('transaction_isolation'), tried;
END $$;
SET client_min_messages = notice;
CALL app.try();
SET default_transaction_isolation = 'repeatable read';
CALL app.try();
