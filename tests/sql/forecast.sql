-- forecast(), history() and cooling() give the course of scores, exactly, if nothing more is registered.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('note');
INSERT INTO leadscore.rule (name, activity_types, points, relevant_for, decay) VALUES
    ('Call', '{call}', 10, '30 days', 'none'), ('Note', '{note}', 4, '4 days', 'linear');
INSERT INTO leadscore.rule (name, kind, points, inactive_for, repeat_every, max_repeats) VALUES ('Silence', 'inactivity', -5, '10 days', '10 days', 2);
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 5), ('hot', 20);
INSERT INTO leadscore.person (person_id, kind, owner, since) VALUES (1, 'candidate', 'Ann', '2026-02-28'), (2, 'candidate', 'Bob', '2026-02-28'), (3, 'contact', NULL, '2026-02-28');
-- 2 has a call in the agenda, which clears the penalty of 10 March and puts the next one off to 24 March.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES
    (1, 'call', '2026-02-28'), (1, 'note', '2026-03-01'), (2, 'call', '2026-02-28'), (2, 'call', '2026-02-10'), (2, 'call', '2026-03-14');
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
SELECT person_id, score, category FROM leadscore.person ORDER BY 1;
-- 10 + 4, the note falls to 0 by 5 March, silence since 1 March: -5 on the 11th and on the 21st, the call ends on 30 March.
SELECT * FROM leadscore.forecast(1, '2026-12-31');
SELECT * FROM leadscore.forecast(2, '2026-12-31');
SELECT * FROM leadscore.history(1, '2026-02-25', '2026-03-12');
SELECT * FROM leadscore.cooling(7);
SELECT * FROM leadscore.cooling(14);
SELECT * FROM leadscore.cooling(60);
-- It comes true.
CREATE TEMP TABLE foreseen AS SELECT p.person_id, f.* FROM leadscore.person p, leadscore.forecast(p.person_id, '2026-05-01') f;
CREATE TEMP TABLE seen (person_id bigint, day date, score bigint, category text);
CREATE TEMP TABLE last AS SELECT person_id, score FROM leadscore.person;
RESET ROLE;
DO $$
DECLARE on_day date;
BEGIN
    FOR on_day IN SELECT generate_series(date '2026-03-02', '2026-05-01', '1 day') LOOP
        PERFORM leadscore_recompute(on_day + time '12:00');
        INSERT INTO seen SELECT p.person_id, on_day, p.score, p.category FROM leadscore.person p JOIN last l USING (person_id) WHERE p.score <> l.score;
        UPDATE last l SET score = p.score FROM leadscore.person p WHERE p.person_id = l.person_id;
    END LOOP;
END $$;
SELECT count(*) FROM seen;
SELECT * FROM ((TABLE seen EXCEPT TABLE foreseen) UNION ALL (TABLE foreseen EXCEPT TABLE seen)) difference;
-- What cannot be foreseen.
SELECT * FROM leadscore.forecast(4, '2026-12-31');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.forecast(1, 'infinity');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.history(1, '2026-03-02', '2026-03-01');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM leadscore.cooling(0);
\echo :LAST_ERROR_SQLSTATE
