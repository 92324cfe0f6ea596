-- Whom to spend time on first.
--
-- What costs is in functions of one person in the SELECT list: PostgreSQL evaluates them after
-- ORDER BY and LIMIT, so only for the rows that are returned.

CREATE FUNCTION leadscore._change(person_id bigint, score bigint, days int) RETURNS bigint
LANGUAGE c STABLE STRICT COST 1000 AS 'MODULE_PATHNAME', 'change_wrapper';
COMMENT ON FUNCTION leadscore._change(bigint, bigint, int) IS 'By how many points a person''s score changed over so many days';

CREATE FUNCTION leadscore._last_activity(person_id bigint, at timestamptz) RETURNS text
LANGUAGE c STABLE COST 1000 AS 'MODULE_PATHNAME', 'last_activity_wrapper';
COMMENT ON FUNCTION leadscore._last_activity(bigint, timestamptz) IS 'The type of a person''s latest activity, whose moment is given';

CREATE FUNCTION leadscore._outlook(person_id bigint, category text) RETURNS text
LANGUAGE c STABLE COST 1000 AS 'MODULE_PATHNAME', 'outlook_wrapper';
COMMENT ON FUNCTION leadscore._outlook(bigint, text) IS 'Which category a person turns to next, and when, if nothing more is registered within a year';

CREATE FUNCTION leadscore._top_rules(person_id bigint) RETURNS text
LANGUAGE c STABLE STRICT COST 1000 AS 'MODULE_PATHNAME', 'top_rules_wrapper';
COMMENT ON FUNCTION leadscore._top_rules(bigint) IS 'The two rules that give a person most, with the points as they stand; a part of the score that is at its limit instead of its rules';

-- With the rights of the view's reader. A subquery in the view would be as cheap to the planner as the table is small, and
-- evaluated for each row that is sorted.
CREATE FUNCTION leadscore._scorecards(person_id bigint) RETURNS jsonb
LANGUAGE sql STABLE COST 1000
BEGIN ATOMIC
    SELECT jsonb_object_agg(s.scorecard, jsonb_build_object('score', s.score, 'category', s.category))
    FROM leadscore.person_score s WHERE s.person_id = _scorecards.person_id;
END;
COMMENT ON FUNCTION leadscore._scorecards(bigint) IS 'Score and category of a person on each other scorecard than main';

CREATE VIEW leadscore.worklist WITH (security_invoker = true) AS
SELECT p.person_id, p.kind, p.external_id, p.owner, p.status, p.score, p.category,
       leadscore._change(p.person_id, p.score, 7) AS change_7,
       leadscore._change(p.person_id, p.score, 30) AS change_30,
       leadscore._last_activity(p.person_id, p.last_activity_at) AS last_activity,
       p.last_activity_at,
       leadscore._outlook(p.person_id, p.category) AS outlook,
       leadscore._top_rules(p.person_id) AS why,
       p.name, p.tenant,
       leadscore._scorecards(p.person_id) AS scorecards
FROM leadscore.person p
WHERE p.active;
COMMENT ON VIEW leadscore.worklist IS 'Persons to spend time on: add WHERE owner = … ORDER BY score DESC LIMIT …, and only the rows returned cost';
COMMENT ON COLUMN leadscore.worklist.person_id IS 'The person';
COMMENT ON COLUMN leadscore.worklist.kind IS 'What the person is';
COMMENT ON COLUMN leadscore.worklist.external_id IS 'The application''s own key of the person';
COMMENT ON COLUMN leadscore.worklist.owner IS 'Who looks after the person';
COMMENT ON COLUMN leadscore.worklist.status IS 'The current status';
COMMENT ON COLUMN leadscore.worklist.score IS 'Points as they stand';
COMMENT ON COLUMN leadscore.worklist.category IS 'The band in which the score falls';
COMMENT ON COLUMN leadscore.worklist.change_7 IS 'By how many points the score changed in 7 days';
COMMENT ON COLUMN leadscore.worklist.change_30 IS 'By how many points the score changed in 30 days';
COMMENT ON COLUMN leadscore.worklist.last_activity IS 'What the latest activity was';
COMMENT ON COLUMN leadscore.worklist.last_activity_at IS 'When it took place';
COMMENT ON COLUMN leadscore.worklist.outlook IS 'The next change of category within a year if nothing more is registered';
COMMENT ON COLUMN leadscore.worklist.why IS 'The two rules that give most, with their points; a part of the score that is at its limit instead of its rules';
COMMENT ON COLUMN leadscore.worklist.name IS 'What people call the person';
COMMENT ON COLUMN leadscore.worklist.tenant IS 'Whose person it is';
COMMENT ON COLUMN leadscore.worklist.scorecards IS 'Score and category on each other scorecard; NULL: there is none';
