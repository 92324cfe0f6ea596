-- A small agency without a tenant, with names that nobody should have, and two customers of a vendor beside it.
SET client_min_messages = warning;
CREATE EXTENSION leadscore;
UPDATE leadscore.settings SET time_zone = 'Europe/Amsterdam';
INSERT INTO leadscore.activity_type VALUES ('appointment'), ('call'), ('email'), ('vacancy'), ('<script>throw 1</script>');
INSERT INTO leadscore.rule (name, kind, activity_types, person_kinds, points, relevant_for, inactive_for) VALUES
    ('Call', 'activity', '{call}', NULL, 5, '30 days', NULL),
    ('E-mail', 'activity', '{email}', NULL, 1, '30 days', NULL),
    ('<img src="http://192.0.2.1/x.png" onerror="throw 2">', 'activity', '{"<script>throw 1</script>"}', NULL, 2, '60 days', NULL),
    ('Silence', 'inactivity', NULL, '{candidate}', -10, NULL, '60 days');
INSERT INTO leadscore.category (name, min_score, color) VALUES ('cold', NULL, '#4a90d9'), ('lukewarm', 5, '#f2c14e'), ('warm', 10, '#f08a3c'), ('hot', 20, '#d64545');

CREATE SCHEMA app;
CREATE TABLE app.candidate (candidate_id int PRIMARY KEY, name text, status text, owner text, registered_at timestamptz);
CREATE TABLE app.appointment (appointment_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, candidate_id int REFERENCES app.candidate, starts_at timestamptz);
CREATE TABLE app.call (call_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, candidate_id int REFERENCES app.candidate, called_at timestamptz);
SELECT leadscore.attach_person('app.candidate', 'candidate', status => 'status', owner => 'owner', since => 'registered_at', name => 'name');
SELECT leadscore.attach_activity('app.appointment', activity_type => 'appointment', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'starts_at');
SELECT leadscore.attach_activity('app.call', activity_type => 'call', person => 'candidate_id', person_kind => 'candidate', occurred_at => 'called_at');
INSERT INTO app.candidate
SELECT n, CASE n WHEN 1 THEN 'Emma Visser' WHEN 2 THEN 'Noah Bakker' WHEN 3 THEN '"><script>throw 3</script>' WHEN 4 THEN repeat('Wolfeschlegelsteinhausen', 5)
                 ELSE 'Candidate ' || n END,
       CASE WHEN n % 5 = 0 THEN 'placed' ELSE 'active' END, CASE WHEN n % 2 = 0 THEN 'Marit Hoekstra' ELSE 'Sanne Brouwer' END, now() - interval '40 days'
FROM generate_series(1, 40) n;
INSERT INTO app.call (candidate_id, called_at)
SELECT n, now() - interval '3 days' * k FROM generate_series(1, 40) n, generate_series(1, 12) k WHERE n NOT IN (9, 11) AND ((n * k) % 7 = 0 OR n IN (2, 6) AND k < 6);
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at)
SELECT person_id, '<script>throw 1</script>', now() - interval '2 days' FROM leadscore.person WHERE external_id IN ('3', '4');

-- Each contact is called in one month of nine, and most then give a vacancy; mail goes to everybody.
INSERT INTO leadscore.person (kind, name, external_id, since)
SELECT 'contact', 'Contact ' || n, n::text, now() - interval '400 days' FROM generate_series(1, 120) n;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at)
SELECT p.person_id, a.activity_type, now() - interval '30 days' * (n % 9 + 1) + a.days * interval '1 day'
FROM leadscore.person p
CROSS JOIN LATERAL (SELECT p.external_id::int) x(n)
CROSS JOIN LATERAL (VALUES ('call', 0), ('call', 2), ('vacancy', CASE WHEN n % 5 > 0 THEN 12 ELSE -70 END), ('email', -40), ('email', -20), ('email', 15), ('email', 16)) a(activity_type, days)
WHERE p.kind = 'contact';

INSERT INTO leadscore.person (tenant, kind, name, external_id, since)
SELECT t, 'candidate', initcap(t) || ' ' || n, n::text, now() - interval '20 days' FROM unnest('{north,south}'::text[]) t, generate_series(1, 6) n;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at)
SELECT person_id, 'call', now() - interval '1 day' FROM leadscore.person WHERE tenant IS NOT NULL;
SELECT FROM leadscore_recompute();

-- One reads persons before there is a console, the other will.
CREATE ROLE console_dashboard;
CREATE ROLE console_report;
GRANT USAGE ON SCHEMA leadscore TO console_dashboard, console_report;
GRANT SELECT ON leadscore.person TO console_dashboard;
