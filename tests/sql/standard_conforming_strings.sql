-- Backslashes in texts as they were before 1999, by the settings of whoever asks.
INSERT INTO leadscore.activity_type VALUES ('call');
CREATE TABLE candidate (id int PRIMARY KEY, score int);
CREATE TABLE act (id int PRIMARY KEY, candidate_id int, m text);
SELECT leadscore.attach_person('candidate', 'candidate', score => 'score');
SELECT count(leadscore.attach_activity('act', 'call', person => 'candidate_id', person_kind => 'candidate', only_when => jsonb_build_object('m', 'm' || g), label => 'l' || g))
FROM generate_series(1, 20) g;
SET standard_conforming_strings = off;
SET escape_string_warning = off;
SELECT count(*) > 0 AS speaks FROM leadscore.doctor();
SELECT source_id FROM leadscore.source WHERE label = 'l1';
SELECT leadscore.detach('act', kind => 'candidate', label => 'l1');
SELECT count(DISTINCT split_part(tgname, '_', 2)) AS attachments FROM pg_trigger WHERE tgrelid = 'act'::regclass AND tgname LIKE '%leadscore%';
INSERT INTO leadscore.rule (name, points, filter, person_filter) VALUES ('f', 1, '$.a == "x\\\\y" && $.update > 1', '$.b like_regex "^z"');
UPDATE leadscore.settings SET person_url = 'https://crm.example/{external_id}';
INSERT INTO candidate VALUES (1);
INSERT INTO act VALUES (1, 1, 'm2'), (2, 1, 'm1');
SELECT count(*) FROM leadscore.activity;
SELECT count(*) FROM leadscore.verify();
SELECT leadscore.reattach('act');
SELECT length(leadscore.report()) > 0, leadscore.export_config() -> 'rules' -> 0 ->> 'filter';
