-- Duplicates and erasure.

-- Activities and adjustments move and the winner is derived anew, as if all had been
-- registered on it. The application's key of the loser leads to the winner from now on.
CREATE FUNCTION leadscore.merge_person(loser bigint, winner bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lost leadscore.person;
BEGIN
    PERFORM leadscore._begin();
    PERFORM leadscore._need_person(loser, 'merge_person');
    PERFORM leadscore._need_person(winner, 'merge_person');
    -- Activities before persons, as who updates or deletes activities has them.
    PERFORM FROM leadscore.activity a WHERE a.person_id = loser ORDER BY a.activity_id FOR UPDATE;
    PERFORM leadscore._lock_sources(ARRAY[loser, winner]);
    PERFORM FROM leadscore.person p WHERE p.person_id IN (loser, winner) ORDER BY p.person_id FOR UPDATE;
    PERFORM leadscore._need_person(loser, 'merge_person');
    PERFORM leadscore._need_person(winner, 'merge_person');
    IF loser = winner THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('merge_person: loser and winner are both %s', loser),
            DETAIL = 'A person cannot be its own duplicate.',
            HINT = 'Name two persons.';
    END IF;
    SELECT * INTO lost FROM leadscore.person p WHERE p.person_id = loser;
    UPDATE leadscore.activity a SET person_id = winner WHERE a.person_id = loser;
    UPDATE leadscore.adjustment a SET person_id = winner WHERE a.person_id = loser;
    UPDATE leadscore.person_alias l SET person_id = winner WHERE l.person_id = loser;
    PERFORM leadscore._merge_visits(loser, winner);
    DELETE FROM leadscore.person p WHERE p.person_id = loser;
    IF lost.external_id IS NOT NULL THEN
        INSERT INTO leadscore.person_alias (kind, tenant, external_id, person_id, source_id)
        VALUES (lost.kind, lost.tenant, lost.external_id, winner, lost.source_id);
        PERFORM leadscore._forget_configuration();
    END IF;
    UPDATE leadscore.person p SET scored_through = lost.scored_through
    WHERE p.person_id = winner AND lost.scored_through > coalesce(p.scored_through, '-infinity');
    PERFORM leadscore._rescore(ARRAY[winner]);
    -- The loser's row in the application's table shows what its key leads to.
    PERFORM leadscore._write_back(ARRAY[winner]);
END $$;
COMMENT ON FUNCTION leadscore.merge_person(bigint, bigint) IS 'Joins a duplicate with the person it duplicates: what was registered on the loser moves to the winner, whose score is derived anew';
-- It removes a person and changes another one's score: the owner says who may.
REVOKE ALL ON FUNCTION leadscore.merge_person(bigint, bigint) FROM PUBLIC;

CREATE FUNCTION leadscore.forget_person(person_id bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._begin();
    PERFORM leadscore._need_person(forget_person.person_id, 'forget_person');
    -- Activities before persons, as who updates or deletes activities has them.
    PERFORM FROM leadscore.activity a WHERE a.person_id = forget_person.person_id ORDER BY a.activity_id FOR UPDATE;
    PERFORM leadscore._forget_visitors(forget_person.person_id);
    DELETE FROM leadscore.waiting w
    USING leadscore._person_key k
    WHERE k.person_id = forget_person.person_id AND w.person_kind = k.kind AND w.external_id = k.external_id
      AND w.tenant IS NOT DISTINCT FROM k.tenant;
    DELETE FROM leadscore.person p WHERE p.person_id = forget_person.person_id;
END $$;
COMMENT ON FUNCTION leadscore.forget_person(bigint) IS 'Erases a person: nothing of it remains in any table of leadscore; the application''s own tables are its own to clear, and first';
-- Erasure cannot be taken back: the owner says who may.
REVOKE ALL ON FUNCTION leadscore.forget_person(bigint) FROM PUBLIC;
