-- Points as somebody writes them down who has not looked at any outcome: the nearer to a purchase, the more.

INSERT INTO leadscore.activity_type (activity_type, description) VALUES
    ('inbound_touch',  'The lead came: download, webinar, answer'),
    ('outbound_touch', 'The lead was called or written to'),
    ('website',        'A session on the website'),
    ('pricing_page',   'A session on the page of prices'),
    ('demo_page',      'A session on the page of the demo'),
    ('email',          'Sales wrote'),
    ('call',           'Sales called'),
    ('meeting',        'Sales met'),
    ('demo',           'Sales showed the product'),
    ('opportunity',    'Sales opened an opportunity'),
    ('closed_won',     'The outcome: the lead bought');

INSERT INTO leadscore.category (person_kind, name, min_score) VALUES ('lead', 'cold', NULL), ('lead', 'warm', 25), ('lead', 'hot', 50);

INSERT INTO leadscore.rule (name, activity_types, points) VALUES
    ('Inbound touch',  '{inbound_touch}',  2),
    ('Outbound touch', '{outbound_touch}', 1),
    ('Website',        '{website}',        2),
    ('Pricing page',   '{pricing_page}',   5),
    ('Demo page',      '{demo_page}',      5),
    ('E-mail',         '{email}',          1),
    ('Call',           '{call}',           2),
    ('Meeting',        '{meeting}',        5),
    ('Demo',           '{demo}',          10),
    ('Opportunity',    '{opportunity}',   15);

INSERT INTO leadscore.rule (name, kind, person_filter, points) VALUES
    ('By a partner',       'profile', '$.source == "partner_referral"',                         5),
    ('By itself',          'profile', '$.source == "inbound_marketing"',                        3),
    ('Decides on money',   'profile', '$.role == "economic_buyer"',                            10),
    ('Champion',           'profile', '$.role == "champion"',                                   5),
    ('Director or higher', 'profile', '$.seniority == "director" || $.seniority == "vp" || $.seniority == "c_suite"', 5),
    ('500 and more work there', 'profile', '$.employees != "200-499"',                          3),
    ('Orderly processes',  'profile', '$.maturity == "high"',                                   5),
    ('Chaotic processes',  'profile', '$.maturity == "low"',                                   -5),
    ('Personal address',   'profile', '$.address == "personal"',                               -5);
