-- What happened after the day of the last run counts at once. A run to a day that is over takes it back.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (name, kind, person_kinds, activity_types, points)
VALUES ('Call', 'activity', '{candidate}', '{call}', 10), ('Call of a contact', 'activity', '{contact}', '{call}', 7);
INSERT INTO leadscore.person (person_id, kind, since) VALUES (1, 'candidate', now() - interval '9 days'), (2, 'contact', now() - interval '9 days');
SELECT count(*) FROM leadscore_recompute(now() - interval '2 days');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at)
VALUES (1, 'call', now() - interval '3 days'), (1, 'call', now()), (2, 'call', now() - interval '3 days'), (2, 'call', now());
SELECT person_id, score, scored_through = leadscore.scoring_day() AS until_today FROM leadscore.person ORDER BY 1;
UPDATE leadscore.rule SET points = 11 WHERE name = 'Call';
SELECT persons_changed FROM leadscore_recompute(now() - interval '2 days');
SELECT full_rebuild FROM leadscore.run ORDER BY run_id DESC LIMIT 1;
SELECT person_id, score, scored_through = leadscore.scoring_day() AS until_today FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();
-- A run to the present: nobody is ahead of it any more.
UPDATE leadscore.rule SET points = 12 WHERE name = 'Call';
SELECT persons_changed FROM leadscore_recompute();
SELECT person_id, score, scored_through > (SELECT scored_on FROM leadscore.state) AS ahead FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();
-- The same in batches.
INSERT INTO leadscore.person (person_id, kind, since) VALUES (3, 'candidate', now() - interval '9 days');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (3, 'call', now());
UPDATE leadscore.rule SET points = 13 WHERE name = 'Call';
RESET ROLE;
CALL leadscore.recompute_in_batches(now(), 1);
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();
