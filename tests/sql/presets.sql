-- The presets load, in English and in Dutch, and score as they say.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
SELECT leadscore.load_preset('recruitment');
SELECT (SELECT count(*) FROM leadscore.activity_type) AS types, (SELECT count(*) FROM leadscore.rule) AS rules, (SELECT count(*) FROM leadscore.category) AS categories;
SELECT name, min_score FROM leadscore.category ORDER BY min_score NULLS FIRST, name;
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, status, since) VALUES (1, 'candidate', 'active', '2026-02-01'), (2, 'contact', NULL, '2026-01-01'), (3, 'candidate', 'placed', '2025-06-01');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes) VALUES
    (1, 'appointment', '2026-02-20', NULL),                    -- 10 for 60 days
    (1, 'call', '2026-02-25', NULL), (1, 'call', '2026-02-25', NULL),   -- 5 for 30 days, one a day
    (1, 'email', '2026-02-26', '{"direction": "in"}'),         -- 2 for an e-mail and 3 for writing it
    (1, 'interview', '2026-02-01', NULL);                      -- 20 over 60 days, of which 2 April - 1 March = 32 are left: 10.67 is 11
-- 1: 10 + 5 + 5 + 11 = 31, lukewarm. 2, silent since 1 January: -10 on 15 February, the next one on 17 March.
-- 3, silent since 1 June 2025: 3 x -10 for silence, 2 x -5 for not being spoken to, 2 x -10 for no aftercare: -60.
SELECT person_id, score, category FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();
-- An appointment of today gives 10 and ends every silence: 41, 10 and 10.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT g, 'appointment', '2026-03-01' FROM generate_series(1, 3) g;
SELECT person_id, score, category FROM leadscore.person ORDER BY 1;
-- Loaded again it changes nothing.
SELECT leadscore.export_config() AS before \gset
SELECT leadscore.load_preset('recruitment');
SELECT leadscore.export_config() = :'before' AS same;

-- Dutch beside English: types and rules are added, the categories are of one language.
SELECT leadscore.load_preset('recruitment_nl');
-- 2 x 14 types, 2 x 20 rules.
SELECT (SELECT count(*) FROM leadscore.activity_type) AS types, (SELECT count(*) FROM leadscore.rule) AS rules, (SELECT count(*) FROM leadscore.category) AS categories;
SELECT name, min_score FROM leadscore.category ORDER BY min_score NULLS FIRST, name;
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, status, since) VALUES (11, 'kandidaat', 'actief', '2026-02-01'), (12, 'contactpersoon', NULL, '2026-01-01'), (13, 'kandidaat', 'geplaatst', '2025-06-01');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes) VALUES
    (11, 'afspraak', '2026-02-20', NULL), (11, 'telefoongesprek', '2026-02-25', NULL), (11, 'telefoongesprek', '2026-02-25', NULL),
    (11, 'e-mail', '2026-02-26', '{"richting": "in"}'), (11, 'klantgesprek', '2026-02-01', NULL);
-- The same points under Dutch names: 31 lauw, -10 koud, -60 koud. The English ones keep their 41, 10 and 10, in Dutch categories.
SELECT person_id, score, category FROM leadscore.person ORDER BY 1;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT g, 'afspraak', '2026-03-01' FROM generate_series(11, 13) g;
SELECT person_id, score, category FROM leadscore.person WHERE person_id > 10 ORDER BY 1;
SELECT * FROM leadscore.verify();
-- There is no other one.
SELECT leadscore.load_preset('sales');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.load_preset(NULL);
\echo :LAST_ERROR_SQLSTATE
-- Each preset carries tests: played with real persons, one after the other, they hold.
\set QUIET on
CREATE FUNCTION pg_temp.play(preset text) RETURNS TABLE (test text, expected jsonb, score bigint) LANGUAGE plpgsql AS $$
DECLARE
    t  jsonb;
    id bigint;
BEGIN
    DELETE FROM leadscore.person;
    PERFORM leadscore.import_config(leadscore._preset(preset) - 'tests');
    FOR t IN SELECT jsonb_array_elements(leadscore._preset(preset) -> 'tests') LOOP
        id := coalesce(id, 1000) + 1;
        INSERT INTO leadscore.person (person_id, kind, status, since, attributes)
        VALUES (id, t #>> '{person,kind}', t #>> '{person,status}', (t #>> '{person,since}')::date, t #> '{person,attributes}');
        INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes)
        SELECT id, a ->> 'activity_type', (a ->> 'on')::timestamptz, a -> 'attributes' FROM jsonb_array_elements(t -> 'activities') a;
        RETURN QUERY SELECT t ->> 'name', e, leadscore.score_at(id, (e ->> 'on')::date, coalesce(e ->> 'scorecard', 'main')) FROM jsonb_array_elements(t -> 'expect') e;
    END LOOP;
END $$;
\set QUIET off
SELECT test, expected ->> 'on' AS "on", expected ->> 'scorecard' AS scorecard, score, score = (expected ->> 'score')::bigint AS as_expected FROM pg_temp.play('recruitment');
SELECT test, expected ->> 'on' AS "on", expected ->> 'scorecard' AS scorecard, score, score = (expected ->> 'score')::bigint AS as_expected FROM pg_temp.play('recruitment_nl');
-- As the tests that they are, with their categories.
SELECT p.name, count(*) AS expectations, count(*) FILTER (WHERE NOT t.passed) AS failed
FROM unnest('{recruitment,recruitment_nl}'::text[]) p(name), leadscore.test_config(leadscore._preset(p.name)) t GROUP BY 1 ORDER BY 1;
