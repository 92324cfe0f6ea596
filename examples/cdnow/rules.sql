-- What makes a customer hot: recent purchases and many of them. Silence makes cold.

INSERT INTO leadscore.activity_type (activity_type, description) VALUES
    ('purchase', 'An order of CDs; attributes cds (number) and dollars (value)');

INSERT INTO leadscore.category (person_kind, name, min_score, color) VALUES
    ('customer', 'cold', NULL, '#4a90d9'),
    ('customer', 'warm', 25,   '#f08a3c'),
    ('customer', 'hot',  50,   '#d64545');

INSERT INTO leadscore.rule (name, activity_types, person_kinds, points, relevant_for, decay, max_per_day, max_counted) VALUES
    ('Recent purchase',  '{purchase}', '{customer}', 20, '6 months', 'linear', 1, NULL),
    ('Regular customer', '{purchase}', '{customer}', 10, '1 year',   'none',   1, 5);

INSERT INTO leadscore.rule (name, kind, activity_types, person_kinds, points, inactive_for, repeat_every, max_repeats) VALUES
    ('Silence', 'inactivity', '{purchase}', '{customer}', -10, '60 days', '30 days', 3);
