-- A rule with a filter takes the activities, and one with a person_filter the persons, for whose attributes the path is true: not false,
-- not unknown, not an error. Each filter says the same of a single row, of several at once, of a row of an attached table and of a person.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set VERBOSITY terse
INSERT INTO leadscore.activity_type VALUES ('single'), ('several'), ('attached');
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
CREATE TEMP TABLE path (n int GENERATED ALWAYS AS IDENTITY, path jsonpath);
CREATE TEMP TABLE document (n int GENERATED ALWAYS AS IDENTITY, attributes jsonb);
-- Ranges, alternatives, keys that are there or are not, arrays, patterns, strict mode, arithmetic, negation, what is about nothing.
INSERT INTO path (path) VALUES ('$.minutes >= 30 && $.minutes < 60'), ('$.channel == "video" || $.channel == "phone"'), ('exists($.note)'), ('!exists($.note)'),
    ('$.tags[*] == "java"'), ('$.tags.size() >= 2'), ('$.tags[last] == "c"'), ('$.name like_regex "^senior" flag "i"'), ('$.name starts with "A"'),
    ('$.from + 7 < $.until'), ('-$.from < 0'), ('$.from / $.until > 1'), ('($.minutes > 40) is unknown'), ('!($.minutes > 40)'), ('strict !($.minutes > 40)'),
    ('strict $.info.n > 1'), ('exists($.items ? (@.price > 10 && @.sold == true))'), ('$.on < "2026-01-31"'), ('$.rate.double() > 2'), ('$.** == 7'),
    ('$.minutes.type() == "array"'), ('$[*] > 3'), ('$ == null'), ('$.note == null'), ('1 == 1'), ('exists($.keyvalue() ? (@.value > 40))');
-- No attributes at all, empty ones, those that are no object, and keys that are missing, of another type, NULL, or lists.
INSERT INTO document (attributes) VALUES (NULL), ('{}'), ('null'), ('5'), ('"x"'), ('true'), ('[]'), ('[1, 2, 30]'), ('[{"minutes": 45}]'),
    ('{"minutes": 30, "channel": "video"}'), ('{"minutes": 60, "channel": "chat"}'), ('{"minutes": "45"}'), ('{"minutes": [10, 45]}'), ('{"minutes": null}'),
    ('{"minutes": 29.999, "channel": ["mail", "phone"]}'), ('{"tags": ["java", "c"]}'), ('{"tags": "java"}'), ('{"tags": []}'), ('{"name": "Senior developer"}'),
    ('{"name": "Ann"}'), ('{"name": 7}'), ('{"note": null}'), ('{"note": ""}'), ('{"from": 1, "until": 9}'), ('{"from": 5, "until": 0}'), ('{"from": -5, "until": -8}'),
    ('{"info": {"n": 2}}'), ('{"info": [{"n": 2}]}'), ('{"items": [{"price": 11, "sold": true}, {"price": 1}]}'), ('{"items": {"price": 11, "sold": "yes"}}'),
    ('{"on": "2026-01-30"}'), ('{"on": "2026-01-31"}'), ('{"rate": "3.5"}'), ('{"rate": "much"}'), ('{"a": {"b": [{"c": 7}]}}'), ('{"minutes": 1e400}');
INSERT INTO leadscore.rule (rule_id, name, points, filter) SELECT n, 'activity ' || n, 1, path FROM path;
INSERT INTO leadscore.rule (rule_id, name, kind, points, person_filter) SELECT 100 + n, 'person ' || n, 'profile', 1, path FROM path;
INSERT INTO leadscore.person (person_id, kind, external_id, since, attributes) SELECT n, 'candidate', n, '2026-02-01', attributes FROM document;
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at, attributes) SELECT 1000 + n, n, 'several', '2026-02-02', attributes FROM document;
DO $$
DECLARE
    d record;
BEGIN
    FOR d IN TABLE document LOOP
        INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at, attributes) VALUES (2000 + d.n, d.n, 'single', '2026-02-02', d.attributes);
    END LOOP;
END $$;
CREATE TEMP VIEW wrong AS
SELECT d.n, d.attributes, p.path, k.what, r.held
FROM document d CROSS JOIN path p CROSS JOIN (VALUES ('person'), ('several'), ('single')) k(what)
CROSS JOIN LATERAL (SELECT EXISTS (
    SELECT FROM leadscore.score_record s LEFT JOIN leadscore.activity a USING (person_id, activity_id)
    WHERE s.person_id = d.n AND CASE k.what WHEN 'person' THEN s.rule_id = 100 + p.n ELSE s.rule_id = p.n AND a.activity_type = k.what END)) r(held)
WHERE r.held IS DISTINCT FROM coalesce(jsonb_path_match(coalesce(d.attributes, '{}'), p.path, silent => true), false);
SELECT * FROM wrong;
SELECT * FROM leadscore.verify();
-- Which held, by filter: of how many of the documents.
SELECT p.path, (SELECT count(*) FROM leadscore.score_record s WHERE s.rule_id = 100 + p.n) AS persons FROM path p ORDER BY p.n;
-- All anew, and every attribute changed for the next one's.
SELECT records_added, records_removed FROM leadscore_recompute('2026-03-01 12:00', full_rebuild => true);
UPDATE document d SET attributes = n.attributes FROM document n WHERE n.n = 1 + d.n % (SELECT count(*) FROM document);
UPDATE leadscore.person p SET attributes = d.attributes FROM document d WHERE d.n = p.person_id;
UPDATE leadscore.activity a SET attributes = d.attributes FROM document d WHERE d.n = a.person_id;
SELECT * FROM wrong;
SELECT * FROM leadscore.verify();
-- With a condition both have to hold; explain says which one does not.
DELETE FROM leadscore.rule;
INSERT INTO leadscore.rule (rule_id, name, activity_types, condition, filter, points) VALUES (1, 'Long video', '{single}', '{"channel": "video"}', '$.minutes >= 30', 5);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, since) VALUES (99, 'candidate', '2026-02-01');
INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at, attributes) VALUES (1, 99, 'single', '2026-02-01', '{"channel": "video", "minutes": 30}'),
    (2, 99, 'single', '2026-02-02', '{"channel": "video", "minutes": 29}'), (3, 99, 'single', '2026-02-03', '{"channel": "phone", "minutes": 30}'), (4, 99, 'single', '2026-02-04', NULL);
SELECT activity_id, points, counts, why FROM leadscore.explain(99);
-- A variable, to which nothing gives a value, is refused wherever it stands: behind what is false of {} PostgreSQL would find it only later, in the
-- application's own statement.
UPDATE leadscore.rule SET filter = '$.minutes >= 30 && $.rate > $least';
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.rule SET person_filter = 'exists($.minutes ? (@ > $"the \"least\""))';
\set VERBOSITY default
UPDATE leadscore.rule SET filter = '$.list[$place] == 1 || $.a == "$b"';
UPDATE leadscore.rule SET filter = '$."$a" == "$b" && $.text like_regex "^a$"';
SELECT leadscore.import_config('{"rules": [{"name": "A", "points": 1, "filter": "$.a == 1 && $.b == $c"}]}');
