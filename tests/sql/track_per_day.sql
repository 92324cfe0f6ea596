-- Visits of a day count once, or so many times, with max_per_day, like any activity; a day is a local one.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
RESET ROLE;
UPDATE leadscore.settings SET time_zone = 'Asia/Tokyo';
INSERT INTO leadscore.activity_type VALUES ('job_view'), ('website_visit');
INSERT INTO leadscore.rule (name, activity_types, points, max_per_day) VALUES ('Visit', '{website_visit}', 1, 1), ('Job view', '{job_view}', 10, 2);
INSERT INTO leadscore.person (person_id, kind, external_id) VALUES (1, 'candidate', 'a'), (2, 'candidate', 'b');
-- Noon in Tokyo so many days ago, and so many hours later.
CREATE FUNCTION pg_temp.at(days int, hours int) RETURNS text LANGUAGE sql
RETURN to_char(((leadscore.scoring_day() - days + time '12:00') AT TIME ZONE 'Asia/Tokyo' + hours * interval '1 hour') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"');
-- Five pages and three jobs on one day, one of each on the next: 1 + 20, and 1 + 10.
SELECT leadscore.track(jsonb_agg(jsonb_build_object('event', e.event, 'person', 'candidate:a', 'consent', true, 'at', pg_temp.at(e.days, e.hours)))) -> 'taken' AS taken
FROM (SELECT 'pageview' AS event, 5 AS days, h AS hours FROM generate_series(-11, 11, 5) h
      UNION ALL SELECT 'jobview', 5, h FROM generate_series(-10, 10, 10) h
      UNION ALL SELECT 'pageview', 4, -12
      UNION ALL SELECT 'jobview', 4, 0) e;
SELECT score FROM leadscore.person WHERE person_id = 1;
-- Of a visitor who is identified later, one by one.
SELECT leadscore.track(jsonb_build_object('event', 'pageview', 'visitor', 'v', 'consent', true, 'at', pg_temp.at(3, h))) -> 'taken' AS taken FROM generate_series(0, 2) h;
SELECT leadscore.track('{"type": "identify", "anonymousId": "v", "userId": "candidate:b"}') -> 'taken' AS taken;
SELECT score FROM leadscore.person WHERE person_id = 2;
SELECT * FROM leadscore.verify();
