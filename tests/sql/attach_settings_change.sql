-- What the settings' time zone gave when a row was written is derived again by the next run after they change.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
\set shown 'SELECT external_id, since, score FROM leadscore.person ORDER BY 1; SELECT activity_type, source_key, occurred_at FROM leadscore.activity ORDER BY 1, 2;'
CREATE TABLE candidate (id int PRIMARY KEY, since timestamp, score int);
CREATE TABLE slot (id int PRIMARY KEY, at timestamp);
CREATE TABLE call (id int PRIMARY KEY, candidate_id int, day date, slot_id int REFERENCES slot);
SELECT leadscore.attach_person('candidate', 'candidate', since => 'since', score => 'score');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'day');
SELECT leadscore.attach_activity('call', 'visit', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'slot_id.at', label => 'slot');
SELECT leadscore.attach_activity('call', 'visit', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'slot_id.at', label => 'own', time_zone => 'UTC');
INSERT INTO candidate VALUES (1, '2026-01-31 22:00');
INSERT INTO slot VALUES (1, '2026-02-28 20:00');
INSERT INTO call VALUES (1, 1, '2026-03-01', 1);
:shown
UPDATE leadscore.settings SET time_zone = 'Asia/Tokyo';
-- A row that comes now is read in the new zone, those that were there in the next run.
INSERT INTO candidate VALUES (2, '2026-01-31 22:00');
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
:shown
:verify
UPDATE leadscore.settings SET time_zone = 'America/New_York';
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
:shown
TABLE candidate ORDER BY id;
:verify
-- One that cannot be read keeps the run from nothing.
RESET ROLE;
ALTER TABLE app.call DISABLE TRIGGER USER;
DROP TRIGGER leadscore_2_columns ON app.call;
UPDATE leadscore.settings SET time_zone = 'UTC';
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
SELECT external_id, since FROM leadscore.person ORDER BY 1;
