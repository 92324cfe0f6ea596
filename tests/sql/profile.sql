-- A profile rule gives one record for what a person is, from the day of since on; a change of status, kind, attributes or since takes effect at once.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.rule (rule_id, name, kind, points, person_kinds, statuses, person_filter, relevant_for, decay, half_life, effective_from) VALUES
    (1, 'Placed', 'profile', 100, '{candidate}', '{placed}', NULL, NULL, 'none', NULL, NULL),
    (2, 'In the west', 'profile', 10, NULL, NULL, '$.region == "west" && $.hourly_rate < 80', NULL, 'none', NULL, NULL),
    (3, 'New', 'profile', 1000, '{contact}', NULL, NULL, '10 days', 'linear', NULL, NULL),
    (4, 'Remembered', 'profile', 5, NULL, '{known}', NULL, NULL, 'halving', '1 month', '2026-02-10'),
    (5, 'Not skilled', 'profile', -1, NULL, NULL, '!($.skills[*] == "java")', NULL, 'none', NULL, NULL);
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 10), ('hot', 100);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, status, since, attributes) VALUES (1, 'candidate', 'placed', '2026-02-20', '{"region": "west", "hourly_rate": 79.5, "skills": ["c", "java"]}'),
    (2, 'candidate', NULL, '2026-02-20', NULL), (3, 'contact', 'known', '2026-02-26', '{"skills": "java"}'), (4, 'candidate', 'placed', '2026-03-05', '[]');
SELECT person_id, score, category FROM leadscore.person ORDER BY 1;
SELECT person_id, rule_id, activity_id, points, counts_from, counts_until FROM leadscore.score_record ORDER BY 1, 2;
-- At once, in either direction: status, attributes, kind, since.
UPDATE leadscore.person SET status = 'open' WHERE person_id = 1;
SELECT score AS "10", category FROM leadscore.person WHERE person_id = 1;
UPDATE leadscore.person SET attributes = attributes || '{"hourly_rate": 80}' WHERE person_id = 1;
SELECT score AS "0", category FROM leadscore.person WHERE person_id = 1;
UPDATE leadscore.person SET attributes = NULL, status = 'placed' WHERE person_id = 1;
SELECT score AS "99", category FROM leadscore.person WHERE person_id = 1;
UPDATE leadscore.person SET kind = 'contact', status = 'known', since = '2026-02-25' WHERE person_id = 1;
-- 6 of 10 days of New are left on 1 March, 5 of Remembered since 25 February, and -1.
SELECT score AS "604", category FROM leadscore.person WHERE person_id = 1;
UPDATE leadscore.person SET since = '2026-02-01' WHERE person_id = 1;
SELECT score AS "4", category FROM leadscore.person WHERE person_id = 1;
-- Nothing changes for who has another attribute of which no rule asks, and nothing is written.
SELECT xmin AS before FROM leadscore.score_record WHERE person_id = 1 AND rule_id = 4 \gset
UPDATE leadscore.person SET attributes = '{"shoe_size": 43}' WHERE person_id = 1;
SELECT xmin = :'before'::xid AS untouched FROM leadscore.score_record WHERE person_id = 1 AND rule_id = 4;
SELECT from_category, to_category, score FROM leadscore.category_change WHERE person_id = 1 ORDER BY change_id;
SELECT * FROM leadscore.verify();
-- Several persons by one statement.
UPDATE leadscore.person SET attributes = '{"region": "west", "hourly_rate": 1, "skills": ["java"]}';
SELECT person_id, score, category FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();
-- The halving of months, from effective_from on: 5 from 10 February, 3 from 10 March, 1 from 10 April and from 10 May, 0 from 10 June.
SELECT on_day, leadscore.score_at(1, on_day) - 10 AS points
FROM unnest('{2026-02-09,2026-02-10,2026-03-09,2026-03-10,2026-04-09,2026-04-10,2026-05-10,2026-06-09,2026-06-10,9999-12-31}'::date[]) on_day;
-- Days pass.
SELECT scored_on FROM leadscore_recompute('2026-03-05 12:00');
SELECT person_id, score, category FROM leadscore.person ORDER BY 1;
SELECT scored_on FROM leadscore_recompute('2026-03-10 12:00');
SELECT person_id, score, category FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();
-- Why, and why not.
SELECT rule, points, counts, counts_from, counts_until, why FROM leadscore.explain(3);
SELECT rule, points, counts, counts_from, counts_until, why FROM leadscore.explain(2);
SELECT rule, points, counts, counts_from, why FROM leadscore.explain(4, '2026-03-04');
-- Not active, and active again.
UPDATE leadscore.person SET active = false WHERE person_id = 3;
SELECT score, category FROM leadscore.person WHERE person_id = 3;
UPDATE leadscore.person SET active = true, since = '9999-12-31' WHERE person_id = 3;
SELECT score, category FROM leadscore.person WHERE person_id = 3;
SELECT leadscore.score_at(3, '9999-12-31');
SELECT * FROM leadscore.verify();
