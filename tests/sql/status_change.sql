-- A status that changes changes what the rules for that status give, and nothing else.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('visit');
INSERT INTO leadscore.rule (rule_id, name, activity_types, points, relevant_for) VALUES (1, 'Call', '{call}', 10, '30 days');
INSERT INTO leadscore.rule (rule_id, name, activity_types, points, statuses, relevant_for, decay)
VALUES (2, 'Call of somebody open', '{call}', 100, '{open}', '20 days', 'linear');
INSERT INTO leadscore.rule (rule_id, name, activity_types, points, statuses, max_counted)
VALUES (3, 'Latest visit of somebody placed', '{visit}', 1000, '{placed}', 1);
INSERT INTO leadscore.rule (rule_id, name, kind, points, inactive_for, statuses)
VALUES (4, 'Silence of somebody lost', 'inactivity', -7, '5 days', '{lost}');
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 50);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, status, since) VALUES (1, 'candidate', 'new', '2020-01-01'), (2, 'candidate', 'new', '2020-01-01');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES
    (1, 'call', '2026-02-19'), (1, 'call', '2026-02-01'), (1, 'visit', '2026-02-10'), (1, 'visit', '2026-02-11'), (2, 'call', '2026-03-01');
CREATE VIEW pg_temp.standing AS
SELECT p.person_id, p.status, p.score, p.category, array_agg(s.rule_id ORDER BY s.rule_id, s.counts_from) AS rules,
       (SELECT count(*) FROM leadscore.verify()) AS differences
FROM leadscore.person p LEFT JOIN leadscore.score_record s ON s.person_id = p.person_id
GROUP BY p.person_id, p.status, p.score, p.category ORDER BY p.person_id;
SELECT * FROM pg_temp.standing;
-- One rule begins to apply, to a call that is half over, and none to one that is over: 10 + 50.
UPDATE leadscore.person SET status = 'open';
SELECT * FROM pg_temp.standing;
UPDATE leadscore.person SET status = NULL;
SELECT * FROM pg_temp.standing;
-- No rule tells these from each other.
UPDATE leadscore.person SET status = 'unknown' WHERE person_id = 2;
SELECT * FROM pg_temp.standing;
-- A cap and a silence look at more than one activity.
UPDATE leadscore.person SET status = CASE person_id WHEN 1 THEN 'placed' ELSE 'lost' END;
SELECT * FROM pg_temp.standing;
UPDATE leadscore.person SET status = 'lost' WHERE person_id = 1;
SELECT * FROM pg_temp.standing;
UPDATE leadscore.person SET status = 'open';
SELECT * FROM pg_temp.standing;
SELECT person_id, from_category, to_category, score FROM leadscore.category_change ORDER BY change_id;
