-- Lets the application do its work from one moment to another: what the story tells of that period
-- is inserted into the application's own tables. Variables: from_at, until_at.

BEGIN;

INSERT INTO agency.recruiter (recruiter_id, name)
SELECT recruiter_id, name FROM story.recruiter
ON CONFLICT DO NOTHING;

INSERT INTO agency.candidate (candidate_id, name, profession, owner, registered_at)
SELECT candidate_id, name, profession, owner, registered_at FROM story.candidate
WHERE registered_at >= :'from_at' AND registered_at < :'until_at';

INSERT INTO agency.company (name)
SELECT DISTINCT company FROM story.contact
WHERE registered_at >= :'from_at' AND registered_at < :'until_at'
ON CONFLICT DO NOTHING;

INSERT INTO agency.contact (contact_id, name, company, owner, registered_at)
SELECT contact_id, name, company, owner, registered_at FROM story.contact
WHERE registered_at >= :'from_at' AND registered_at < :'until_at';

INSERT INTO agency.job (job_id, title, contact_id, received_at)
SELECT j.job_id, j.title, k.contact_id, j.received_at
FROM story.job AS j LEFT JOIN agency.contact AS k USING (contact_id)
WHERE received_at >= :'from_at' AND received_at < :'until_at';

INSERT INTO agency.appointment (candidate_id, starts_at, place)
SELECT candidate_id, happened_at, story.pick(ARRAY['office', 'office', 'video'], 'place' || key)
FROM story.candidate_event
WHERE what = 'appointment' AND happened_at >= :'from_at' AND happened_at < :'until_at' ORDER BY happened_at, candidate_id;

INSERT INTO agency.call (candidate_id, called_at, minutes)
SELECT candidate_id, happened_at, 2 + floor(story.chance('minutes' || key) * 18)::int
FROM story.candidate_event
WHERE what = 'call' AND happened_at >= :'from_at' AND happened_at < :'until_at' ORDER BY happened_at, candidate_id;

INSERT INTO agency.email (candidate_id, sent_at, direction)
SELECT candidate_id, happened_at, story.pick(ARRAY['in', 'in', 'out', 'out', 'out'], 'direction' || key)
FROM story.candidate_event
WHERE what = 'email' AND happened_at >= :'from_at' AND happened_at < :'until_at' ORDER BY happened_at, candidate_id;

INSERT INTO agency.job_view (candidate_id, job_id, viewed_at)
SELECT candidate_id, jobs - floor(story.chance('viewed' || key) * 40)::int, happened_at
FROM story.candidate_event JOIN story.day USING (day)
WHERE what = 'job_view' AND happened_at >= :'from_at' AND happened_at < :'until_at' ORDER BY happened_at, candidate_id;

INSERT INTO agency.application (candidate_id, job_id, step, reached_at)
SELECT candidate_id, job_id, step, reached_at
FROM story.application
WHERE reached_at >= :'from_at' AND reached_at < :'until_at' ORDER BY reached_at, candidate_id, step;

UPDATE agency.candidate AS c SET status = 'placed'
FROM story.placed AS p
WHERE p.candidate_id = c.candidate_id AND p.placed_at >= :'from_at' AND p.placed_at < :'until_at';

INSERT INTO agency.contact_journal (contact_id, entry, happened_at)
SELECT contact_id, what, happened_at
FROM story.contact_event
WHERE what <> 'vacancy' AND happened_at >= :'from_at' AND happened_at < :'until_at' ORDER BY happened_at, contact_id, what;

COMMIT;
