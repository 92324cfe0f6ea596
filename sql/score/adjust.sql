-- Manual adjustments: points with a reason, from a day until a day.
CREATE FUNCTION leadscore.adjust(person_id bigint, points int, reason text,
                                 from_day date DEFAULT NULL, until_day date DEFAULT NULL,
                                 scorecard text DEFAULT 'main') RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    first_day date := coalesce(from_day, leadscore.scoring_day());
    made      bigint;
BEGIN
    IF points IS NULL OR points = 0 OR reason IS NULL OR btrim(reason) = '' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('adjust: person %s cannot be given %s points for %s',
                             coalesce(person_id::text, 'NULL'), coalesce(points::text, 'NULL'), coalesce(quote_literal(reason), 'NULL')),
            DETAIL = 'An adjustment has points other than 0 and a reason.',
            HINT = 'Say in words why the points are given.';
    END IF;
    PERFORM leadscore._check_day(first_day, 'adjust');
    IF until_day IS NOT NULL THEN
        PERFORM leadscore._check_day(until_day, 'adjust');
    END IF;
    IF until_day <= first_day THEN
        RAISE datetime_field_overflow USING
            MESSAGE = format('adjust: %s until %s is no period', first_day, until_day),
            DETAIL = 'An adjustment counts from a day until a later day, or for ever.',
            HINT = 'Leave until_day out to let it count for ever.';
    END IF;
    PERFORM leadscore._need_scorecard(scorecard, 'adjust');
    PERFORM leadscore._begin();
    PERFORM leadscore._need_own_person(adjust.person_id, 'adjust');
    PERFORM leadscore._lock_persons(ARRAY[adjust.person_id]);
    PERFORM leadscore._need_own_person(adjust.person_id, 'adjust');
    INSERT INTO leadscore.adjustment (person_id, points, reason, from_day, until_day, scorecard)
    VALUES (adjust.person_id, adjust.points, adjust.reason, first_day, adjust.until_day, adjust.scorecard)
    RETURNING adjustment_id INTO made;
    PERFORM leadscore._go_live();
    PERFORM leadscore._rescore(ARRAY[adjust.person_id], ARRAY[first_day]);
    RETURN made;
END $$;
COMMENT ON FUNCTION leadscore.adjust(bigint, int, text, date, date, text) IS 'Gives a person points with a reason, from a day (today) until a day (for ever), and returns the adjustment''s id';
-- Whoever adjusts writes the score of anybody: the owner says who may.
REVOKE ALL ON FUNCTION leadscore.adjust(bigint, int, text, date, date, text) FROM PUBLIC;

CREATE FUNCTION leadscore.unadjust(id bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    whose bigint;
BEGIN
    PERFORM leadscore._begin();
    SELECT a.person_id INTO whose FROM leadscore.adjustment a WHERE a.adjustment_id = id;
    DELETE FROM leadscore.adjustment a WHERE a.adjustment_id = id AND leadscore._is_seen(whose) RETURNING a.person_id INTO whose;
    IF NOT FOUND THEN
        RAISE no_data_found USING
            MESSAGE = format('adjustment %s does not exist', coalesce(id::text, 'NULL')),
            DETAIL = 'Nothing was adjusted under that id, or it was taken back already.',
            HINT = CASE WHEN leadscore._leads() THEN 'Adjustments are on the node of their person: SELECT leadscore.unadjust_by_key(…);'
                        ELSE 'Look it up in leadscore.adjustment.' END;
    END IF;
    PERFORM leadscore._rescore(ARRAY[whose]);
END $$;
COMMENT ON FUNCTION leadscore.unadjust(bigint) IS 'Takes a manual adjustment back';
REVOKE ALL ON FUNCTION leadscore.unadjust(bigint) FROM PUBLIC;
