-- A deleted activity takes its own records alone where nothing else of the person can change; otherwise the person is derived anew.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('mail'), ('view'), ('visit');
INSERT INTO leadscore.rule (name, activity_types, condition, points, relevant_for) VALUES
    ('Call', '{call}', NULL, 10, '30 days'), ('Long call', '{call}', '{"long": true}', 5, NULL), ('Old', '{mail}', NULL, 7, '5 days');
INSERT INTO leadscore.rule (name, activity_types, points, relevant_for, decay) VALUES ('Fading', '{call}', 8, '8 days', 'linear');
INSERT INTO leadscore.rule (name, activity_types, points, max_counted) VALUES ('Views', '{view}', 3, 2);
INSERT INTO leadscore.rule (name, kind, activity_types, points, inactive_for) VALUES ('Silence', 'inactivity', '{visit}', -20, '10 days');
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 15);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, since) SELECT i, 'candidate', '2026-02-01' FROM generate_series(1, 3) i;
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at, attributes)
SELECT 100 * p + n, p, a, d::timestamptz, '{"long": true}'
FROM generate_series(1, 3) p,
     unnest('{mail,call,view,view,view,visit,call,mail}'::text[],
            '{2026-02-10,2026-02-25,2026-02-20,2026-02-21,2026-02-22,2026-02-24,2026-02-26,2026-03-01 08:00}'::text[]) WITH ORDINALITY x(a, d, n);
SELECT person_id, score, category, last_activity_at FROM leadscore.person ORDER BY 1;

CREATE TEMP VIEW told AS
SELECT string_agg(concat_ws(' ', p.score, p.category, p.last_activity_at::date, p.penalised), ', ' ORDER BY p.person_id) AS persons,
       (SELECT count(*) FROM leadscore.verify()) AS differences
FROM leadscore.person p;
-- One whose points have passed, one of two persons with a fading record, several of one person.
DELETE FROM leadscore.activity WHERE activity_id = 101;
SELECT * FROM told;
DELETE FROM leadscore.activity WHERE activity_id IN (102, 202);
SELECT * FROM told;
DELETE FROM leadscore.activity WHERE activity_id IN (302, 307);
SELECT * FROM told;
-- Of a capped rule another one counts instead; a visit brings silence back; the last one moves the day of the last activity.
DELETE FROM leadscore.activity WHERE activity_id = 105;
SELECT * FROM told;
DELETE FROM leadscore.activity WHERE activity_id = 206;
SELECT * FROM told;
DELETE FROM leadscore.activity WHERE activity_id = 308;
SELECT * FROM told;
-- Another is inserted and one deleted by the same statement.
WITH gone AS (DELETE FROM leadscore.activity WHERE activity_id = 107)
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', '2026-03-01 09:00');
SELECT * FROM told;
-- Points of another scorecard, or with a limit, do not simply add up.
INSERT INTO leadscore.scorecard (scorecard, part_of, max_score) VALUES ('some', 'main', 12);
UPDATE leadscore.rule SET scorecard = 'some' WHERE name = 'Call';
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at) VALUES (901, 2, 'call', '2026-02-28'), (902, 2, 'call', '2026-02-28');
DELETE FROM leadscore.activity WHERE activity_id = 901;
SELECT * FROM told;
