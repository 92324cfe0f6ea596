-- What the isolation specs share: tests/run puts it into the database that they start from.
-- The tables of schema app come with the spec.
SET check_function_bodies = off;

CREATE SCHEMA verdict;

-- Rules of several kinds, two candidates and a contact, each with a history; scored today.
CREATE PROCEDURE verdict.set_up(visited_days_ago int DEFAULT 4) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE leadscore.settings SET time_zone = 'UTC' WHERE time_zone <> 'UTC';
    INSERT INTO leadscore.activity_type VALUES ('call'), ('visit'), ('meeting');
    INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 5), ('hot', 12);
    INSERT INTO leadscore.rule (name, activity_types, points, relevant_for) VALUES ('call', ARRAY['call'], 5, '30 days');
    INSERT INTO leadscore.rule (name, activity_types, points, relevant_for, decay) VALUES ('visit', ARRAY['visit'], 8, '20 days', 'linear');
    INSERT INTO leadscore.rule (name, activity_types, points, max_counted, statuses) VALUES ('meeting', ARRAY['meeting'], 10, 1, ARRAY['open']);
    INSERT INTO leadscore.rule (name, kind, points, inactive_for, repeat_every, max_repeats)
    VALUES ('silence', 'inactivity', -4, '10 days', '10 days', 2);
    INSERT INTO leadscore.person (person_id, kind, status) VALUES (1, 'candidate', 'open'), (2, 'candidate', 'open'), (3, 'contact', 'open');
    INSERT INTO leadscore.activity (person_id, activity_type, occurred_at)
    VALUES (1, 'meeting', now()), (1, 'visit', now() - visited_days_ago * interval '1 day'), (2, 'call', now() - interval '25 days'),
           (2, 'visit', now()), (3, 'call', now() + interval '3 days');
    PERFORM leadscore_recompute();
    -- Persons that arrive from a table of the application.
    ALTER TABLE leadscore.person ALTER person_id RESTART WITH 11;
END $$;

-- Everything that a spec has brought, the application's schema app too.
CREATE PROCEDURE verdict.tear_down() LANGUAGE plpgsql SET client_min_messages = warning AS $$
BEGIN
    PERFORM leadscore.detach(s.source, keep => false) FROM (SELECT DISTINCT source FROM leadscore.source WHERE role = 'activity') s;
    PERFORM leadscore.detach(s.source, keep => false) FROM leadscore.source s;
    DROP SCHEMA IF EXISTS app CASCADE;
    TRUNCATE leadscore.person;
    DELETE FROM leadscore.rule;
    DELETE FROM leadscore.category;
    DELETE FROM leadscore.activity_type;
    PERFORM leadscore_recompute();
END $$;

-- "exact", or each difference between what is stored and what follows from the data.
CREATE FUNCTION verdict.exactness() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce('NOT EXACT: ' || string_agg(format('%s of person %s: stored %s, derived %s',
                                                       v.item, v.person_id, coalesce(v.stored, 'none'), coalesce(v.derived, 'none')),
                                                ', ' ORDER BY v.person_id, v.item, v.stored, v.derived),
                    'exact')
    FROM leadscore.verify() v
$$;

-- Each person's score, category and number of records: "exact; 1: 26 hot of 4, 2: 13 hot of 2".
CREATE FUNCTION verdict.scores() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT verdict.exactness() || '; ' || coalesce(string_agg(format('%s: %s of %s', p.person_id, concat_ws(' ', p.score, p.category), r.records),
                                                              ', ' ORDER BY p.person_id), 'nobody')
    FROM leadscore.person p,
         LATERAL (SELECT count(*) AS records FROM leadscore.score_record s WHERE s.person_id = p.person_id) r
$$;

-- Each applicant's score, category and number of activities, and what the row of the application's table says of stage,
-- score and category: "exact; 1: 16 hot of 2 (open 16 hot), 2: 8 warm of 1 (open 8 warm)".
CREATE FUNCTION verdict.applicants() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT verdict.exactness() || '; ' ||
           coalesce(string_agg(coalesce(p.external_id, c.id::text) || ': ' ||
                               CASE WHEN p.person_id IS NULL THEN 'NO PERSON' ELSE format('%s of %s', concat_ws(' ', p.score, p.category), a.activities) END ||
                               CASE WHEN c.id IS NULL THEN ' (NO ROW)' ELSE format(' (%s)', concat_ws(' ', c.stage, c.score, c.band)) END,
                               ', ' ORDER BY coalesce(p.external_id, c.id::text)), 'nobody')
    FROM (SELECT * FROM leadscore.person WHERE kind = 'applicant') p FULL JOIN app.candidate c ON c.id::text = p.external_id
    LEFT JOIN LATERAL (SELECT count(*) AS activities FROM leadscore.activity a WHERE a.person_id = p.person_id) a ON true
$$;
