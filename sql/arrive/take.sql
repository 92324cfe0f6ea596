-- What changed in an attached table, brought to persons and activities. The arguments are
-- arrays side by side, an element for each changed row: the key that it had (NULL: it is
-- new) and the one that it has (NULL: it is gone, or is none of what was attached).

-- Attached after the snapshot of the transaction: what it changed cannot be judged by it.
CREATE FUNCTION leadscore._source_in_sight(of_source int) RETURNS leadscore.source
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    source leadscore.source;
BEGIN
    SELECT * INTO source FROM leadscore.source s WHERE s.source_id = of_source;
    IF NOT FOUND THEN
        RAISE serialization_failure USING
            MESSAGE = 'could not serialize access due to a table that was attached in the meantime',
            HINT = 'The transaction might succeed if retried.';
    END IF;
    RETURN source;
END $$;
COMMENT ON FUNCTION leadscore._source_in_sight(int) IS 'An attached table, or a serialization failure when it was attached after the snapshot';
REVOKE ALL ON FUNCTION leadscore._source_in_sight(int) FROM PUBLIC;

-- A key can be that of two rows for a while: within a transaction when its constraint is deferred, and within a statement
-- on a partitioned table, whose rows are brought over one by one. Then the order of the changes does not tell whose the key
-- is in the end; the table itself does, at commit.
CREATE FUNCTION leadscore._recheck_at_commit(of_source int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    noted CONSTANT text := 'leadscore.recheck_' || of_source;
BEGIN
    -- Once for the transaction is enough.
    IF coalesce(current_setting(noted, true), '') <> 'on' THEN
        PERFORM set_config(noted, 'on', true);
        UPDATE leadscore.source s SET source_id = s.source_id WHERE s.source_id = of_source;
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._recheck_at_commit(int) IS 'Has what came from an attached table brought in step with its rows at commit';
REVOKE ALL ON FUNCTION leadscore._recheck_at_commit(int) FROM PUBLIC;

CREATE FUNCTION leadscore._source_rechecked() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('leadscore.recheck_' || NEW.source_id, '', true);
    PERFORM leadscore._resync(s.source_id) FROM leadscore.source s WHERE s.source_id = NEW.source_id AND s.attached;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._source_rechecked() IS 'Trigger: brings what came from an attached table in step with its rows';
REVOKE ALL ON FUNCTION leadscore._source_rechecked() FROM PUBLIC;
CREATE CONSTRAINT TRIGGER recheck AFTER UPDATE OF source_id ON leadscore.source
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION leadscore._source_rechecked();

CREATE FUNCTION leadscore._take_activities(of_source int, old_keys text[], new_keys text[], persons text[],
                                           types text[], moments timestamptz[], details jsonb[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    source leadscore.source;
    held   jsonb;
BEGIN
    source := leadscore._source_in_sight(of_source);
    -- The one new row that most statements bring needs no more than this.
    IF cardinality(new_keys) = 1 AND old_keys[1] IS NULL THEN
        INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes, source_id, source_key)
        SELECT k.person_id, t.activity_type, coalesce(moments[1], now()), details[1], of_source, new_keys[1]
        FROM leadscore._person_key k, leadscore.activity_type t
        WHERE k.kind = source.person_kind AND k.external_id = persons[1] AND t.activity_type = types[1]
          AND NOT EXISTS (SELECT FROM leadscore.activity a WHERE a.source_id = of_source AND a.source_key = new_keys[1]);
        IF FOUND THEN
            RETURN;
        END IF;
    END IF;
    IF EXISTS (SELECT FROM unnest(new_keys, persons, types) c(new_key, external_id, type)
               WHERE c.new_key IS NOT NULL
                 AND (NOT EXISTS (SELECT FROM leadscore._person_key k WHERE k.kind = source.person_kind AND k.external_id = c.external_id)
                      OR NOT EXISTS (SELECT FROM leadscore.activity_type t WHERE t.activity_type = c.type))) THEN
        -- A row will have to wait: unless its person is just arriving, which is seen under the lock.
        LOCK TABLE leadscore.waiting IN SHARE ROW EXCLUSIVE MODE;
        PERFORM leadscore._need_current_snapshot();
    END IF;
    -- A person that is just going is waited for, and then not found.
    PERFORM leadscore._lock_persons(ARRAY(
        SELECT k.person_id FROM leadscore._person_key k
        WHERE k.kind = source.person_kind AND k.external_id = ANY (persons)
        UNION
        SELECT a.person_id FROM leadscore.activity a WHERE a.source_id = of_source AND a.source_key = ANY (old_keys)));
    -- A new key that is there already and of no row in this call: of a row that is gone unseen, or that will change later.
    IF EXISTS (SELECT FROM leadscore.activity a
               WHERE a.source_id = of_source AND a.source_key = ANY (new_keys) AND (a.source_key = ANY (old_keys)) IS NOT TRUE)
       OR EXISTS (SELECT FROM leadscore.waiting w
                  WHERE w.source_id = of_source AND w.source_key = ANY (new_keys) AND (w.source_key = ANY (old_keys)) IS NOT TRUE) THEN
        PERFORM leadscore._recheck_at_commit(of_source);
    END IF;
    -- What waited makes place; it keeps its moment where the table does not tell one.
    WITH released AS (
        DELETE FROM leadscore.waiting w
        WHERE w.source_id = of_source AND (w.source_key = ANY (old_keys) OR w.source_key = ANY (new_keys))
        RETURNING w.source_key, w.occurred_at
    )
    SELECT coalesce(jsonb_object_agg(r.source_key, r.occurred_at), '{}') INTO held FROM released r;
    WITH change AS MATERIALIZED (
        SELECT c.*, coalesce(c.moment, (held ->> coalesce(c.old_key, c.new_key))::timestamptz) AS told,
               k.person_id, k.person_id IS NOT NULL AND t.activity_type IS NOT NULL AS ready
        FROM unnest(old_keys, new_keys, persons, types, moments, details) c(old_key, new_key, external_id, type, moment, detail)
        LEFT JOIN leadscore._person_key k ON k.kind = source.person_kind AND k.external_id = c.external_id AND c.new_key IS NOT NULL
        LEFT JOIN leadscore.activity_type t ON t.activity_type = c.type
    ), existing AS MATERIALIZED (
        SELECT a.person_id, a.activity_id, a.source_key, a.occurred_at
        FROM leadscore.activity a
        WHERE a.source_id = of_source
          AND (a.source_key = ANY (old_keys) OR a.source_key = ANY (new_keys))
    ), kept AS MATERIALIZED (
        -- An activity keeps its id when its row only changes.
        SELECT c.*, e.person_id AS old_person_id, e.activity_id, coalesce(c.moment, e.occurred_at) AS at
        FROM change c JOIN existing e ON e.source_key = coalesce(c.old_key, c.new_key)
        WHERE c.ready
    ), updated AS (
        UPDATE leadscore.activity a
        SET person_id = c.person_id, activity_type = c.type, occurred_at = c.at, attributes = c.detail, source_key = c.new_key
        FROM kept c
        WHERE a.person_id = c.old_person_id AND a.activity_id = c.activity_id
          AND (a.person_id, a.activity_type, a.occurred_at, a.attributes, a.source_key)
              IS DISTINCT FROM (c.person_id, c.type, c.at, c.detail, c.new_key)
    ), removed AS (
        DELETE FROM leadscore.activity a
        USING existing e
        WHERE a.person_id = e.person_id AND a.activity_id = e.activity_id
          AND NOT EXISTS (SELECT FROM kept c WHERE c.activity_id = e.activity_id)
    ), added AS (
        INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes, source_id, source_key)
        SELECT c.person_id, c.type, coalesce(c.told, now()), c.detail, of_source, c.new_key
        FROM change c
        WHERE c.ready AND NOT EXISTS (SELECT FROM existing e WHERE e.source_key = coalesce(c.old_key, c.new_key))
        ORDER BY coalesce(c.told, now()), c.new_key
    )
    INSERT INTO leadscore.waiting AS v (source_id, source_key, person_kind, external_id, activity_type, occurred_at, attributes)
    SELECT of_source, c.new_key, source.person_kind, c.external_id, c.type, coalesce(c.told, e.occurred_at, now()), c.detail
    FROM change c
    LEFT JOIN existing e ON e.source_key = c.old_key
    WHERE c.new_key IS NOT NULL AND NOT c.ready
    ON CONFLICT (source_id, source_key) DO UPDATE
    SET external_id = EXCLUDED.external_id, activity_type = EXCLUDED.activity_type,
        occurred_at = EXCLUDED.occurred_at, attributes = EXCLUDED.attributes
    WHERE (v.external_id, v.activity_type, v.occurred_at, v.attributes)
          IS DISTINCT FROM (EXCLUDED.external_id, EXCLUDED.activity_type, EXCLUDED.occurred_at, EXCLUDED.attributes);
END $$;
COMMENT ON FUNCTION leadscore._take_activities(int, text[], text[], text[], text[], timestamptz[], jsonb[]) IS 'Brings changed rows of an attached table to activities';
REVOKE ALL ON FUNCTION leadscore._take_activities(int, text[], text[], text[], text[], timestamptz[], jsonb[]) FROM PUBLIC;

-- Activities of attached tables whose person has no longer the key that their rows name wait
-- for that key.
CREATE FUNCTION leadscore._shelve_activities(ids bigint[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH shelved AS (
        DELETE FROM leadscore.activity a
        USING leadscore.person p
        WHERE a.person_id = ANY (ids) AND p.person_id = a.person_id AND a.source_id IS NOT NULL AND p.external_id IS NOT NULL
        RETURNING a.*, p.kind, p.external_id
    )
    INSERT INTO leadscore.waiting (source_id, source_key, person_kind, external_id, activity_type, occurred_at, attributes)
    SELECT s.source_id, s.source_key, s.kind, s.external_id, s.activity_type, s.occurred_at, s.attributes
    FROM shelved s
    ON CONFLICT (source_id, source_key) DO NOTHING;
END;
COMMENT ON FUNCTION leadscore._shelve_activities(bigint[]) IS 'Lets activities of attached tables wait for the key of their person';
REVOKE ALL ON FUNCTION leadscore._shelve_activities(bigint[]) FROM PUBLIC;

CREATE FUNCTION leadscore._lose_persons(ids bigint[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- What is being registered on them now is waited for, and then seen.
    SELECT count(*) FROM (SELECT FROM leadscore.person p WHERE p.person_id = ANY (ids) ORDER BY p.person_id FOR UPDATE) locked;
    SELECT leadscore._shelve_activities(ids);
    DELETE FROM leadscore.person p WHERE p.person_id = ANY (ids);
END;
COMMENT ON FUNCTION leadscore._lose_persons(bigint[]) IS 'Removes persons whose rows are gone; activities of attached tables wait for their return';
REVOKE ALL ON FUNCTION leadscore._lose_persons(bigint[]) FROM PUBLIC;

-- Persons who get another key find it free: whoever had it and is gone by now goes at once, without waiting for the commit.
CREATE FUNCTION leadscore._make_way(of_kind text, keys text[], to_persons bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone   bigint[];
    holder leadscore.person;
BEGIN
    SELECT array_agg(p.person_id) INTO gone
    FROM leadscore.person p WHERE p.kind = of_kind AND p.external_id = ANY (keys) AND p.departed AND p.person_id <> ALL (to_persons);
    IF gone IS NOT NULL THEN
        PERFORM leadscore._lose_persons(gone);
    END IF;
    SELECT p.* INTO holder
    FROM leadscore.person p WHERE p.kind = of_kind AND p.external_id = ANY (keys) AND p.person_id <> ALL (to_persons) LIMIT 1;
    IF FOUND THEN
        RAISE unique_violation USING
            MESSAGE = format('person %s of kind %L has the key %L still', holder.person_id, of_kind, holder.external_id),
            DETAIL = 'A row changes to that key while another has it, or is only about to change, too.',
            HINT = 'Exchange keys in one statement, on a partitioned table by way of keys that no row has.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._make_way(text, text[], bigint[]) IS 'Frees keys that persons get, or refuses when somebody else has one';
REVOKE ALL ON FUNCTION leadscore._make_way(text, text[], bigint[]) FROM PUBLIC;

CREATE FUNCTION leadscore._take_persons(of_source int, old_keys text[], new_keys text[], new_statuses text[],
                                        new_owners text[], moments timestamptz[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    source     leadscore.source;
    renumbered bigint[];
    given      text[];
BEGIN
    source := leadscore._source_in_sight(of_source);

    UPDATE leadscore.person p SET departed = true
    FROM unnest(old_keys, new_keys) c(old_key, new_key)
    WHERE c.new_key IS NULL AND p.kind = source.person_kind AND p.external_id = c.old_key;
    DELETE FROM leadscore.person_alias l
    USING unnest(old_keys, new_keys) c(old_key, new_key)
    WHERE c.new_key IS NULL AND l.kind = source.person_kind AND l.external_id = c.old_key;

    -- The application renumbered persons. Rows that name a new key already wait for it, and
    -- those that still name the old one have no person now.
    SELECT array_agg(p.person_id), array_agg(c.new_key) INTO renumbered, given
    FROM unnest(old_keys, new_keys) c(old_key, new_key)
    JOIN leadscore.person p ON p.kind = source.person_kind AND p.external_id = c.old_key
    WHERE c.old_key <> c.new_key;
    IF renumbered IS NOT NULL THEN
        PERFORM leadscore._make_way(source.person_kind, given, renumbered);
        PERFORM leadscore._shelve_activities(renumbered);
        -- First out of each other's way: keys may be exchanged.
        UPDATE leadscore.person p SET external_id = NULL WHERE p.person_id = ANY (renumbered);
        UPDATE leadscore.person p SET external_id = r.key
        FROM unnest(renumbered, given) r(person_id, key)
        WHERE p.person_id = r.person_id;
        PERFORM leadscore._admit_waiting(renumbered);
        PERFORM leadscore._write_back(renumbered);
    END IF;

    -- A new row with the key of one that is there is another row, of the same person in the end, if of any.
    IF EXISTS (SELECT FROM unnest(old_keys, new_keys) c(old_key, new_key)
               JOIN leadscore.person p ON p.kind = source.person_kind AND p.external_id = c.new_key
               WHERE c.old_key IS NULL AND p.source_id = of_source AND NOT p.departed) THEN
        PERFORM leadscore._recheck_at_commit(of_source);
    END IF;
    INSERT INTO leadscore.person AS p (kind, external_id, status, owner, since, source_id)
    SELECT source.person_kind, c.new_key, c.status, c.owner, coalesce(c.moment, now()), of_source
    FROM unnest(old_keys, new_keys, new_statuses, new_owners, moments) c(old_key, new_key, status, owner, moment)
    WHERE c.new_key IS NOT NULL
      AND NOT EXISTS (SELECT FROM leadscore.person_alias l WHERE l.kind = source.person_kind AND l.external_id = c.new_key)
      AND NOT EXISTS (SELECT FROM leadscore.person q WHERE q.kind = source.person_kind AND q.external_id = c.new_key);

    UPDATE leadscore.person p
    SET status = CASE WHEN source.parts ? 'status' THEN c.status ELSE p.status END,
        owner = CASE WHEN source.parts ? 'owner' THEN c.owner ELSE p.owner END,
        since = coalesce(c.moment, p.since), source_id = of_source, departed = false
    FROM unnest(old_keys, new_keys, new_statuses, new_owners, moments) c(old_key, new_key, status, owner, moment)
    WHERE c.new_key IS NOT NULL AND p.kind = source.person_kind AND p.external_id = c.new_key
      AND (p.status, p.owner, p.since, p.source_id, p.departed)
          IS DISTINCT FROM (CASE WHEN source.parts ? 'status' THEN c.status ELSE p.status END,
                            CASE WHEN source.parts ? 'owner' THEN c.owner ELSE p.owner END,
                            coalesce(c.moment, p.since), of_source, false);
    -- A row that came back has empty columns.
    PERFORM leadscore._write_back(array_agg(p.person_id))
    FROM unnest(old_keys, new_keys) c(old_key, new_key)
    JOIN leadscore.person p ON p.kind = source.person_kind AND p.external_id = c.new_key
    WHERE c.old_key IS NULL;
END $$;
COMMENT ON FUNCTION leadscore._take_persons(int, text[], text[], text[], text[], timestamptz[]) IS 'Brings changed rows of an attached table to persons';
REVOKE ALL ON FUNCTION leadscore._take_persons(int, text[], text[], text[], text[], timestamptz[]) FROM PUBLIC;

-- The rows of an attached table as they are now, read as the table's owner.
CREATE FUNCTION leadscore._source_rows(of_source int)
RETURNS TABLE (key text, person text, activity_type text, moment timestamptz, attributes jsonb, status text, owner text,
               score text, category text)
LANGUAGE c ROWS 100000 AS 'MODULE_PATHNAME', 'source_rows_wrapper';
COMMENT ON FUNCTION leadscore._source_rows(int) IS 'The rows of an attached table that are persons or activities';
REVOKE ALL ON FUNCTION leadscore._source_rows(int) FROM PUBLIC;

CREATE FUNCTION leadscore._source_row_changed() RETURNS trigger
LANGUAGE c SECURITY DEFINER AS 'MODULE_PATHNAME', 'source_row_changed_wrapper';
COMMENT ON FUNCTION leadscore._source_row_changed() IS 'Trigger on attached tables: notes a changed row';
-- Who makes a partition of an attached table must be allowed to execute it: PUBLIC keeps the right that it has by default.

CREATE FUNCTION leadscore._source_changed() RETURNS trigger
LANGUAGE c SECURITY DEFINER AS 'MODULE_PATHNAME', 'source_changed_wrapper';
COMMENT ON FUNCTION leadscore._source_changed() IS 'Trigger on attached tables: brings the changed rows of a statement to persons and activities';
REVOKE ALL ON FUNCTION leadscore._source_changed() FROM PUBLIC;

CREATE FUNCTION leadscore._source_truncated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    source leadscore.source;
BEGIN
    SELECT * INTO source FROM leadscore.source s WHERE s.source_id = TG_ARGV[0]::int AND s.source = TG_RELID;
    IF source.role = 'activity' THEN
        DELETE FROM leadscore.waiting w WHERE w.source_id = source.source_id;
        DELETE FROM leadscore.activity a WHERE a.source_id = source.source_id;
    ELSIF source.role = 'person' THEN
        UPDATE leadscore.person p SET departed = true WHERE p.source_id = source.source_id;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._source_truncated() IS 'Trigger on attached tables: TRUNCATE takes all that came from the table';
REVOKE ALL ON FUNCTION leadscore._source_truncated() FROM PUBLIC;
