-- Between two runs a score is what counted on the last run's day and what has happened since; after a run it is exact.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('meeting'), ('note');
INSERT INTO leadscore.rule (name, kind, activity_types, points, relevant_for, decay, max_counted, inactive_for) VALUES
    ('Call', 'activity', '{call}', 10, '3 days', 'none', NULL, NULL),
    ('Meeting', 'activity', '{meeting}', 100, NULL, 'none', 1, NULL),
    ('Note', 'activity', '{note}', 1000, '4 days', 'linear', NULL, NULL),
    ('Silence', 'inactivity', '{call,meeting,note}', -1, NULL, 'none', NULL, '30 days');
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 15);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, since) VALUES
    (1, 'candidate', '2026-02-20'), (2, 'candidate', '2026-02-20'), (3, 'candidate', '2026-02-20'), (4, 'candidate', '2026-02-01'), (5, 'candidate', '2026-01-01');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', '2026-02-28'), (2, 'meeting', '2026-02-28'), (3, 'note', '2026-03-01');
SELECT person_id, score, category FROM leadscore.person ORDER BY 1;   -- 10, 100, 1000, 0, and -1 for the silence of 5

-- The nights of 2, 3 and 4 March are missed. A call of the 4th joins what counted on the 1st: 20, though on the 4th the call of
-- 28 February is over.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', '2026-03-04 10:00');
-- A meeting of the 4th takes the place of the older one at once: 100, never 200.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (2, 'meeting', '2026-03-04 10:00');
-- A note of the 4th brings all of its points, and the one of the 1st is worth what it was worth then: 2000.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (3, 'note', '2026-03-04 10:00');
-- A penalty of 4 (due on 3 March) waits for the run; one of 5 that counted is cleared: 10.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (5, 'call', '2026-03-04 10:00');
SELECT person_id, score, category FROM leadscore.person ORDER BY 1;
SELECT person_id, from_category, to_category, score, scored_on FROM leadscore.category_change ORDER BY change_id;
SELECT * FROM leadscore.verify();
-- What is deleted since is gone at once, what is entered late for before the run counts as of the run's day: 1 has 20 - 10 + 10.
DELETE FROM leadscore.activity WHERE person_id = 1 AND occurred_at = '2026-02-28';
SELECT score FROM leadscore.person WHERE person_id = 1;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', '2026-02-27');   -- counts on the 1st for the last time
SELECT score FROM leadscore.person WHERE person_id = 1;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', '2026-02-26');   -- over on the 1st
SELECT score FROM leadscore.person WHERE person_id = 1;
SELECT * FROM leadscore.verify();

-- The run of 4 March makes it exact: 1 has the call of the 4th; 2 a meeting; 3 has 250 + 1000; 4 lost a point; 5 has a call.
SELECT scored_on FROM leadscore_recompute('2026-03-04 12:00');
SELECT person_id, score, category FROM leadscore.person ORDER BY 1;
SELECT * FROM leadscore.verify();

-- The same persons and activities with every night run come to the same.
CREATE TEMP TABLE missed AS SELECT person_id, score, category, last_activity_at FROM leadscore.person;
CREATE TEMP TABLE missed_record AS SELECT person_id, rule_id, activity_id, points, counts_from, counts_until FROM leadscore.score_record;
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
SELECT scored_on FROM leadscore_recompute('2026-03-02 12:00');
SELECT scored_on FROM leadscore_recompute('2026-03-03 12:00');
SELECT scored_on FROM leadscore_recompute('2026-03-04 12:00');
SELECT person_id, score, category, last_activity_at FROM leadscore.person EXCEPT TABLE missed;
SELECT person_id, rule_id, activity_id, points, counts_from, counts_until FROM leadscore.score_record EXCEPT TABLE missed_record;
-- And so does a run of every later day skipped: 4 June from 4 March, against anew.
SELECT scored_on FROM leadscore_recompute('2026-06-04 12:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;   -- 1: -1, 2: 100 - 1, 3 to 5: -1
SELECT records_added, records_removed, persons_changed FROM leadscore_recompute('2026-06-04 12:00', full_rebuild => true);
