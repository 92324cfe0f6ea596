-- Something for each panel of the dashboard: runs of past days with moves between categories, activity of the last days, a row
-- that waits for its person, and a finding of doctor().
SET client_min_messages = warning;
CREATE EXTENSION leadscore;
SELECT leadscore.load_preset('recruitment');
INSERT INTO leadscore.person (kind, external_id, name, owner, since)
SELECT (ARRAY['candidate', 'contact'])[1 + n % 2], n, 'Person ' || n, (ARRAY['Marit', 'Daan'])[1 + n % 2], now() - interval '60 days' FROM generate_series(1, 12) n;
UPDATE leadscore.person SET recorded_at = now() - interval '50 days';
CREATE PROCEDURE run_of(ago int) LANGUAGE sql AS $$
    INSERT INTO leadscore.activity (person_id, activity_type, occurred_at)
    SELECT p.person_id, 'appointment', now() - (ago + n) * interval '1 day' FROM leadscore.person p, generate_series(0, 2) n WHERE (p.person_id + ago) % (n + 2) = 0;
    SELECT FROM leadscore_recompute(now() - ago * interval '1 day');
$$;
-- Warm by what ends within days.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at)
SELECT p.person_id, 'appointment', now() - (50 + n) * interval '1 day' FROM leadscore.person p, generate_series(1, 5) n WHERE p.person_id < 5;
CALL run_of(40); CALL run_of(33); CALL run_of(20); CALL run_of(9); CALL run_of(0);
CREATE TABLE call (call_id int PRIMARY KEY, candidate text, called_at timestamptz);
INSERT INTO call VALUES (1, 'nobody', now() - interval '1 hour');
SELECT leadscore.attach_activity('call', 'call', person => 'candidate', person_kind => 'candidate', occurred_at => 'called_at');
ALTER TABLE call DISABLE TRIGGER ALL;
ANALYZE;
