-- The report says which share of each category had the outcome that the settings name.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('<placed>');
INSERT INTO leadscore.rule (name, activity_types, points, relevant_for) VALUES ('Call', '{call}', 10, '30 days');
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 10);
INSERT INTO leadscore.person (person_id, kind, owner, since) SELECT g, 'candidate', CASE WHEN g <= 4 THEN 'Ann' END, '2025-12-15' FROM generate_series(1, 10) g;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at)
SELECT g, 'call', timestamptz '2026-01-20 12:00' FROM generate_series(1, 3) g UNION ALL SELECT 1, '<placed>', '2026-02-03 12:00' UNION ALL SELECT 9, '<placed>', '2026-02-04 12:00';
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
SELECT leadscore.report() LIKE '%and had%' AS without_settings;
UPDATE leadscore.settings SET outcome_type = '<placed>';
SELECT leadscore.report() LIKE '%and had%' AS without_horizon;
UPDATE leadscore.settings SET outcome_horizon = '28 days';
SET client_min_messages = notice;
-- On 1 February 3 are warm and 7 cold, and one of each is placed; a month before, all are cold and nobody is. None was known earlier.
CREATE TEMP VIEW line AS
SELECT l.language, l.owner, trim(regexp_replace(regexp_replace(m[1], '<[^>]*>', ' ', 'g'), '\s+', ' ', 'g')) AS line
FROM (VALUES ('en', NULL), ('nl', NULL), ('en', 'Ann')) l(language, owner),
     regexp_matches(substring(leadscore.report(l.language, owner => l.owner) FROM '<section class="wide"><h2>[^<]*?&#60;placed.*?</section>'), '(?:<h2>|<tr>).*?(?:</h2>|</tr>)', 'g') m;
SELECT * FROM line;
-- That is what evaluate() says.
SELECT category, persons, outcomes FROM leadscore.evaluate('<placed>', '28 days', '2026-02-01', '2026-02-01') WHERE category IS NOT NULL;
-- A horizon that reaches back before the calendar leaves nothing to show.
RESET ROLE;
UPDATE leadscore.settings SET outcome_horizon = '1000 years';
SELECT scored_on FROM leadscore_recompute('0900-03-01 12:00');
SET ROLE regress_application;
SELECT count(*) FROM line;
SELECT category, outcomes FROM leadscore.suggest_bands('{"warm": 3}');
SELECT * FROM leadscore.evaluate('call', '1 day', '0900-01-01', '9999-12-31', '1000 years') WHERE category IS NULL;
