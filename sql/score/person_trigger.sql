-- What a person that is inserted, changed, removed or renumbered means for its score.

-- A new row starts with no points and the category of that, whatever the application put
-- into the columns that leadscore writes.
CREATE FUNCTION leadscore._person_arrives() RETURNS trigger
LANGUAGE c SECURITY DEFINER AS 'MODULE_PATHNAME', 'person_arrives_wrapper';
COMMENT ON FUNCTION leadscore._person_arrives() IS 'Trigger: checks an inserted or changed person and gives a new one its first category';
REVOKE ALL ON FUNCTION leadscore._person_arrives() FROM PUBLIC;
CREATE TRIGGER a_arrives BEFORE INSERT ON leadscore.person
    FOR EACH ROW EXECUTE FUNCTION leadscore._person_arrives();
CREATE TRIGGER a_changes BEFORE UPDATE OF person_id, kind, since ON leadscore.person
    FOR EACH ROW EXECUTE FUNCTION leadscore._person_arrives();

-- Whoever writes persons, or rows of an attached table that is written back, waits for a running
-- recompute before it locks any of them.
CREATE FUNCTION leadscore._write_begins() RETURNS trigger
LANGUAGE c SECURITY DEFINER AS 'MODULE_PATHNAME', 'write_begins_wrapper';
COMMENT ON FUNCTION leadscore._write_begins() IS 'Trigger: waits for a running recompute before rows are locked that it writes';
REVOKE ALL ON FUNCTION leadscore._write_begins() FROM PUBLIC;
CREATE TRIGGER write_begins BEFORE UPDATE OR DELETE ON leadscore.person
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._write_begins();

-- Silence counts from the day of since, so a person known for long can have penalties at once.
CREATE FUNCTION leadscore._person_inserted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ids       bigint[];
    attached  regclass;
    at_a_time CONSTANT int := 25000;
BEGIN
    IF EXISTS (SELECT FROM inserted n WHERE n.recorded_at = now()) THEN
        PERFORM leadscore._go_live();
    ELSIF NOT EXISTS (SELECT FROM leadscore.instance) THEN
        RETURN NULL;  -- a restore brings the rows with what belongs to them
    END IF;
    IF EXISTS (SELECT FROM leadscore.rule r WHERE r.enabled AND r.kind = 'inactivity') THEN
        SELECT array_agg(n.person_id ORDER BY n.person_id) INTO ids
        FROM inserted n
        WHERE EXISTS (SELECT FROM leadscore.rule r
                      WHERE r.enabled AND r.kind = 'inactivity'
                        AND leadscore._applies(r.person_kinds, r.statuses, n.kind, n.status));
        -- So many come at once when their table is attached: that takes long, and is told.
        IF cardinality(ids) > at_a_time THEN
            SELECT s.source INTO attached FROM inserted n JOIN leadscore.source s ON s.source_id = n.source_id LIMIT 1;
        END IF;
        FOR done IN 0 .. coalesce(cardinality(ids), 0) - 1 BY at_a_time LOOP
            PERFORM leadscore._rescore(ids[done + 1 : done + at_a_time]);
            IF attached IS NOT NULL THEN
                RAISE NOTICE '%: % of % persons scored', attached, least(done + at_a_time, cardinality(ids)), cardinality(ids);
            END IF;
        END LOOP;
    END IF;
    IF EXISTS (SELECT FROM leadscore.source) THEN
        PERFORM leadscore._write_back(array_agg(n.person_id)) FROM inserted n WHERE n.source_id IS NOT NULL;
        PERFORM leadscore._admit_waiting(array_agg(n.person_id)) FROM inserted n;
    END IF;
    PERFORM leadscore._claim_visits(array_agg(n.person_id)) FROM inserted n;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._person_inserted() IS 'Trigger: looks for penalties of inserted persons';
REVOKE ALL ON FUNCTION leadscore._person_inserted() FROM PUBLIC;
CREATE TRIGGER score_inserted AFTER INSERT ON leadscore.person
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._person_inserted();

-- Rules look at kind and status, silence at since. A transition table cannot go with a list
-- of columns, and without the list every activity would pay for this trigger: so the row
-- trigger notes whom it met and the statement trigger derives them as one set.
CREATE FUNCTION leadscore._person_changed() RETURNS trigger
LANGUAGE c SECURITY DEFINER AS 'MODULE_PATHNAME', 'person_changed_wrapper';
COMMENT ON FUNCTION leadscore._person_changed() IS 'Trigger: derives persons anew whose kind, status or since changed';
REVOKE ALL ON FUNCTION leadscore._person_changed() FROM PUBLIC;
-- No WHEN: PostgreSQL would read its expression anew for every statement.
CREATE TRIGGER note_changed AFTER UPDATE OF kind, status, since ON leadscore.person
    FOR EACH ROW EXECUTE FUNCTION leadscore._person_changed();
CREATE TRIGGER score_changed AFTER UPDATE OF kind, status, since ON leadscore.person
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._person_changed();

CREATE FUNCTION leadscore._person_deleted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM leadscore.activity t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.score_record t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.due t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.pending t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.adjustment t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.category_change t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.person_alias t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.person_consent t USING old_row o WHERE t.person_id = o.person_id;
    PERFORM leadscore._remove_visits(array_agg(o.person_id)) FROM old_row o;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._person_deleted() IS 'Trigger: removes all that belongs to deleted persons';
REVOKE ALL ON FUNCTION leadscore._person_deleted() FROM PUBLIC;
CREATE TRIGGER remove_deleted AFTER DELETE ON leadscore.person
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._person_deleted();

CREATE FUNCTION leadscore._person_truncated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    TRUNCATE leadscore.activity, leadscore.score_record, leadscore.due, leadscore.pending, leadscore.adjustment, leadscore.category_change,
             leadscore.person_alias, leadscore.person_consent, leadscore.event, leadscore.visitor_person, leadscore.visitor;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._person_truncated() IS 'Trigger: removes all that belongs to all persons';
REVOKE ALL ON FUNCTION leadscore._person_truncated() FROM PUBLIC;
CREATE TRIGGER remove_truncated AFTER TRUNCATE ON leadscore.person
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._person_truncated();

-- A person whose row in the attached table is deleted may come back in the same transaction.
CREATE FUNCTION leadscore._person_departed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._lose_persons(ARRAY[p.person_id]) FROM leadscore.person p WHERE p.person_id = NEW.person_id AND p.departed;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._person_departed() IS 'Trigger: removes a person, at commit, whose row in the attached table is gone';
REVOKE ALL ON FUNCTION leadscore._person_departed() FROM PUBLIC;
CREATE CONSTRAINT TRIGGER remove_departed AFTER UPDATE OF departed ON leadscore.person
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.departed AND NOT OLD.departed)
    EXECUTE FUNCTION leadscore._person_departed();
