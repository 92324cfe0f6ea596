-- Whatever is refused says what, why and what to do instead, and changes nothing.
CREATE EXTENSION leadscore;
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.person (person_id, kind) VALUES (1, 'candidate');
INSERT INTO leadscore.activity (person_id, activity_type) VALUES (1, 'call');
CREATE TABLE candidate (id int PRIMARY KEY, n bigint, state text);
CREATE TEMP TABLE draft (id int PRIMARY KEY);
CREATE FUNCTION refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text; message text; why text; hint text;
BEGIN
    EXECUTE statement;
    RETURN 'nothing was refused';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, why = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' ', state, message, CASE WHEN why = '' THEN 'WITHOUT DETAIL' END, CASE WHEN hint = '' THEN 'WITHOUT HINT' END);
END $$;
SELECT statement, refusal(statement) FROM (VALUES
    (1, 'SELECT leadscore.explain(9)'), (2, 'SELECT leadscore.score_at(9, ''2026-01-01'')'), (3, 'SELECT leadscore.adjust(9, 1, ''x'')'),
    (4, 'SELECT leadscore.unadjust(9)'), (5, 'SELECT leadscore.merge_person(1, 1)'), (6, 'SELECT leadscore.forget_person(9)'),
    (7, 'SELECT leadscore.describe(9)'), (8, 'SELECT leadscore.scoring_day(''infinity'')'), (9, 'SELECT leadscore.history(1, ''2026-02-01'', ''2026-01-01'')'),
    (10, 'SELECT leadscore_recompute(now(), NULL)'), (11, 'SELECT leadscore.load_preset(''retail'')'), (12, 'SELECT leadscore.schedule(NULL)'),
    (13, 'SELECT leadscore.detach(''candidate'')'), (14, 'SELECT leadscore.attach_person(NULL, ''candidate'')'), (15, 'SELECT leadscore.attach_person(''candidate'', NULL)'),
    (16, 'SELECT leadscore.attach_person(''candidate'', ''candidate'', score => ''id'')'), (17, 'SELECT leadscore.attach_person(''pg_temp.draft'', ''draft'')'),
    (18, 'SELECT leadscore.attach_activity(''candidate'', person => ''n'', person_kind => ''candidate'')'),
    (19, 'SELECT leadscore.attach_activity(''candidate'', ''call'', ''n'', ''candidate'', only_when => ''["done"]'')'),
    (20, 'SELECT leadscore.attach_activity(''candidate'', ''call'', ''n'', ''candidate'', only_when => ''{"state": {}}'')'),
    (21, 'SELECT leadscore.attach_activity(''candidate'', ''call'', ''n'', ''candidate'', attributes => ''{NULL}'')'),
    (22, 'INSERT INTO leadscore.rule (name, points) VALUES ('''', 1)'), (23, 'INSERT INTO leadscore.rule (name, points, decay) VALUES (''x'', 1, ''slow'')'),
    -- Activity types in use cannot be emptied out either.
    (24, 'TRUNCATE leadscore.activity_type')) v(n, statement) ORDER BY n;
-- JSON deeper than can be read, or with numbers beyond all types, is bad input and no error of leadscore's own.
SELECT refusal(format('SELECT leadscore.import_config(%L)', jsonb_build_object('rules', (repeat('[', 200) || repeat(']', 200))::jsonb)));
SELECT refusal(format('SELECT leadscore.preview(%L)', '{"rules": [{"name": "x", "points": 1e400}]}'));
SELECT refusal(format('INSERT INTO leadscore.rule (name, points, condition) VALUES (%L, 1, %L)', 'x', '{"a": ' || repeat('[', 200) || repeat(']', 200) || '}'));
SELECT refusal('INSERT INTO leadscore.rule (name, points, condition) VALUES (''x'', 1, ''[1]'')');
SELECT count(*) AS rules FROM leadscore.rule;
-- A JSON null is no condition, and lists have one dimension; empty names and limits say what to do.
SELECT statement, refusal(statement) FROM (VALUES
    (1, 'INSERT INTO leadscore.rule (name, points, condition) VALUES (''x'', 1, ''null'')'),
    (2, 'INSERT INTO leadscore.rule (name, points, activity_types) VALUES (''x'', 1, ''{{call},{call}}'')'),
    (3, 'INSERT INTO leadscore.rule (name, points, tenant) VALUES (''x'', 1, '''')'),
    (4, 'INSERT INTO leadscore.rule (name, points, kind, at_least, within) VALUES (''x'', 1, ''frequency'', 0, ''7 days'')'),
    (5, 'INSERT INTO leadscore.category (name) VALUES ('''')'), (6, 'INSERT INTO leadscore.category (name, person_kind) VALUES (''x'', '''')'),
    (7, 'INSERT INTO leadscore.scorecard (scorecard) VALUES ('''')'), (8, 'INSERT INTO leadscore.activity_type VALUES ('''')'),
    (9, 'INSERT INTO leadscore.rule (name, points, kind) VALUES (''x'', 1, NULL)')) v(n, statement) ORDER BY n;
-- A sum beyond its type says whose it is.
DO $$
DECLARE
    why text;
BEGIN
    INSERT INTO leadscore.scorecard (scorecard, part_of, min_score) VALUES ('a', 'main', 9223372036854775807), ('b', 'main', 1);
    PERFORM leadscore_recompute();
EXCEPTION WHEN numeric_value_out_of_range THEN
    GET STACKED DIAGNOSTICS why = PG_EXCEPTION_DETAIL;
    RAISE INFO '%: %', SQLERRM, why;
END $$;
-- Names that are missing in paths, and keys that no person could have.
CREATE TABLE place (id int PRIMARY KEY, at timestamptz);
CREATE TABLE visit (id int PRIMARY KEY, candidate_id int REFERENCES candidate, place_id int REFERENCES place);
SELECT leadscore.attach_person('candidate', 'candidate');
SELECT statement, refusal(statement) FROM (VALUES
    (1, 'SELECT leadscore.attach_activity(''visit'', ''call'', ''candidate_id'', ''candidate'', occurred_at => ''..place_id..at.'')'),
    (2, 'SELECT leadscore.attach_activity(''visit'', ''call'', ''candidate_id'', ''candidate'', occurred_at => ''place_id. .at'')'),
    (3, 'SELECT leadscore.attach_activity(''visit'', ''call'', ''candidate_id,'', ''candidate'')'),
    (4, 'SELECT leadscore.attach_activity(''visit'', ''call'', ''candidate_id,place_id'', ''candidate'')')) v(n, statement) ORDER BY n;
SELECT count(*) AS rules FROM leadscore.rule;
