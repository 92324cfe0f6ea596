-- The floor: the writes that the result cannot do without, of values that are ready. Each function is
-- one call of an application; the statements of it are prepared once a session, by PL/pgSQL. A change of
-- category is written where leadscore writes one: where a total passes 25, 50 or 75.

-- One activity that two rules match.
CREATE FUNCTION floor.register(of_person bigint, type text, first_rule int, second_rule int, day date, until date, band text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    id    bigint;
    total bigint;
BEGIN
    INSERT INTO floor.activity (person_id, activity_type, attributes)
    VALUES (of_person, type, '{"stage": 2}') RETURNING activity_id INTO id;
    INSERT INTO floor.score_record (person_id, activity_id, rule_id, points, counts_from, counts_until)
    VALUES (of_person, id, first_rule, 5, day, until), (of_person, id, second_rule, 3, day, until);
    UPDATE floor.person SET score = score + 8, category = band, last_activity_at = now() WHERE person_id = of_person
    RETURNING score INTO total;
    IF total % 25 < 8 AND total < 100 THEN
        INSERT INTO floor.category_change (person_id, from_category, to_category, score, scored_on)
        VALUES (of_person, band, band, total, day);
    END IF;
END $$;

-- The same for a row of an application's own table, with the insert of that row.
CREATE FUNCTION floor.appoint(of_person bigint, kind text, first_rule int, second_rule int, day date, until date, band text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    row_id bigint;
    id     bigint;
    total  bigint;
BEGIN
    INSERT INTO floor.appointment (candidate_id, type, stage) VALUES (of_person, kind, 2) RETURNING appointment.id INTO row_id;
    INSERT INTO floor.activity (person_id, activity_type, attributes, source_id, source_key)
    VALUES (of_person, kind, '{"stage": 2}', 1, row_id::text) RETURNING activity_id INTO id;
    INSERT INTO floor.score_record (person_id, activity_id, rule_id, points, counts_from, counts_until)
    VALUES (of_person, id, first_rule, 5, day, until), (of_person, id, second_rule, 3, day, until);
    UPDATE floor.person SET score = score + 8, category = band, last_activity_at = now() WHERE person_id = of_person
    RETURNING score INTO total;
    IF total % 25 < 8 AND total < 100 THEN
        INSERT INTO floor.category_change (person_id, from_category, to_category, score, scored_on)
        VALUES (of_person, band, band, total, day);
    END IF;
END $$;

-- A status that one record of the person depends on: rule 2, for the activity of type_1.
CREATE FUNCTION floor.change_status(of_person bigint, of_activity bigint, day date, until date, band text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    now_is text;
BEGIN
    UPDATE floor.person
    SET status = CASE status WHEN 'active' THEN 'placed' ELSE 'active' END,
        score = score + CASE status WHEN 'active' THEN -3 ELSE 3 END, category = band
    WHERE person_id = of_person
    RETURNING status INTO now_is;
    IF now_is = 'placed' THEN
        DELETE FROM floor.score_record s WHERE s.person_id = of_person AND s.activity_id = of_activity AND s.rule_id = 2;
    ELSE
        INSERT INTO floor.score_record (person_id, activity_id, rule_id, points, counts_from, counts_until)
        VALUES (of_person, of_activity, 2, 3, day, until);
    END IF;
END $$;

-- An activity with two records.
CREATE FUNCTION floor.delete_activity(of_person bigint, of_activity bigint, last timestamptz, band text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM floor.activity a WHERE a.person_id = of_person AND a.activity_id = of_activity;
    DELETE FROM floor.score_record s WHERE s.person_id = of_person AND s.activity_id = of_activity;
    UPDATE floor.person SET score = score - 8, category = band, last_activity_at = last WHERE person_id = of_person;
END $$;
