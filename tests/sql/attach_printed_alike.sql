-- What is stored of a row does not depend on the settings of whoever wrote it, nor on those of whoever attaches or verifies.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
RESET ROLE;
INSERT INTO leadscore.rule (name, points, condition) VALUES ('Half an hour', 7, '{"duration": "00:30:00"}');
SET ROLE regress_application;
CREATE TYPE slot AS (begins timestamptz, lasts interval);
CREATE DOMAIN length AS interval;
CREATE TABLE candidate (id bigint PRIMARY KEY, state interval, owner money, score int);
CREATE TABLE call (id bigint PRIMARY KEY, candidate_id bigint, state bytea, kind interval, duration length, paid money, ratio float8, small float4, picture bytea,
    spans tstzrange, days date[], times timestamptz[], slot slot, table_name regclass);
SELECT leadscore.attach_person('candidate', 'candidate', status => 'state', owner => 'owner', score => 'score');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', only_when => '{"state": "\\x01", "kind": "1 mon 2 days"}',
    attributes => '{duration,paid,ratio,small,picture,spans,days,times,slot,table_name}');
PREPARE person(int) AS INSERT INTO candidate (id, state, owner) VALUES ($1, '90 min', 12.5);
PREPARE call(int) AS INSERT INTO call VALUES ($1, $1, '\x01', '1 month 2 days', '30 min', 12.5, 0.1 + 0.2::float8, 0.1::float4, '\x00ff', '[2026-01-01 12:00 UTC,2026-01-02 12:00 UTC)',
    ARRAY['2026-01-31'::date], ARRAY['2026-01-31 12:00 UTC'::timestamptz], ROW('2026-01-31 12:00 UTC', '3 days'), 'app.call');
EXECUTE person(1); EXECUTE call(1);
SET intervalstyle = 'iso_8601'; SET datestyle = 'German'; SET timezone = 'America/New_York'; SET extra_float_digits = -3; SET bytea_output = 'escape';
SET quote_all_identifiers = on; SET search_path = app; SET xmlbinary = hex;
EXECUTE person(2); EXECUTE call(2);
UPDATE call SET duration = '29 min' WHERE id = 1;
UPDATE call SET duration = '30 min' WHERE id = 1;
-- Somebody else attaches and verifies, under yet other settings.
RESET ROLE;
SELECT count(*) FROM leadscore.verify();
SET intervalstyle = 'sql_standard'; SET timezone = 'Asia/Tokyo'; SET datestyle = 'SQL, DMY';
SELECT leadscore.resync('app.call');
SELECT count(*) FROM leadscore.verify();
RESET ALL;
SET timezone = 'UTC'; SET datestyle = 'ISO, YMD';
SELECT external_id, status, owner, score FROM leadscore.person ORDER BY 1;
SELECT jsonb_pretty(attributes) FROM leadscore.activity WHERE source_key = '1';
SELECT count(DISTINCT attributes), count(*) FROM leadscore.activity;
