-- Writes half a year in the life of the agency into the schema "story", from which live.sql
-- lets it happen in agency's own tables, period by period.
--
-- Nothing here is random: every choice is a hash of what is chosen and for whom, so that the
-- same day always gives the same agency. Day 0 is 182 days ago, day 182 is today.

CREATE SCHEMA story;

-- A number from 0 up to 1 that depends on nothing but the key.
CREATE FUNCTION story.chance(key text) RETURNS float8
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ('x' || substr(md5('agency ' || key), 1, 8))::bit(32)::bigint / 4294967296.0::float8;

CREATE FUNCTION story.pick(options text[], key text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN options[1 + floor(story.chance(key) * cardinality(options))::int];

-- A moment in office hours (9:00 to 17:30) or, for the website, between 7:00 and 23:00 with more in the evening.
CREATE FUNCTION story.office_hour(day date, key text) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (day + time '09:00' + floor(story.chance('hour' || key) * 102) * interval '5 minutes')::timestamptz;
CREATE FUNCTION story.evening_hour(day date, key text) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (day + time '07:00' + floor(sqrt(story.chance('hour' || key)) * 960) * interval '1 minute')::timestamptz;

CREATE TABLE story.day AS
SELECT n AS day, start + n AS on_day, extract(isodow FROM start + n) > 5 AS weekend
FROM (SELECT :'today'::date - 182 AS start) AS s, generate_series(0, 182) AS n;

CREATE TABLE story.recruiter AS
SELECT * FROM unnest(ARRAY['Marit Hoekstra', 'Daan Verkade', 'Yara Benali', 'Joris van Aalten', 'Sanne Brouwer'])
    WITH ORDINALITY AS r (name, recruiter_id);

CREATE FUNCTION story.person_name(key text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN story.pick(ARRAY[
            'Emma', 'Noah', 'Julia', 'Liam', 'Mila', 'Lucas', 'Tess', 'Levi', 'Sara', 'Finn', 'Zoë', 'Sem', 'Anna', 'Milan',
            'Nora', 'Bram', 'Eva', 'Thijs', 'Lotte', 'Jesse', 'Fatima', 'Mohamed', 'Noor', 'Ruben', 'Lisa', 'Omar', 'Iris',
            'Stijn', 'Femke', 'Adam', 'Roos', 'Koen', 'Aylin', 'Gijs', 'Hanna', 'Youssef', 'Maud', 'Tim', 'Ilse', 'Wout'],
            'first' || key)
        || ' ' ||
        story.pick(ARRAY[
            'de Jong', 'Jansen', 'de Vries', 'van den Berg', 'Bakker', 'van Dijk', 'Visser', 'Smit', 'Meijer', 'de Boer',
            'Mulder', 'de Groot', 'Bos', 'Vos', 'Peters', 'Hendriks', 'van Leeuwen', 'Dekker', 'Dijkstra', 'de Wit',
            'Yilmaz', 'El Amrani', 'Kok', 'Jacobs', 'van der Meer', 'Vermeulen', 'van Vliet', 'Schouten', 'Kuipers',
            'Willems', 'Hoekstra', 'Koster', 'Prins', 'Blom', 'Huisman', 'Postma', 'Kaya', 'van Wijk', 'Veenstra', 'Post',
            'Sanders', 'Molenaar', 'Gerritsen', 'Wolters', 'Kramer', 'Scholten', 'Timmermans', 'Brands', 'Haan', 'Evers'],
            'last' || key);

-- ── Candidates ───────────────────────────────────────────────────────────────────────────────────────────────
-- Most are dormant or look around now and then; a few are intense. Everybody but the dormant has one period of
-- looking for a job: the newcomers from the day they register, the others at some time of the half year or
-- outside it. Some fall silent in the middle of it.

CREATE TABLE story.candidate AS
SELECT c.*,
       CASE WHEN story.chance('silent' || candidate_id) < 0.25
            THEN looks_from + floor((0.2 + 0.8 * story.chance('silent from' || candidate_id)) * looks_for)::int END AS silent_from
FROM (
    SELECT n AS candidate_id,
           story.person_name('candidate' || n) AS name,
           story.pick(ARRAY['Nurse', 'Accountant', 'Software developer', 'Electrician', 'Project manager', 'Teacher', 'Controller',
                            'Mechanic', 'HR adviser', 'Data analyst', 'Buyer', 'Civil engineer'], 'profession' || n) AS profession,
           story.pick((SELECT array_agg(name ORDER BY recruiter_id) FROM story.recruiter), 'owner c' || n) AS owner,
           story.office_hour(d.start + registered_on, 'registered c' || n) AS registered_at,
           registered_on, temperament,
           CASE WHEN temperament = 'dormant' THEN NULL
                WHEN registered_on >= 0 THEN registered_on
                ELSE floor(story.chance('search' || n) * 280)::int - 80 END AS looks_from,
           21 + floor(story.chance('weeks' || n) * 84)::int AS looks_for
    FROM (SELECT n,
                 CASE WHEN story.chance('new' || n) < 0.25 THEN floor(story.chance('since' || n) * 182)::int
                      ELSE -1 - floor(story.chance('since' || n) * 1000)::int END AS registered_on,
                 CASE WHEN story.chance('temperament' || n) < 0.08 THEN 'intense'
                      WHEN story.chance('temperament' || n) < 0.32 THEN 'engaged'
                      WHEN story.chance('temperament' || n) < 0.68 THEN 'occasional'
                      ELSE 'dormant' END AS temperament
          FROM generate_series(1, 2000) AS n) AS p,
         (SELECT min(on_day) AS start FROM story.day) AS d
) AS c;

-- How often something happens on a working day, while they look for a job and while they do not.
CREATE TABLE story.candidate_rate (what text, temperament text, looking float8, otherwise float8, in_weekend float8);
INSERT INTO story.candidate_rate VALUES
    ('job_view',    'intense',    1,     0.03,   0.8),
    ('job_view',    'engaged',    0.45,  0.02,   0.8),
    ('job_view',    'occasional', 0.14,  0.008,  0.8),
    ('job_view',    'dormant',    0,     0.0012, 0.8),
    ('call',        'intense',    0.22,  0.015,  0),
    ('call',        'engaged',    0.13,  0.012,  0),
    ('call',        'occasional', 0.05,  0.008,  0),
    ('call',        'dormant',    0,     0.004,  0),
    ('email',       'intense',    0.35,  0.025,  0.1),
    ('email',       'engaged',    0.18,  0.016,  0.1),
    ('email',       'occasional', 0.08,  0.01,   0.1),
    ('email',       'dormant',    0,     0.006,  0.1),
    ('appointment', 'intense',    0.07,  0.004,  0),
    ('appointment', 'engaged',    0.04,  0.003,  0),
    ('appointment', 'occasional', 0.014, 0.0015, 0),
    ('appointment', 'dormant',    0,     0.0006, 0),
    ('application', 'intense',    0.08,  0.0015, 0.5),
    ('application', 'engaged',    0.04,  0.001,  0.5),
    ('application', 'occasional', 0.014, 0.0005, 0.5),
    ('application', 'dormant',    0,     0.0001, 0.5);

CREATE TABLE story.candidate_event AS
SELECT c.candidate_id, r.what, d.day, d.on_day, r.what || c.candidate_id || '/' || d.day AS key
FROM story.candidate AS c
JOIN story.candidate_rate AS r USING (temperament)
JOIN story.day AS d ON d.day >= c.registered_on AND d.day < coalesce(c.silent_from, 999)
WHERE story.chance(r.what || c.candidate_id || '/' || d.day)
    < CASE WHEN d.day >= c.looks_from AND d.day < c.looks_from + c.looks_for THEN r.looking ELSE r.otherwise END
    * CASE WHEN d.weekend THEN r.in_weekend ELSE 1 END;

-- ── Contacts and the vacancies they give ─────────────────────────────────────────────────────────────────────

CREATE TABLE story.contact AS
SELECT n AS contact_id,
       story.person_name('contact' || n) AS name,
       story.pick(ARRAY['Noorderlicht', 'Waterkant', 'De Linde', 'Rijnstaal', 'Polder', 'Horizon', 'Zuiderhaven', 'Brugman',
                        'Klaver', 'Meridiaan', 'Veldzicht', 'Ankerplaats'], 'company' || n / 3)
       || ' ' || story.pick(ARRAY['Zorg', 'Techniek', 'Bouw', 'Logistiek', 'Software', 'Onderwijs', 'Energie'], 'branch' || n / 3) AS company,
       story.pick((SELECT array_agg(name ORDER BY recruiter_id) FROM story.recruiter), 'owner k' || n) AS owner,
       story.office_hour(d.start + registered_on, 'registered k' || n) AS registered_at,
       registered_on,
       CASE WHEN story.chance('kind' || n) < 0.15 THEN 'key'
            WHEN story.chance('kind' || n) < 0.60 THEN 'regular'
            ELSE 'sleeping' END AS temperament,
       CASE WHEN story.chance('silent k' || n) < 0.20 THEN floor(story.chance('silent from k' || n) * 182)::int END AS silent_from
FROM (SELECT n, CASE WHEN story.chance('new k' || n) < 0.15 THEN floor(story.chance('since k' || n) * 182)::int
                     ELSE -1 - floor(story.chance('since k' || n) * 1500)::int END AS registered_on
      FROM generate_series(1, 300) AS n) AS p,
     (SELECT min(on_day) AS start FROM story.day) AS d;

CREATE TABLE story.contact_rate (what text, temperament text, rate float8);
INSERT INTO story.contact_rate VALUES
    ('appointment', 'key', 0.040), ('appointment', 'regular', 0.014), ('appointment', 'sleeping', 0.001),
    ('call',        'key', 0.150), ('call',        'regular', 0.060), ('call',        'sleeping', 0.006),
    ('email',       'key', 0.220), ('email',       'regular', 0.080), ('email',       'sleeping', 0.010),
    ('note',        'key', 0.080), ('note',        'regular', 0.030), ('note',        'sleeping', 0.003),
    ('vacancy',     'key', 0.022), ('vacancy',     'regular', 0.008), ('vacancy',     'sleeping', 0.0004);

CREATE TABLE story.contact_event AS
SELECT k.contact_id, r.what, story.office_hour(d.on_day, r.what || k.contact_id || '/' || d.day) AS happened_at
FROM story.contact AS k
JOIN story.contact_rate AS r USING (temperament)
JOIN story.day AS d ON d.day >= k.registered_on AND d.day < coalesce(k.silent_from, 999) AND NOT d.weekend
WHERE story.chance(r.what || 'k' || k.contact_id || '/' || d.day) < r.rate;

CREATE TABLE story.job AS
SELECT row_number() OVER (ORDER BY received_at, contact_id) AS job_id,
       story.pick(ARRAY['Nurse', 'Accountant', 'Software developer', 'Electrician', 'Project manager', 'Teacher', 'Controller',
                        'Mechanic', 'HR adviser', 'Data analyst', 'Buyer', 'Civil engineer'],
                  'title' || row_number() OVER (ORDER BY received_at, contact_id)) AS title,
       contact_id, received_at
FROM (SELECT NULL::int AS contact_id, story.office_hour(d.start - 1 - n, 'old job' || n) AS received_at
      FROM generate_series(0, 39) AS n, (SELECT min(on_day) AS start FROM story.day) AS d
      UNION ALL
      SELECT contact_id, happened_at FROM story.contact_event WHERE what = 'vacancy') AS j;

-- A job that was open on the day: one of the forty received last.
ALTER TABLE story.day ADD jobs bigint;
UPDATE story.day AS d SET jobs = (SELECT count(*) FROM story.job AS j WHERE j.received_at < d.on_day);

-- ── From application to placement ────────────────────────────────────────────────────────────────────────────
-- Each step is reached by a part of those who reached the one before it, some days later; the others
-- are rejected or withdraw. Nobody applies again after being placed.

CREATE TABLE story.application AS
WITH RECURSIVE next_step (step, next, reached_by, rejected, withdrawn, after, within) AS (
    VALUES ('application', 'introduction', 0.50, 0.30, 0.08, 1, 6),
           ('introduction', 'interview',   0.55, 0.30, 0.08, 4, 9),
           ('interview',    'offer',       0.40, 0.45, 0.10, 3, 8),
           ('offer',        'placement',   0.75, 0.00, 0.25, 5, 12)
), process AS (
    SELECT e.candidate_id, d.jobs - floor(story.chance('job' || e.key) * 40)::bigint AS job_id,
           'application' AS step, e.on_day, e.key
    FROM story.candidate_event AS e JOIN story.day AS d USING (day)
    WHERE e.what = 'application'
    UNION ALL
    SELECT p.candidate_id, p.job_id,
           CASE WHEN luck < n.reached_by THEN n.next
                WHEN luck < n.reached_by + n.rejected THEN 'rejection'
                ELSE 'withdrawal' END,
           -- What would fall in a weekend waits until Monday.
           due + CASE extract(isodow FROM due) WHEN 6 THEN 2 WHEN 7 THEN 1 ELSE 0 END,
           p.key
    FROM process AS p
    JOIN next_step AS n USING (step)
    CROSS JOIN LATERAL (SELECT story.chance(n.next || p.key) AS luck,
                               p.on_day + n.after + floor(story.chance('days' || n.next || p.key) * (n.within - n.after + 1))::int AS due) AS c
    WHERE luck < n.reached_by + n.rejected + n.withdrawn
)
SELECT candidate_id, job_id, step, key,
       CASE step WHEN 'application' THEN story.evening_hour(on_day, step || key)
                 ELSE story.office_hour(on_day, step || key) END AS reached_at
FROM process;

CREATE TABLE story.placed AS
SELECT candidate_id, min(reached_at) AS placed_at FROM story.application WHERE step = 'placement' GROUP BY candidate_id;

DELETE FROM story.application AS a USING story.placed AS p WHERE a.candidate_id = p.candidate_id AND a.reached_at > p.placed_at;

DELETE FROM story.candidate_event AS e USING story.placed AS p
WHERE e.candidate_id = p.candidate_id AND e.on_day >= p.placed_at::date;

-- Aftercare: the recruiter calls those who were placed every three weeks or so.
INSERT INTO story.candidate_event (candidate_id, what, day, on_day, key)
SELECT p.candidate_id, 'call', d.day, d.on_day, 'aftercare' || p.candidate_id || '/' || d.day
FROM story.placed AS p JOIN story.day AS d ON d.on_day > p.placed_at::date AND d.on_day < p.placed_at::date + 120
WHERE NOT d.weekend AND story.chance('aftercare' || p.candidate_id || '/' || d.day) < 0.07;

-- When on its day each thing happened; on the day of registration not before it.
ALTER TABLE story.candidate_event ADD happened_at timestamptz;
UPDATE story.candidate_event AS e
SET happened_at = greatest(c.registered_at, CASE what WHEN 'job_view' THEN story.evening_hour(on_day, key)
                                                      ELSE story.office_hour(on_day, key) END)
FROM story.candidate AS c WHERE c.candidate_id = e.candidate_id;
UPDATE story.application AS a SET reached_at = c.registered_at
FROM story.candidate AS c WHERE c.candidate_id = a.candidate_id AND a.reached_at < c.registered_at;
UPDATE story.contact_event AS e SET happened_at = k.registered_at
FROM story.contact AS k WHERE k.contact_id = e.contact_id AND e.happened_at < k.registered_at;

ANALYZE;
