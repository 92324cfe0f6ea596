-- Installs leadscore in the database of an application, with rules that concern whatever its tables are attached as.
\set ON_ERROR_STOP 1
SET client_min_messages = warning;
CREATE EXTENSION leadscore;
UPDATE leadscore.settings SET time_zone = 'Europe/Amsterdam';
INSERT INTO leadscore.activity_type VALUES ('appointment'), ('email'), ('to do');
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 10), ('hot', 30);
INSERT INTO leadscore.rule (name, activity_types, points, relevant_for, max_counted) VALUES
    ('Appointment', '{appointment}', 10, '3 months', 5), ('E-mail', '{email}', 2, '1 month', NULL), ('To do', '{"to do"}', 5, '2 months', NULL);
INSERT INTO leadscore.rule (name, kind, points, inactive_for) VALUES ('Silence', 'inactivity', -5, '30 days');
\o /dev/null
SELECT leadscore_recompute();
\o
