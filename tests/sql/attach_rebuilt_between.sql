-- A table that rows of an attached one reach is rebuilt: copied, and put in its place with the foreign key made anew.
INSERT INTO leadscore.activity_type VALUES ('call'), ('visit'), ('stage');
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 10), ('hot', 30);
INSERT INTO leadscore.rule (name, activity_types, points) VALUES ('call', '{call}', 10), ('visit', '{visit}', 7), ('stage', '{stage}', 3);
SELECT FROM leadscore_recompute();
INSERT INTO leadscore.rule (name, kind, points, statuses) VALUES ('offer', 'profile', 50, '{offer}');
CREATE TABLE region (id int PRIMARY KEY, code text);
CREATE TABLE stage (id int PRIMARY KEY, name text, region_id int REFERENCES region);
CREATE TABLE candidate (id int PRIMARY KEY, stage_id int REFERENCES stage, score int DEFAULT 0);
CREATE INDEX ON candidate (stage_id);
CREATE INDEX ON stage (region_id);
SELECT leadscore.attach_person('candidate', 'candidate', status => 'stage_id.name', owner => 'stage_id.region_id.code', score => 'score');
INSERT INTO region VALUES (1, 'north');
INSERT INTO stage VALUES (1, 'new', 1);
INSERT INTO candidate VALUES (1, 1);
CREATE VIEW said AS SELECT severity, finding, remedy FROM leadscore.doctor() WHERE finding LIKE '%candidate%' OR finding LIKE '%trigger%';
CREATE VIEW told AS SELECT p.external_id, p.status, p.owner, p.score FROM leadscore.person p ORDER BY 1;
-- The table in between, whose old one stays.
CREATE TABLE stage_new (LIKE stage INCLUDING ALL);
ALTER TABLE stage_new ADD FOREIGN KEY (region_id) REFERENCES region;
INSERT INTO stage_new SELECT * FROM stage;
ALTER TABLE stage RENAME TO stage_old;
ALTER TABLE stage_new RENAME TO stage;
ALTER TABLE candidate DROP CONSTRAINT candidate_stage_id_fkey;
ALTER TABLE candidate ADD FOREIGN KEY (stage_id) REFERENCES stage;
TABLE said;
SELECT remedy FROM said \gexec
TABLE said;
UPDATE stage SET name = 'offer';
INSERT INTO stage VALUES (2, 'offer', NULL);
INSERT INTO candidate VALUES (2, 2);
UPDATE region SET code = 'south';
TABLE told;
SELECT * FROM leadscore.verify();
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE '%leadscore%' AND tgrelid = 'stage_old'::regclass;
-- The last one, which goes at once.
CREATE TABLE region_new (LIKE region INCLUDING ALL);
INSERT INTO region_new SELECT * FROM region;
DROP TABLE region CASCADE;
ALTER TABLE region_new RENAME TO region;
ALTER TABLE stage ADD FOREIGN KEY (region_id) REFERENCES region;
TABLE said;
SELECT remedy FROM said \gexec
TABLE said;
UPDATE region SET code = 'west';
TABLE told;
SELECT * FROM leadscore.verify();
