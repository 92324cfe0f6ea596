-- Statements of one row, of several and of many, which are brought over in different ways, come to the same.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id int PRIMARY KEY, state text, score int);
CREATE TABLE application (id int PRIMARY KEY, candidate_id int REFERENCES candidate ON DELETE CASCADE);
CREATE TABLE call (id int PRIMARY KEY, candidate_id int REFERENCES candidate ON DELETE CASCADE, at timestamptz, vip boolean);
CREATE TABLE visit (id int PRIMARY KEY, application_id int REFERENCES application ON DELETE CASCADE, at timestamptz, vip boolean);
CREATE INDEX ON application (candidate_id);
CREATE INDEX ON call (candidate_id);
CREATE INDEX ON visit (application_id);
SELECT leadscore.attach_person('candidate', 'candidate', status => 'state', score => 'score');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{vip}');
SELECT leadscore.attach_activity('visit', 'call', person => 'application_id.candidate_id', person_kind => 'candidate', occurred_at => 'at', attributes => '{vip}');
RESET ROLE;
-- What the tables say, which leadscore does not hold so, or holds and they do not say; and scores that are not written back.
CREATE VIEW said AS
SELECT 'call' AS source, id, candidate_id, at, vip FROM call WHERE candidate_id IS NOT NULL
UNION ALL SELECT 'visit', v.id, a.candidate_id, v.at, v.vip FROM visit v JOIN application a ON a.id = v.application_id;
CREATE VIEW held AS
SELECT CASE a.source_id WHEN 2 THEN 'call' ELSE 'visit' END AS source, a.source_key::int AS id, p.external_id::int AS candidate_id, a.occurred_at AS at,
       (a.attributes ->> 'vip')::boolean AS vip
FROM leadscore.activity a JOIN leadscore.person p USING (person_id);
CREATE VIEW differing AS
SELECT 'activity' AS what, count(*) FROM ((TABLE said EXCEPT ALL TABLE held) UNION ALL (TABLE held EXCEPT ALL TABLE said)) d
UNION ALL SELECT 'waiting', count(*) FROM leadscore.waiting
UNION ALL SELECT 'score', count(*) FROM candidate c FULL JOIN leadscore.person p ON p.external_id = c.id::text WHERE c.score IS DISTINCT FROM p.score
UNION ALL SELECT 'verify', count(*) FROM leadscore.verify();
-- Of so many rows: what is left and what they score, after each of the statements that write them.
CREATE TABLE step (nth int, statement text);
INSERT INTO step VALUES
(1, 'INSERT INTO candidate SELECT g, ''new'' FROM generate_series(1, $1) g'),
(2, 'INSERT INTO application SELECT g, g FROM generate_series(1, $1) g'),
(3, 'INSERT INTO call SELECT g, g, timestamptz ''2026-02-01 12:00'' + g % 7 * interval ''1 day'', g % 2 = 0 FROM generate_series(1, $1) g'),
(4, 'INSERT INTO call SELECT $1 + g, 1 + g % 3 % $1, ''2026-02-02 12:00'', false FROM generate_series(1, $1) g'),
(5, 'INSERT INTO visit SELECT g, g, ''2026-02-03 12:00'', true FROM generate_series(1, $1) g'),
(6, 'UPDATE call SET vip = NOT vip WHERE id <= $1'),
(7, 'UPDATE call SET at = at - interval ''1 day'' WHERE id <= $1'),
(8, 'UPDATE call SET candidate_id = 1 + candidate_id % $1 WHERE id <= $1'),
(9, 'UPDATE call SET candidate_id = CASE WHEN id % 2 = 0 THEN NULL ELSE 1 END, vip = true WHERE id <= $1'),
(10, 'UPDATE call SET candidate_id = 1 + id % $1, at = ''2026-02-04 12:00'' WHERE id <= $1'),
(11, 'UPDATE application SET candidate_id = 1 + candidate_id % $1 WHERE id <= $1'),
(12, 'UPDATE visit SET application_id = 1, vip = false WHERE id <= $1'),
(13, 'UPDATE candidate SET state = ''active'' WHERE id <= $1'),
(14, 'INSERT INTO call SELECT id, candidate_id, at, NOT vip FROM call WHERE id <= $1 ON CONFLICT (id) DO UPDATE SET vip = EXCLUDED.vip'),
(15, 'UPDATE call SET id = id + 100000 WHERE id <= $1'),
(16, 'DELETE FROM call WHERE id > 100000 AND id <= 100000 + $1 AND id % 3 > 0'),
(17, 'DELETE FROM candidate WHERE id > 1 AND id % 2 = 0 AND id <= $1'),
(18, 'DELETE FROM visit');
CREATE PROCEDURE play(size int) LANGUAGE plpgsql AS $$
DECLARE
    s app.step;
BEGIN
    TRUNCATE app.candidate CASCADE;
    FOR s IN SELECT * FROM app.step ORDER BY nth LOOP
        EXECUTE replace(s.statement, '$1', size::text);
        COMMIT;
        INSERT INTO app.outcome
        SELECT size, s.nth, (SELECT count(*) FROM app.said), (SELECT sum(score) FROM app.candidate),
               (SELECT string_agg(what || ' ' || count, ', ') FROM app.differing WHERE count > 0);
        COMMIT;
    END LOOP;
END $$;
CREATE TABLE outcome (size int, nth int, activities int, score int, differs text);
CALL play(1);
CALL play(3);
CALL play(40);
CALL play(1200);
SET default_transaction_isolation = 'repeatable read';
CALL play(40);
CALL play(1200);
SELECT * FROM outcome WHERE differs IS NOT NULL;
-- Twelve hundred are as thirty times forty, but for those that are counted by threes.
SELECT nth, round(avg(activities::numeric / size), 2) AS activities_a_row, round(avg(score::numeric / size), 2) AS score_a_row,
       max(activities::numeric / size) - min(activities::numeric / size) < 0.01 AS same_activities,
       max(score::numeric / size) - min(score::numeric / size) < 0.1 AS same_score, count(*)
FROM outcome WHERE size > 3 GROUP BY nth ORDER BY nth;
