-- Nights bring penalties to who is silent, one after the other or several at once, whatever else happens to the person.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
RESET ROLE;
INSERT INTO leadscore.activity_type VALUES ('job_view'), ('website_visit');
INSERT INTO leadscore.rule (name, points, relevant_for) VALUES ('Any', 100, '9 days');
-- All activity types that there are, and only of the website: who refused to be followed is exempt.
INSERT INTO leadscore.rule (name, kind, activity_types, points, inactive_for, person_kinds) VALUES ('Not seen', 'inactivity', '{job_view,website_visit}', -1000, '7 days', '{visitor}');
INSERT INTO leadscore.rule (name, kind, points, inactive_for, repeat_every, max_repeats, relevant_for, person_kinds) VALUES
    ('Silence', 'inactivity', -1, '5 days', '3 days', 3, NULL, NULL),
    ('For a while', 'inactivity', -10, '4 days', '6 days', NULL, '5 days', '{candidate}');
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('cool', -5), ('warm', 0);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, since) VALUES
    (1, 'candidate', '2026-03-01'),   -- silent
    (2, 'contact', '2026-03-01'),     -- has an activity
    (3, 'candidate', '2026-03-01'),   -- has an adjustment that starts
    (4, 'candidate', '2026-03-01'),   -- has an activity in the future
    (5, 'contact', '2026-03-08'),     -- is known from a day in the future on
    (6, 'visitor', '2026-03-01'),     -- refused
    (7, 'visitor', '2026-03-01');     -- did not
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (2, 'job_view', '2026-02-28'), (4, 'job_view', '2026-03-09');
SELECT leadscore.adjust(3, 7, 'a reason', '2026-03-06') > 0 AS adjusted;
SELECT leadscore.set_consent(6, false);
CREATE TEMP TABLE night (day date, nth_run int, standing text);
CREATE PROCEDURE pg_temp.nights(step int) LANGUAGE plpgsql AS $$
DECLARE
    differing bigint;
BEGIN
    FOR nth IN 1 .. 24 / step LOOP
        PERFORM leadscore_recompute(timestamptz '2026-03-01 12:00' + nth * step * interval '1 day');
        SELECT count(*) INTO differing FROM leadscore.verify();
        IF differing > 0 THEN
            RAISE EXCEPTION 'after % nights % rows differ', nth * step, differing;
        END IF;
        INSERT INTO night SELECT s.scored_on, step, (SELECT string_agg(p.person_id || ':' || p.score || ' ' || p.category, ', ' ORDER BY p.person_id) FROM leadscore.person p) FROM leadscore.state s;
    END LOOP;
    PERFORM leadscore_recompute('2026-03-01 12:00');
END $$;
CALL pg_temp.nights(1);
CALL pg_temp.nights(2);
CALL pg_temp.nights(6);
CALL pg_temp.nights(24);
SELECT day, standing FROM night WHERE nth_run = 1 ORDER BY day;
-- However many days a night has, it comes to the same.
SELECT n.day, n.nth_run FROM night n JOIN night o USING (day) WHERE o.nth_run = 1 AND o.standing <> n.standing;
