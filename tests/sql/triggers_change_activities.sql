-- A trigger of somebody else's on leadscore.person changes activities of the person whose score is just being written.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
RESET ROLE;
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (name, points, relevant_for, max_counted) VALUES ('Any', 10, NULL, NULL), ('Capped', 3, '300 days', 1);
INSERT INTO leadscore.rule (name, kind, points, inactive_for) VALUES ('Silence', 'inactivity', -5, '30 days');
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 20);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, since) SELECT g, 'candidate', '2026-01-01' FROM generate_series(1, 3) g;
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) SELECT g, g, 'call', timestamptz '2026-02-20 12:00' FROM generate_series(1, 3) g;
ALTER TABLE leadscore.activity ALTER activity_id RESTART WITH 100;
CREATE FUNCTION changes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    UPDATE leadscore.activity SET occurred_at = occurred_at - interval '1 day' WHERE person_id = NEW.person_id;
    RETURN NULL;
END $$;
CREATE TRIGGER changes AFTER UPDATE ON leadscore.person FOR EACH ROW WHEN (pg_trigger_depth() < 2) EXECUTE FUNCTION changes();
-- An activity changes, one comes, one goes, and of several persons at once.
UPDATE leadscore.activity SET occurred_at = occurred_at - interval '1 day' WHERE person_id = 1;
UPDATE leadscore.activity SET occurred_at = occurred_at - interval '1 day' WHERE person_id IN (1, 2);
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (11, 1, 'call', '2026-02-25'), (12, 2, 'call', '2026-02-25');
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (13, 1, 'call', '2026-02-26');
DELETE FROM leadscore.activity WHERE activity_id IN (11, 12);
SELECT * FROM leadscore.verify();
SELECT person_id, activity_id, occurred_at FROM leadscore.activity ORDER BY 1, 2;
SELECT person_id, score, category, last_activity_at FROM leadscore.person ORDER BY 1;
-- One that adds an activity, and one that deletes all of them.
CREATE OR REPLACE FUNCTION changes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (NEW.person_id, 'call', '2026-02-27');
    RETURN NULL;
END $$;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (3, 'call', '2026-02-28');
SELECT * FROM leadscore.verify();
SELECT score, last_activity_at FROM leadscore.person WHERE person_id = 3;
CREATE OR REPLACE FUNCTION changes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    DELETE FROM leadscore.activity WHERE person_id = NEW.person_id;
    RETURN NULL;
END $$;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (3, 'call', '2026-02-28'), (2, 'call', '2026-02-28');
SELECT * FROM leadscore.verify();
SELECT person_id, score, last_activity_at FROM leadscore.person WHERE person_id IN (2, 3) ORDER BY 1;
-- The night's own writes do the same.
INSERT INTO leadscore.person (person_id, kind, since) SELECT g, 'candidate', '2026-02-10' FROM generate_series(4, 6) g;
CREATE OR REPLACE FUNCTION changes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (NEW.person_id, 'call', '2026-03-05');
    RETURN NULL;
END $$;
SELECT scored_on FROM leadscore_recompute('2026-03-20 12:00');
SELECT * FROM leadscore.verify();
SELECT scored_on FROM leadscore_recompute('2026-03-21 12:00', full_rebuild => true);
SELECT * FROM leadscore.verify();
SELECT person_id, score FROM leadscore.person ORDER BY 1;
