-- The columns of the worklist share what the first of them reads of a person: no longer than each would read the same.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('note');
INSERT INTO leadscore.rule (name, activity_types, points, relevant_for) VALUES ('Call', '{call}', 10, '30 days'), ('Note', '{note}', 4, '10 days');
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 15);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, since) VALUES (1, 'candidate', '2026-01-01');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', '2026-02-20');

-- Within one statement of the session, and back again when a savepoint is rolled back.
SET client_min_messages = notice;
DO $$
DECLARE
    w text;
BEGIN
    SELECT concat_ws('; ', score, change_7, change_30, last_activity, outlook, why) INTO w FROM leadscore.worklist;
    RAISE NOTICE 'first: %', w;
    INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'note', '2026-02-28');
    SELECT concat_ws('; ', score, change_7, change_30, last_activity, outlook, why) INTO w FROM leadscore.worklist;
    RAISE NOTICE 'a note more: %', w;
    BEGIN
        DELETE FROM leadscore.activity a WHERE a.activity_type = 'call';
        INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'note', '2026-03-01'), (1, 'note', '2026-03-01');
        SELECT concat_ws('; ', score, change_7, change_30, last_activity, outlook, why) INTO w FROM leadscore.worklist;
        RAISE NOTICE 'three notes: %', w;
        RAISE EXCEPTION 'back';
    EXCEPTION WHEN raise_exception THEN
        SELECT concat_ws('; ', score, change_7, change_30, last_activity, outlook, why) INTO w FROM leadscore.worklist;
        RAISE NOTICE 'back: %', w;
    END;
    UPDATE leadscore.rule r SET name = 'Phone' WHERE r.name = 'Call';
    SELECT concat_ws('; ', score, change_7, change_30, last_activity, outlook, why) INTO w FROM leadscore.worklist;
    RAISE NOTICE 'another name: %', w;
    UPDATE leadscore.person p SET active = false WHERE p.person_id = 1;
    SELECT concat_ws('; ', leadscore._outlook(1, 'cold'), leadscore._top_rules(1)) INTO w;
    RAISE NOTICE 'not active: "%"', w;
    DELETE FROM leadscore.person p WHERE p.person_id = 1;
    SELECT concat_ws('; ', leadscore._outlook(1, 'cold'), leadscore._top_rules(1), leadscore._change(1, 0, 7)) INTO w;
    RAISE NOTICE 'gone: "%"', w;
END $$;

-- Who may not read has no part in what another role read a moment ago.
INSERT INTO leadscore.person (person_id, kind, since) VALUES (2, 'candidate', '2026-01-01');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (2, 'call', '2026-02-20');
RESET ROLE;
CREATE ROLE regress_reader;
GRANT USAGE ON SCHEMA leadscore TO regress_reader;
DO $$
BEGIN
    RAISE NOTICE '%', leadscore._top_rules(2);
    SET LOCAL ROLE regress_reader;
    RAISE NOTICE '%', leadscore._top_rules(2);
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE '%', SQLERRM;
END $$;
REVOKE USAGE ON SCHEMA leadscore FROM regress_reader;
DROP ROLE regress_reader;
