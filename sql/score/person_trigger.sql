-- What a person that is inserted, changed, removed or renumbered means for its score.

-- A new row starts with no points and the category of that, whatever the application put
-- into the columns that leadscore writes.
CREATE FUNCTION leadscore._person_arrives() RETURNS trigger
LANGUAGE c SECURITY DEFINER AS 'MODULE_PATHNAME', 'person_arrives_wrapper';
COMMENT ON FUNCTION leadscore._person_arrives() IS 'Trigger: checks an inserted or changed person and gives a new one its first category';
REVOKE ALL ON FUNCTION leadscore._person_arrives() FROM PUBLIC;
CREATE TRIGGER a_arrives BEFORE INSERT ON leadscore.person
    FOR EACH ROW EXECUTE FUNCTION leadscore._person_arrives();
CREATE TRIGGER a_changes BEFORE UPDATE OF person_id, tenant, kind, since ON leadscore.person
    FOR EACH ROW EXECUTE FUNCTION leadscore._person_arrives();

-- Whoever writes persons, or rows of an attached table that is written back, waits for a running
-- recompute before it locks any of them.
CREATE FUNCTION leadscore._write_begins() RETURNS trigger
LANGUAGE c SECURITY DEFINER AS 'MODULE_PATHNAME', 'write_begins_wrapper';
COMMENT ON FUNCTION leadscore._write_begins() IS 'Trigger: waits for a running recompute before rows are locked that it writes';
REVOKE ALL ON FUNCTION leadscore._write_begins() FROM PUBLIC;
CREATE TRIGGER write_begins BEFORE UPDATE OR DELETE ON leadscore.person
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._write_begins();

-- Silence counts from the day of since, and a profile gives its points at once: the row has come with its score, and
-- here come the records, and what waited for the person.
CREATE FUNCTION leadscore._persons_arrived(ids bigint[], attached bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    IF EXISTS (SELECT FROM leadscore.source) THEN
        PERFORM leadscore._write_back(attached);
        PERFORM leadscore._admit_waiting(ids);
    END IF;
    PERFORM leadscore._claim_visits(ids);
END $$;
COMMENT ON FUNCTION leadscore._persons_arrived(bigint[], bigint[]) IS 'Lets new persons meet what waited for them, and brings the scores of those from attached tables there';
REVOKE ALL ON FUNCTION leadscore._persons_arrived(bigint[], bigint[]) FROM PUBLIC;

CREATE FUNCTION leadscore._person_inserted() RETURNS trigger
LANGUAGE c SECURITY DEFINER AS 'MODULE_PATHNAME', 'person_inserted_wrapper';
COMMENT ON FUNCTION leadscore._person_inserted() IS 'Trigger: stores the score records of inserted persons';
REVOKE ALL ON FUNCTION leadscore._person_inserted() FROM PUBLIC;
CREATE TRIGGER score_inserted AFTER INSERT ON leadscore.person
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._person_inserted();

-- Rules look at tenant, kind, status and attributes, silence at since. Without a list of these columns, since a BEFORE trigger
-- of somebody else's may set one that the UPDATE does not name: scores are written directly, which fires neither trigger. The
-- row trigger notes whom it met and the statement trigger derives them as one set.
CREATE FUNCTION leadscore._person_changed() RETURNS trigger
LANGUAGE c SECURITY DEFINER AS 'MODULE_PATHNAME', 'person_changed_wrapper';
COMMENT ON FUNCTION leadscore._person_changed() IS 'Trigger: derives persons anew of whom changed what rules look at';
REVOKE ALL ON FUNCTION leadscore._person_changed() FROM PUBLIC;
-- No WHEN: PostgreSQL would read its expression anew for every statement.
CREATE TRIGGER note_changed AFTER UPDATE ON leadscore.person
    FOR EACH ROW EXECUTE FUNCTION leadscore._person_changed();
CREATE TRIGGER score_changed AFTER UPDATE ON leadscore.person
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._person_changed();

CREATE FUNCTION leadscore._person_deleted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    strayed record;
BEGIN
    -- In deferred mode others register activities without waiting: what they bring is seen by all of this statement or by no part
    -- of it, and then when it is scored. Rows of attached tables whose person goes with its row wait for its key.
    FOR strayed IN
        WITH gone AS (
            DELETE FROM leadscore.activity t USING old_row o WHERE t.person_id = o.person_id RETURNING t.*, o.kind, o.tenant, o.external_id
        ), scored AS (
            -- Those that score_pending() is taking are left to it: it may wait for a row that is locked here.
            DELETE FROM leadscore.pending t
            WHERE t.ctid = ANY (ARRAY(SELECT n.ctid FROM leadscore.pending n JOIN old_row o ON o.person_id = n.person_id FOR UPDATE OF n SKIP LOCKED))
        ), waits AS (
            SELECT g.* FROM gone g
            WHERE g.source_id IS NOT NULL AND g.external_id IS NOT NULL AND current_setting('leadscore.loses', true) = 'on'
        ), shelved AS (
            INSERT INTO leadscore.waiting (source_id, source_key, person_kind, tenant, external_id, activity_type, occurred_at, attributes)
            SELECT w.source_id, w.source_key, w.kind, w.tenant, w.external_id, w.activity_type, w.occurred_at, w.attributes
            FROM waits w
            ON CONFLICT (source_id, source_key) DO NOTHING
        )
        SELECT w.source_id, array_agg(w.source_key) AS keys
        FROM waits w JOIN leadscore.renumbered r ON r.person_id = w.person_id
        GROUP BY w.source_id
    LOOP
        -- Some of them may name the key that the person had before.
        PERFORM leadscore._recheck_at_commit(strayed.source_id, strayed.keys);
    END LOOP;
    DELETE FROM leadscore.score_record t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.person_score t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.due t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.renumbered t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.adjustment t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.category_change t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.person_alias t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.person_consent t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.handover t USING old_row o WHERE t.person_id = o.person_id;
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
    TRUNCATE leadscore.activity, leadscore.score_record, leadscore.person_score, leadscore.due, leadscore.pending, leadscore.renumbered, leadscore.adjustment, leadscore.category_change,
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
