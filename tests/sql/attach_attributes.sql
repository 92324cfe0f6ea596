-- Attributes, the name and the scores of other scorecards: columns of the application's table that are followed, and that are written back.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
RESET ROLE;
INSERT INTO leadscore.scorecard (scorecard) VALUES ('fit'), ('we"b');
INSERT INTO leadscore.category (scorecard, name, min_score) VALUES ('fit', 'poor', NULL), ('fit', 'good', 10);
INSERT INTO leadscore.rule (name, kind, scorecard, points, statuses, person_filter) VALUES ('West', 'profile', 'fit', 10, NULL, '$.region == "west" && $.rate < 80'),
    ('Java', 'profile', 'fit', 5, '{open}', '$.skills[*] == "java"'), ('Large', 'profile', 'we"b', 3, NULL, '$."company_id.size" >= 50'), ('Known since', 'profile', 'we"b', 1, NULL, '$.days[0] < "2026-02-01"');
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
SET ROLE regress_application;
CREATE TABLE company (id int PRIMARY KEY, size int);
CREATE TABLE candidate (id int PRIMARY KEY, known date, full_name text, state text, region text, rate numeric, skills text[], days date[], company_id int REFERENCES company, phone text,
    fit bigint, fit_band text, web int, score int);
INSERT INTO company VALUES (1, 50), (2, 49);
INSERT INTO candidate VALUES (1, '2026-02-01', 'Ann', 'open', 'west', 79.9, '{"c++",java}', '{2026-01-31,infinity}', 1), (2, '2026-02-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (3, '2026-02-01', '', 'open', 'east', 'NaN', '{}', '{2026-02-01}', 2);
SELECT leadscore.attach_person('candidate', 'candidate', since => 'known', name => 'full_name', status => 'state', score => 'score',
    attributes => '{region,rate,skills,days,company_id.size}', scorecards => '{"fit": ["fit", "fit_band"], "we\"b": ["web", null]}');
SELECT external_id, name, status, attributes FROM leadscore.person ORDER BY 1;
CREATE VIEW scores AS SELECT id, score, fit, fit_band, web FROM candidate ORDER BY id;
TABLE scores;
-- Followed at once: a column, an element of an array, a row that is reached, the name.
UPDATE candidate SET rate = 80 WHERE id = 1;
UPDATE candidate SET skills = '{java,NULL}', state = 'open' WHERE id = 2;
UPDATE company SET size = 51 WHERE id = 2;
UPDATE candidate SET full_name = 'Cas' WHERE id = 3;
TABLE scores;
SELECT external_id, name, attributes -> 'skills' AS skills FROM leadscore.person ORDER BY 1;
:verify
-- A column that nobody asks for writes nothing.
SELECT xmin AS before FROM leadscore.person WHERE external_id = '1' \gset
UPDATE candidate SET phone = '06' WHERE id = 1;
SELECT xmin = :'before'::xid AS untouched FROM leadscore.person WHERE external_id = '1';
-- COPY, a new row, one that changes its key, one that goes, and all at once.
COPY candidate (id, known, region, rate, skills) FROM STDIN;
4	2026-02-01	west	1	{java}
\.
UPDATE candidate SET id = 5 WHERE id = 4;
DELETE FROM candidate WHERE id = 3;
UPDATE candidate SET region = 'west', rate = 1;
TABLE scores;
:verify
-- What the triggers did not see.
RESET ROLE;
SET session_replication_role = replica;
UPDATE app.candidate SET skills = '{java}', fit = 99, full_name = 'Bea', state = 'open' WHERE id = 5;
RESET session_replication_role;
SELECT item, stored, derived FROM leadscore.verify() ORDER BY 1;
SELECT leadscore.resync('app.candidate');
SELECT * FROM leadscore.verify();
SET ROLE regress_application;
TABLE scores;
-- Detached, nothing is followed and nothing is written back; attached again, all is as it is by now.
SELECT leadscore.detach('candidate');
UPDATE candidate SET region = 'east', fit = NULL;
SELECT DISTINCT attributes ->> 'region' AS region FROM leadscore.person;
SELECT leadscore.attach_person('candidate', 'candidate', since => 'known', name => 'full_name', attributes => '{region,rate}', scorecards => '{"fit": ["fit"]}');
SELECT external_id, name, status, attributes FROM leadscore.person ORDER BY 1;
TABLE scores;
:verify
-- A scorecard that is written back stays, as one with rules does.
RESET ROLE;
DELETE FROM leadscore.rule WHERE scorecard IN ('fit', 'we"b');
DELETE FROM leadscore.category WHERE scorecard = 'fit';
DELETE FROM leadscore.scorecard WHERE scorecard = 'we"b';
\set VERBOSITY default
DELETE FROM leadscore.scorecard WHERE scorecard = 'fit';
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.import_config('{"scorecards": [{"scorecard": "main"}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.detach('app.candidate');
DELETE FROM leadscore.scorecard WHERE scorecard = 'fit';
-- What cannot be written back.
SET ROLE regress_application;
\set VERBOSITY terse
SELECT leadscore.attach_person('candidate', 'candidate', scorecards => '{"fit": ["fit", "fit_band"]}');
SELECT leadscore.attach_person('candidate', 'candidate', scorecards => '{"main": ["score", null]}');
SELECT leadscore.attach_person('candidate', 'candidate', scorecards => '["fit"]');
RESET ROLE;
INSERT INTO leadscore.scorecard (scorecard) VALUES ('fit'), ('we"b');
SET ROLE regress_application;
SELECT leadscore.attach_person('candidate', 'candidate', scorecards => '{"fit": "fit"}');
SELECT leadscore.attach_person('candidate', 'candidate', scorecards => '{"fit": []}');
SELECT leadscore.attach_person('candidate', 'candidate', scorecards => '{"fit": ["fit_band", "fit"]}');
SELECT leadscore.attach_person('candidate', 'candidate', scorecards => '{"fit": ["fitness"]}');
SELECT leadscore.attach_person('candidate', 'candidate', scorecards => '{"fit": ["fit"], "we\"b": ["fit"]}');
SELECT leadscore.attach_person('candidate', 'candidate', attributes => '{fit}', scorecards => '{"fit": ["fit"]}');
SELECT leadscore.attach_person('candidate', 'candidate', attributes => '{region,NULL}');
SELECT leadscore.attach_person('candidate', 'candidate', attributes => '{regions}');
