-- Who is about to fall to a lower category.

CREATE FUNCTION leadscore._cooling(within_days int, scorecard text)
RETURNS TABLE (person_id bigint, score bigint, category text, falls_on date, falls_to_score bigint, falls_to_category text)
LANGUAGE c STABLE STRICT COST 100000 ROWS 100 AS 'MODULE_PATHNAME', 'cooling_wrapper';
COMMENT ON FUNCTION leadscore._cooling(int, text) IS 'Persons that will fall to a lower category, for leadscore.cooling()';

CREATE FUNCTION leadscore.cooling(within_days int, scorecard text DEFAULT 'main')
RETURNS TABLE (person_id bigint, kind text, external_id text, owner text, score bigint, category text,
               falls_on date, falls_to_score bigint, falls_to_category text, name text, tenant text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
#variable_conflict use_column
BEGIN
    IF within_days IS NULL OR within_days NOT BETWEEN 1 AND 36600 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('cooling: %s is no number of days', coalesce(within_days::text, 'NULL')),
            DETAIL = 'It looks from 1 day to a hundred years ahead.',
            HINT = 'Ask for the coming week with SELECT * FROM leadscore.cooling(7);';
    END IF;
    PERFORM leadscore._need_scorecard(cooling.scorecard, 'cooling');
    RETURN QUERY
    SELECT p.person_id, p.kind, p.external_id, p.owner, c.score, c.category,
           c.falls_on, c.falls_to_score, c.falls_to_category, p.name, p.tenant
    FROM leadscore._cooling(within_days, cooling.scorecard) c
    JOIN leadscore.person p ON p.person_id = c.person_id
    UNION ALL
    SELECT x.*
    FROM leadscore._ask_all(format('SELECT * FROM leadscore.cooling(%s, %L)', within_days, cooling.scorecard)) a
    CROSS JOIN LATERAL jsonb_to_recordset(a.answer) x(person_id bigint, kind text, external_id text, owner text, score bigint, category text,
                                                      falls_on date, falls_to_score bigint, falls_to_category text, name text, tenant text)
    ORDER BY 7, 5 DESC, 1;
END $$;
COMMENT ON FUNCTION leadscore.cooling(int, text) IS 'Persons that will fall to a lower category of a scorecard within so many days if nothing more is registered, when and to which; goes by the scores as they stand';
