-- Programs and the house itself are no visitors.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
RESET ROLE;
INSERT INTO leadscore.activity_type VALUES ('job_view'), ('website_visit'), ('application');
INSERT INTO leadscore.rule (name, activity_types, points) VALUES ('Job view', '{job_view}', 10), ('Visit', '{website_visit}', 1), ('Application', '{application}', 100);
INSERT INTO leadscore.person (person_id, kind, external_id) VALUES (1, 'candidate', 'a'), (2, 'candidate', 'b'), (3, 'contact', 'a');
UPDATE leadscore.track_settings SET internal_addresses = '{192.0.2.0/24, 2001:db8::/32}';
SELECT leadscore.track('[
    {"event": "jobview", "person": "candidate:a", "consent": true, "agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"},
    {"event": "jobview", "person": "candidate:a", "consent": true, "agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120.0.0.0 Safari/537.36"},
    {"type": "track", "event": "jobview", "userId": "candidate:a", "context": {"consent": true, "userAgent": "UptimeRobot/2.0"}},
    {"event": "jobview", "person": "candidate:a", "consent": true, "agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15"},
    {"event": "jobview", "person": "candidate:b", "consent": true, "ip": "192.0.2.7"},
    {"event": "jobview", "person": "candidate:b", "consent": true, "ip": "::ffff:192.0.2.7"},
    {"type": "track", "event": "jobview", "userId": "candidate:b", "context": {"consent": true, "ip": "2001:db8::1"}},
    {"event": "jobview", "person": "candidate:b", "consent": true, "ip": "198.51.100.7"}]') AS result;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT count(*) FROM leadscore.event e WHERE to_jsonb(e)::text ~* 'mozilla|198\.51';
-- Whoever withdraws is heard from anywhere.
SELECT leadscore.track('{"event": "jobview", "person": "candidate:b", "consent": false, "ip": "192.0.2.7", "agent": "curl/8"}') -> 'withdrawn' AS withdrawn;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
