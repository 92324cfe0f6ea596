-- The report and the card of a person are whole pages that ask nothing of the network, whatever people are called.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
-- Without any data.
SELECT leadscore.report() LIKE '<!DOCTYPE html>%</html>%' AS page;
INSERT INTO leadscore.activity_type VALUES ('call'), ('<script>alert(1)</script>');
INSERT INTO leadscore.rule (name, points, relevant_for) VALUES ('<img src=x onerror=alert(2)>', 10, '60 days');
INSERT INTO leadscore.rule (name, kind, points, inactive_for) VALUES ('Silence', 'inactivity', -5, '30 days');
INSERT INTO leadscore.category (name, min_score, color) VALUES ('cold', NULL, '#4a90d9'), ('"><b>hot', 10, 'red;}</style><script>alert(3)</script>');
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, external_id, owner, status, since) VALUES
    (1, 'candidate', '</td><script>alert(4)</script>', 'O''Brien & "<Sons>"', '<i>', '2026-01-01'), (2, 'contact', NULL, NULL, NULL, '2025-01-01');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, '<script>alert(1)</script>', '2026-02-20'), (1, 'call', '2026-02-21');
CREATE TEMP TABLE page AS
SELECT 'report' AS page, language, leadscore.report(language) AS html FROM (VALUES ('en'), ('nl')) l(language)
UNION ALL
SELECT 'card', language, leadscore.person_card(1, language) FROM (VALUES ('en'), ('nl')) l(language);
SELECT page, language, html LIKE '%<html lang="' || language || '">%' AS says_so, html LIKE '%<svg%' AS chart,
       html ~* '<script|<img|<b>hot|<i>|<sons|</style>.*</style>' AS injected,
       html ~* '<[^>]*\s(src|href)\s*=|url\(|@import' AS asks_for_more, html LIKE '%&#60;script&#62;alert(%' AS shown_as_text
FROM page ORDER BY 1, 2;
SELECT page, language, substring(html FROM '<h2>([^<]*)</h2>') AS heading FROM page ORDER BY 1, 2;
-- The report sums up what there is.
SELECT regexp_replace(m[1], '<[^>]*>', '|', 'g') AS tile FROM regexp_matches((SELECT html FROM page WHERE page = 'report' AND language = 'en'), '(<div class="tile".*?)</div>', 'g') m;
-- Bad arguments.
SELECT leadscore.report('fr');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.person_card(9);
\echo :LAST_ERROR_SQLSTATE
-- One screen.
\x
SELECT scored_on, rebuild_due, time_zone, persons, categories, rules, category_changes_7 FROM leadscore.status;
