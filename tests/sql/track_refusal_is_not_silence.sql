-- A person who refused is not punished by rules that look at website activity alone.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
RESET ROLE;
INSERT INTO leadscore.activity_type VALUES ('job_view'), ('website_visit'), ('application');
INSERT INTO leadscore.rule (name, activity_types, points) VALUES ('Job view', '{job_view}', 10), ('Visit', '{website_visit}', 1), ('Application', '{application}', 100);
INSERT INTO leadscore.person (person_id, kind, external_id) VALUES (1, 'candidate', 'a'), (2, 'candidate', 'b'), (3, 'contact', 'a');
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (name, kind, activity_types, points, inactive_for) VALUES
    ('Not on the website', 'inactivity', '{job_view,website_visit}', -5, '10 days'),
    ('No application', 'inactivity', '{application}', -50, '10 days'),          -- the office registers those too
    ('No visit, no call', 'inactivity', '{website_visit,call}', -500, '10 days');
INSERT INTO leadscore.person (person_id, kind, external_id, since) VALUES (11, 'candidate', 'x', now() - interval '40 days'), (12, 'candidate', 'y', now() - interval '40 days');
SELECT scored_on = leadscore.scoring_day() FROM leadscore_recompute();
SELECT person_id, score FROM leadscore.person WHERE person_id > 10 ORDER BY 1;
SELECT leadscore.set_consent(11, false);
SELECT person_id, score FROM leadscore.person WHERE person_id > 10 ORDER BY 1;
SELECT * FROM leadscore.verify();
SELECT persons_changed FROM leadscore_recompute(full_rebuild => true);
SELECT leadscore.score_at(11, leadscore.scoring_day()), leadscore.score_at(12, leadscore.scoring_day());
-- Consent again: silence counts again.
SELECT pg_sleep(0.01);
SELECT leadscore.track('{"type": "identify", "userId": "candidate:x", "context": {"consent": true}}') -> 'taken' AS taken;
SELECT person_id, score FROM leadscore.person WHERE person_id > 10 ORDER BY 1;
SELECT * FROM leadscore.verify();
-- Which types are of the website alone is the business's to say, and takes effect at the next run like any rule.
SELECT leadscore.set_consent(12, false);
INSERT INTO leadscore.event_type VALUES ('conversion', 'application', true);
SELECT person_id, score FROM leadscore.person WHERE person_id = 12;
SELECT persons_changed FROM leadscore_recompute();
SELECT person_id, score FROM leadscore.person WHERE person_id = 12;
SELECT * FROM leadscore.verify();
-- The refusal of a merged person holds for the one that stays.
SELECT leadscore.track('[{"event": "jobview", "visitor": "v", "consent": true}, {"type": "identify", "anonymousId": "v", "userId": "candidate:x"}]') -> 'taken' AS taken;
SELECT leadscore.merge_person(12, 11);
SELECT p.person_id, p.score, c.refused FROM leadscore.person p JOIN leadscore.person_consent c USING (person_id);
SELECT * FROM leadscore.verify();
