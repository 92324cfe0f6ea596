-- Rules in words, in English (en) and Dutch (nl).

CREATE FUNCTION leadscore._require_language(caller text, language text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF language IS NULL OR language NOT IN ('en', 'nl') THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('%s: there is no language %s', caller, coalesce(quote_literal(language), 'NULL')),
            DETAIL = 'Texts are there in English and Dutch.',
            HINT = 'Use ''en'' or ''nl''.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._require_language(text, text) IS 'Raises an error when texts are not there in a language';

CREATE FUNCTION leadscore._length_in(language text, length interval) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE language WHEN 'nl' THEN
               replace(replace(replace(replace(replace(replace(leadscore._length(length),
                   'years', 'jaar'), 'year', 'jaar'), 'months', 'maanden'), 'month', 'maand'), 'days', 'dagen'), '1 day', '1 dag')
           ELSE leadscore._length(length) END;
END;
COMMENT ON FUNCTION leadscore._length_in(text, interval) IS 'A length of time in words of a language';

CREATE FUNCTION leadscore._list_in(language text, list text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN list IS NOT NULL THEN
           concat_ws(CASE language WHEN 'nl' THEN ' of ' ELSE ' or ' END,
                     nullif(array_to_string(list[:cardinality(list) - 1], ', '), ''), list[cardinality(list)]) END;
COMMENT ON FUNCTION leadscore._list_in(text, text[]) IS 'A list as people say it in a language';

CREATE FUNCTION leadscore._in_words(r leadscore.rule, language text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    nl       boolean := language = 'nl';
    number   text := format(CASE WHEN nl THEN CASE WHEN abs(r.points) = 1 THEN '%s punt' ELSE '%s punten' END
                                 ELSE CASE WHEN abs(r.points) = 1 THEN '%s point' ELSE '%s points' END END, r.points);
    types    text := leadscore._list_in(language, r.activity_types);
    length   text := leadscore._length_in(language, r.relevant_for);
    -- What an activity must have, and what a person must be.
    details  text := (SELECT string_agg(format('%s = %s', c.key, coalesce(c.value, 'null')), CASE WHEN nl THEN ' en ' ELSE ' and ' END ORDER BY c.key)
                      FROM jsonb_each_text(r.condition) c);
    matching text := concat(CASE WHEN nl THEN ' met ' ELSE ' with ' END || details,
                            CASE WHEN nl THEN ' waarvoor geldt ' ELSE ' for which ' END || leadscore._path(r.filter) || CASE WHEN nl THEN '' ELSE ' holds' END);
    someone  text := nullif(concat_ws(' ',
                            coalesce(leadscore._list_in(language, r.person_kinds),
                                     CASE WHEN r.statuses IS NOT NULL OR r.person_filter IS NOT NULL THEN CASE WHEN nl THEN 'personen' ELSE 'persons' END END),
                            CASE WHEN nl THEN 'met status ' ELSE 'with status ' END || leadscore._list_in(language, r.statuses),
                            CASE WHEN nl THEN 'voor wie geldt ' ELSE 'for whom ' END || leadscore._path(r.person_filter) || CASE WHEN nl THEN '' ELSE ' holds' END), '');
    whom     text := CASE WHEN nl THEN 'voor ' ELSE 'for ' END || someone;
    since    text := CASE WHEN r.effective_from IS NOT NULL THEN
                         CASE WHEN nl THEN 'vanaf ' ELSE 'from ' END || to_char(r.effective_from, 'YYYY-MM-DD') || CASE WHEN nl THEN '' ELSE ' on' END END;
    -- For how long a record counts, and how it loses its worth.
    lasts    text := concat_ws(', ',
                         CASE WHEN r.decay = 'linear' THEN format(CASE WHEN nl THEN 'loopt in %s af tot 0' ELSE 'falls to 0 over %s' END, length)
                              WHEN length IS NOT NULL THEN format(CASE WHEN nl THEN 'telt %s' ELSE 'counts for %s' END, length)
                              WHEN r.decay = 'none' THEN CASE WHEN nl THEN 'telt altijd' ELSE 'counts for ever' END END,
                         CASE WHEN r.decay = 'halving' THEN format(CASE WHEN nl THEN 'halveert elke %s' ELSE 'halves with each %s' END,
                                                                   leadscore._length_in(language, r.half_life)) END);
    words    text;
BEGIN
    words := CASE r.kind
        WHEN 'inactivity' THEN concat_ws(', ',
            format(CASE WHEN nl THEN '%s na %s zonder %s' ELSE '%s after %s without %s' END, number,
                   leadscore._length_in(language, r.inactive_for), coalesce(types, CASE WHEN nl THEN 'activiteit' ELSE 'any activity' END)) || matching,
            CASE WHEN r.repeat_every IS NOT NULL
                 THEN format(CASE WHEN nl THEN 'opnieuw na elke %s' ELSE 'again after each %s' END, leadscore._length_in(language, r.repeat_every)) END,
            CASE WHEN r.repeat_every IS NOT NULL AND r.max_repeats IS NOT NULL
                 THEN format(CASE WHEN nl THEN 'hoogstens %s keer' ELSE 'at most %s times' END, r.max_repeats) END,
            CASE WHEN length IS NULL THEN CASE WHEN nl THEN 'tot er weer activiteit is' ELSE 'until there is activity again' END
                 ELSE format(CASE WHEN nl THEN 'telt %s' ELSE 'counts for %s' END, length) END,
            CASE WHEN r.excused_by_planned THEN CASE WHEN nl THEN 'niet als er al iets gepland is' ELSE 'not when something is planned already' END END,
            whom, since)
        WHEN 'frequency' THEN concat_ws(', ',
            format(CASE WHEN nl THEN '%s zolang er minstens %s %s%s in %s zijn' ELSE '%s while there are at least %s %s%s within %s' END, number,
                   r.at_least, coalesce(types, CASE WHEN nl THEN 'activiteiten' ELSE 'activities' END), matching, leadscore._length_in(language, r.within)),
            whom, since)
        WHEN 'profile' THEN concat_ws(', ',
            format(CASE WHEN nl THEN '%s voor %s' ELSE '%s for %s' END, number, coalesce(someone, CASE WHEN nl THEN 'iedereen' ELSE 'everybody' END)),
            CASE WHEN length IS NOT NULL OR r.decay <> 'none'
                 THEN lasts || CASE WHEN nl THEN ' vanaf de eerste dag' ELSE ' from the first day on' END END,
            since)
        ELSE concat_ws(', ',
            format(CASE WHEN nl THEN '%s per %s' ELSE '%s for each %s' END, number,
                   coalesce(types, CASE WHEN nl THEN 'activiteit' ELSE 'activity' END)) || matching,
            lasts,
            CASE WHEN nl THEN 'hoogstens ' ELSE 'at most ' END || r.max_per_day || CASE WHEN nl THEN ' per dag' ELSE ' a day' END,
            CASE WHEN nl THEN 'hoogstens ' ELSE 'at most ' END || r.max_counted || CASE WHEN nl THEN ' tegelijk' ELSE ' at a time' END,
            whom, since)
    END;
    RETURN concat_ws(', ', words,
                     CASE WHEN r.scorecard <> 'main' THEN format(CASE WHEN nl THEN 'op scorekaart %s' ELSE 'on scorecard %s' END, r.scorecard) END,
                     CASE WHEN nl THEN 'alleen van ' ELSE 'of ' END || r.tenant || CASE WHEN nl THEN '' ELSE ' alone' END)
        || CASE WHEN r.enabled THEN '' WHEN nl THEN ' (staat uit)' ELSE ' (switched off)' END;
END $$;
COMMENT ON FUNCTION leadscore._in_words(leadscore.rule, text) IS 'What a rule says, in words of a language';

CREATE FUNCTION leadscore.describe(rule_id int, language text DEFAULT 'en') RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rule leadscore.rule;
BEGIN
    PERFORM leadscore._require_language('describe', language);
    SELECT r.* INTO rule FROM leadscore.rule r WHERE r.rule_id = describe.rule_id;
    IF NOT FOUND THEN
        RAISE no_data_found USING
            MESSAGE = format('describe: rule %s does not exist', coalesce(rule_id::text, 'NULL')),
            DETAIL = 'leadscore.rule has no such row.',
            HINT = 'Look it up in leadscore.rule.';
    END IF;
    RETURN leadscore._in_words(rule, language);
END $$;
COMMENT ON FUNCTION leadscore.describe(int, text) IS 'A rule in words, in English (en) or Dutch (nl)';

CREATE VIEW leadscore.rule_in_words WITH (security_invoker = true) AS
SELECT r.rule_id, r.name, leadscore._in_words(r, 'en') AS english, leadscore._in_words(r, 'nl') AS dutch
FROM leadscore.rule r;
COMMENT ON VIEW leadscore.rule_in_words IS 'The rules in words';
COMMENT ON COLUMN leadscore.rule_in_words.rule_id IS 'The rule';
COMMENT ON COLUMN leadscore.rule_in_words.name IS 'Its name';
COMMENT ON COLUMN leadscore.rule_in_words.english IS 'What it says, in English';
COMMENT ON COLUMN leadscore.rule_in_words.dutch IS 'What it says, in Dutch';
