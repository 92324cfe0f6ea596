-- A filter that is no predicate is refused, with an example; one that is can be anything that SQL/JSON paths have.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.rule (name, points, filter) VALUES ('Bad', 1, '$.minutes');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO leadscore.rule (name, points, person_filter) VALUES ('Bad', 1, '$.region');
\echo :LAST_ERROR_SQLSTATE
\set QUIET on
CREATE TEMP TABLE refused (path jsonpath);
INSERT INTO refused VALUES ('$'), ('$.*'), ('strict $.a'), ('strict $.a.b'), ('$.a ? (@ > 1)'), ('$.a + 1'), ('"west"'), ('7'), ('true'), ('false'), ('null'), ('strict true'),
    ('$.a.size()'), ('$.keyvalue()'), ('$.a > $limit'), ('$.on.datetime() < "2026-01-31".datetime()'), ('exists($.a.datetime("HH24:MI"))'), ('$[0]');
\set QUIET off
\set VERBOSITY terse
-- Each of them, with the reason.
CREATE FUNCTION pg_temp.why(path jsonpath) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text; why text;
BEGIN
    INSERT INTO leadscore.rule (name, points, filter) VALUES ('Bad', 1, path);
    RETURN 'was taken';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, why = PG_EXCEPTION_DETAIL;
    RETURN state || ' ' || why;
END $$;
SELECT path, pg_temp.why(path) FROM refused;
SELECT count(*) FROM leadscore.rule;
-- No path at all is PostgreSQL's to refuse.
INSERT INTO leadscore.rule (name, points, filter) VALUES ('Bad', 1, '$.minutes >=');
\echo :LAST_ERROR_SQLSTATE
-- Ranges, lists, alternatives, absence, arrays, patterns, arithmetic, and a comparison that is about nothing.
INSERT INTO leadscore.rule (name, points, filter) SELECT path, 1, path::jsonpath FROM unnest(ARRAY[
    '$.minutes >= 30 && $.minutes < 60', '$.channel == "video" || $.channel == "phone"', 'exists($.note)', '!exists($.note)', '$.tags[*] == "java"',
    '$.name like_regex "^senior" flag "i"', '$.name starts with "A"', '$.from + 7 < $.until', '($.a == 1) is unknown', 'strict $.a.b > 1', '1 == 1',
    '$.text == "a.datetime() b"', '$.skills.size() >= 3', 'exists($.items ? (@.price > 10 && @.sold == true))', '$.on < "2026-01-31"']) path;
SELECT name, filter FROM leadscore.rule ORDER BY rule_id;
-- In a document by its path, before anything is changed.
\set VERBOSITY default
SELECT leadscore.import_config('{"rules": [{"name": "A", "points": 1}, {"name": "B", "points": 1, "filter": "$.minutes"}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"rules": [{"name": "A", "points": 1}, {"name": "B", "points": 1}, {"name": "C", "points": 1, "kind": "profile", "person_filter": "$.region = 1"}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"rules": [{"name": "A", "points": 1, "person_filter": 7}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM leadscore.rule;
