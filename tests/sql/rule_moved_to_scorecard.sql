-- Between the edit that moves a rule to another scorecard and the next run its records are of the one that it had: nobody's score on main
-- loses what it never had.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.scorecard (scorecard) VALUES ('fit');
INSERT INTO leadscore.rule (name, scorecard, activity_types, points, max_counted) VALUES ('Call', 'fit', '{call}', 10, NULL), ('Two calls', 'fit', '{call}', 100, 2);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, since) SELECT i, 'candidate', '2026-02-01' FROM generate_series(1, 3) i;
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at)
SELECT 10 * p + n, p, 'call', '2026-02-10'::timestamptz + n * interval '1 day' FROM generate_series(1, 3) p, generate_series(1, 3) n;
CREATE TEMP VIEW told AS
SELECT p.person_id, p.score, s.score AS fit FROM leadscore.person p JOIN leadscore.person_score s USING (person_id) ORDER BY p.person_id;
SELECT * FROM told;
UPDATE leadscore.rule SET scorecard = 'main' WHERE name = 'Two calls';
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', '2026-02-20');
DELETE FROM leadscore.rule WHERE name = 'Two calls';
SELECT * FROM told;
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
UPDATE leadscore.rule SET scorecard = 'main', statuses = '{open}' WHERE name = 'Call';
UPDATE leadscore.person SET status = 'open' WHERE person_id = 2;
SELECT * FROM told;
UPDATE leadscore.rule SET statuses = NULL WHERE name = 'Call';
DELETE FROM leadscore.activity WHERE activity_id = 31;
SELECT * FROM told;
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
SELECT * FROM told;
SELECT * FROM leadscore.verify();
