-- Who a visitor is becomes known later, and what the visitor did before counts from its own day.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
RESET ROLE;
INSERT INTO leadscore.activity_type VALUES ('job_view'), ('website_visit'), ('application');
INSERT INTO leadscore.rule (name, activity_types, points) VALUES ('Job view', '{job_view}', 10), ('Visit', '{website_visit}', 1), ('Application', '{application}', 100);
INSERT INTO leadscore.person (person_id, kind, external_id) VALUES (1, 'candidate', 'a'), (2, 'candidate', 'b'), (3, 'contact', 'a');
CREATE FUNCTION pg_temp.ago(days int) RETURNS text LANGUAGE sql RETURN to_char((now() - days * interval '1 day') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"');
CREATE FUNCTION pg_temp.see(event text, visitor text, days int, id text DEFAULT NULL) RETURNS jsonb LANGUAGE sql
RETURN leadscore.track(jsonb_strip_nulls(jsonb_build_object('event', event, 'visitor', visitor, 'at', pg_temp.ago(days), 'consent', true, 'id', id))) -> 'taken';
CREATE FUNCTION pg_temp.tie(visitor text, person text, days int) RETURNS jsonb LANGUAGE sql
RETURN leadscore.track(jsonb_build_object('type', 'identify', 'anonymousId', visitor, 'userId', person, 'timestamp', pg_temp.ago(days), 'context', '{"consent": true}'::jsonb)) -> 'taken';
CREATE VIEW pg_temp.visit AS
SELECT a.person_id, p.score, a.activity_type, leadscore.scoring_day() - leadscore.scoring_day(a.occurred_at) AS days_ago
FROM leadscore.activity a JOIN leadscore.person p USING (person_id);

SELECT pg_temp.see('jobview', 'v1', 20), pg_temp.see('pageview', 'v1', 10);
SELECT count(*) FROM leadscore.activity;
SELECT pg_temp.tie('v1', 'candidate:a', 5);
SELECT * FROM pg_temp.visit ORDER BY days_ago DESC;
-- Whoever is identified goes on to be known.
SELECT pg_temp.see('jobview', 'v1', 4);
SELECT person_id, score FROM leadscore.person ORDER BY 1;

-- A shared computer: each visit belongs to the last person who was identified up to it.
SELECT pg_temp.tie('v1', 'candidate:b', 3);
SELECT pg_temp.see('jobview', 'v1', 2), pg_temp.see('jobview', 'v1', 4);
SELECT * FROM pg_temp.visit ORDER BY days_ago DESC, person_id;
-- The order in which this becomes known changes nothing: the tie of 15 days ago comes last.
SELECT pg_temp.tie('v1', 'contact:a', 15);
SELECT * FROM pg_temp.visit ORDER BY days_ago DESC, person_id;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();

-- A person whom the application brings later.
SELECT pg_temp.see('jobview', 'v2', 9), pg_temp.tie('v2', 'candidate:new', 8), leadscore.track('{"event": "conversion", "person": "candidate:new", "consent": true}') -> 'taken';
SELECT count(*) FILTER (WHERE person_id IS NULL) AS waiting FROM leadscore.event;
INSERT INTO leadscore.person (person_id, kind, external_id) VALUES (4, 'candidate', 'new');
SELECT * FROM pg_temp.visit WHERE person_id = 4 ORDER BY days_ago DESC;
-- A late tie to somebody who is not known yet takes visits along, and gives them back.
SELECT pg_temp.tie('v2', 'candidate:newer', 20);
SELECT person_id, score FROM leadscore.person WHERE person_id = 4;
SELECT pg_temp.tie('v2', 'candidate:newer', 10);
SELECT pg_temp.see('jobview', 'v2', 9);
SELECT person_id, score FROM leadscore.person WHERE person_id = 4;
INSERT INTO leadscore.person (person_id, kind, external_id) VALUES (5, 'candidate', 'newer');
SELECT * FROM pg_temp.visit WHERE person_id IN (4, 5) ORDER BY days_ago DESC;

-- Two visitors turn out to be one, of whom one is known; then both are.
SELECT pg_temp.see('jobview', 'v3', 7), pg_temp.see('pageview', 'v4', 6), pg_temp.tie('v3', 'contact:a', 5);
SELECT leadscore.track('{"type": "alias", "previousId": "v4", "anonymousId": "v3"}') -> 'taken';
SELECT pg_temp.see('pageview', 'v4', 1);
SELECT * FROM pg_temp.visit WHERE person_id = 3 ORDER BY days_ago DESC;
-- An alias that names a person ties the earlier visitor.
SELECT pg_temp.see('jobview', 'v5', 3), leadscore.track('{"type": "alias", "previousId": "v5", "userId": "contact:a"}') -> 'taken';
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();

-- A merged person's key leads to the one that stays.
SELECT leadscore.merge_person(2, 1);
SELECT pg_temp.see('pageview', 'v1', 0), pg_temp.tie('v6', 'candidate:b', 0), pg_temp.see('pageview', 'v6', 0);
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT DISTINCT person_id FROM leadscore.visitor_person ORDER BY 1;
SELECT * FROM leadscore.verify();
-- A forgotten person leaves nothing; others who shared a computer keep theirs.
SELECT leadscore.forget_person(1);
SELECT person_id, count(*) FROM leadscore.event GROUP BY 1 ORDER BY 1;
SELECT v.anonymous_id, t.person_id FROM leadscore.visitor v LEFT JOIN leadscore.visitor_person t USING (visitor_id) ORDER BY 1, 2;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();
TRUNCATE leadscore.person;
SELECT (SELECT count(*) FROM leadscore.event) AS events, (SELECT count(*) FROM leadscore.visitor) AS visitors, (SELECT count(*) FROM leadscore.visitor_person) AS ties;
