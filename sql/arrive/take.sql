-- What changed in an attached table, brought to persons; src/arrive/waiting.rs does it for activities. The arguments are
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

-- Rows for each transaction that asks for it, gone when it commits.
CREATE TABLE leadscore.recheck (
    -- No sequence: the rows of a restore come here, too, and would leave it other than it was.
    recheck_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    source_id  int NOT NULL,
    keys       text[] NOT NULL
);
COMMENT ON TABLE leadscore.recheck IS 'Rows of attached tables that the present transaction reads again when it commits; written by leadscore alone';
COMMENT ON COLUMN leadscore.recheck.recheck_id IS 'Tells one request from another';
COMMENT ON COLUMN leadscore.recheck.source_id IS 'The attached table';
COMMENT ON COLUMN leadscore.recheck.keys IS 'The keys of the rows';

-- A key can be that of two rows for a while: within a transaction when its constraint is deferred, and within a statement
-- on a partitioned table, whose rows are brought over one by one. Then the order of the changes does not tell whose the key
-- is in the end; the table itself does, at commit. Rows with other keys are left alone: others may be changing them.
CREATE FUNCTION leadscore._recheck_at_commit(of_source int, keys text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SET CONSTRAINTS leadscore.recheck DEFERRED;
    INSERT INTO leadscore.recheck (source_id, keys) VALUES (of_source, array_remove(keys, NULL));
END $$;
COMMENT ON FUNCTION leadscore._recheck_at_commit(int, text[]) IS 'Has what came from rows of an attached table with these keys brought in step with them at commit';
REVOKE ALL ON FUNCTION leadscore._recheck_at_commit(int, text[]) FROM PUBLIC;

CREATE FUNCTION leadscore._bring_rows(of_source int, keys text[]) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'bring_rows_wrapper';
COMMENT ON FUNCTION leadscore._bring_rows(int, text[]) IS 'Brings what came from rows of an attached table with these keys in step with them as they are by now';
REVOKE ALL ON FUNCTION leadscore._bring_rows(int, text[]) FROM PUBLIC;

CREATE FUNCTION leadscore._source_rechecked() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    keys text[];
BEGIN
    -- All of them are read when the first is due.
    IF EXISTS (SELECT FROM leadscore.recheck r WHERE r.recheck_id = NEW.recheck_id) THEN
        WITH due AS (
            DELETE FROM leadscore.recheck r WHERE r.source_id = NEW.source_id RETURNING r.keys
        )
        SELECT array_agg(DISTINCT k) INTO keys FROM due d CROSS JOIN LATERAL unnest(d.keys) k;
        PERFORM leadscore._bring_rows(s.source_id, keys) FROM leadscore.source s WHERE s.source_id = NEW.source_id AND s.attached;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._source_rechecked() IS 'Trigger: brings what came from rows of an attached table in step with them';
REVOKE ALL ON FUNCTION leadscore._source_rechecked() FROM PUBLIC;
CREATE CONSTRAINT TRIGGER recheck AFTER INSERT ON leadscore.recheck
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION leadscore._source_rechecked();

-- Activities of attached tables whose person has no longer the key that their rows name wait
-- for that key.
CREATE FUNCTION leadscore._shelve_activities(ids bigint[]) RETURNS void
-- Whose plans a session keeps.
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    strayed record;
BEGIN
    FOR strayed IN
        WITH gone AS (
            DELETE FROM leadscore.activity a
            USING leadscore.person p
            WHERE a.person_id = ANY (ids) AND p.person_id = a.person_id AND a.source_id IS NOT NULL AND p.external_id IS NOT NULL
            RETURNING a.*, p.kind, p.tenant, p.external_id
        ), shelved AS (
            INSERT INTO leadscore.waiting (source_id, source_key, person_kind, tenant, external_id, activity_type, occurred_at, attributes)
            SELECT g.source_id, g.source_key, g.kind, g.tenant, g.external_id, g.activity_type, g.occurred_at, g.attributes
            FROM gone g
            ON CONFLICT (source_id, source_key) DO NOTHING
        )
        SELECT g.source_id, array_agg(g.source_key) AS keys
        FROM gone g JOIN leadscore.renumbered r ON r.person_id = g.person_id
        GROUP BY g.source_id
    LOOP
        -- Some of them may name the key that the person had before.
        PERFORM leadscore._recheck_at_commit(strayed.source_id, strayed.keys);
    END LOOP;
END $$;
COMMENT ON FUNCTION leadscore._shelve_activities(bigint[]) IS 'Lets activities of attached tables wait for the key of their person';
REVOKE ALL ON FUNCTION leadscore._shelve_activities(bigint[]) FROM PUBLIC;

CREATE FUNCTION leadscore._lose_persons(ids bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET leadscore.loses = 'on' AS $$
BEGIN
    -- What is being registered on them now is waited for, and then seen.
    PERFORM FROM leadscore.person p WHERE p.person_id = ANY (ids) ORDER BY p.person_id FOR UPDATE;
    PERFORM leadscore._shelve_activities(ids);
    DELETE FROM leadscore.person p WHERE p.person_id = ANY (ids);
END $$;
COMMENT ON FUNCTION leadscore._lose_persons(bigint[]) IS 'Removes persons whose rows are gone; activities of attached tables wait for their return';
REVOKE ALL ON FUNCTION leadscore._lose_persons(bigint[]) FROM PUBLIC;

-- Persons who get another key find it free: whoever had it and is gone by now goes at once, without waiting for the commit.
CREATE FUNCTION leadscore._make_way(of_kind text, keys text[], tenants text[], to_persons bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone   bigint[];
    holder leadscore.person;
BEGIN
    SELECT array_agg(p.person_id) INTO gone
    FROM unnest(keys, tenants) c(key, tenant)
    JOIN leadscore.person p ON p.kind = of_kind AND p.external_id = c.key AND p.tenant IS NOT DISTINCT FROM c.tenant
    WHERE p.departed AND p.person_id <> ALL (to_persons);
    IF gone IS NOT NULL THEN
        PERFORM leadscore._lose_persons(gone);
    END IF;
    SELECT p.* INTO holder
    FROM unnest(keys, tenants) c(key, tenant)
    JOIN leadscore.person p ON p.kind = of_kind AND p.external_id = c.key AND p.tenant IS NOT DISTINCT FROM c.tenant
    WHERE p.person_id <> ALL (to_persons) LIMIT 1;
    IF FOUND THEN
        RAISE unique_violation USING
            MESSAGE = format('person %s of kind %L has the key %L still', holder.person_id, of_kind, holder.external_id),
            DETAIL = 'A row changes to that key while another has it, or is only about to change, too.',
            HINT = 'Exchange keys in one statement, on a partitioned table by way of keys that no row has.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._make_way(text, text[], text[], bigint[]) IS 'Frees keys that persons get, or refuses when somebody else has one';
REVOKE ALL ON FUNCTION leadscore._make_way(text, text[], text[], bigint[]) FROM PUBLIC;

-- Persons who are there and what the table says of them; what it does not tell stays as it is.
CREATE FUNCTION leadscore._as_told(source leadscore.source, keys text[], tenants text[], names text[], statuses text[], owners text[],
                                   moments timestamptz[], details jsonb[], actives boolean[])
RETURNS TABLE (person_id bigint, name text, status text, owner text, moment timestamptz, detail jsonb, active boolean)
-- Most statements of an application write one row.
LANGUAGE sql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT p.person_id,
           CASE WHEN (source).parts ? 'name' THEN c.name ELSE p.name END,
           CASE WHEN (source).parts ? 'status' THEN c.status ELSE p.status END,
           CASE WHEN (source).parts ? 'owner' THEN c.owner ELSE p.owner END,
           c.moment,
           CASE WHEN (source).parts ? 'attributes' THEN c.detail ELSE p.attributes END,
           CASE WHEN (source).parts ? 'only_when' THEN c.active ELSE p.active END
    FROM unnest(keys, tenants, names, statuses, owners, moments, details, actives)
         c(key, tenant, name, status, owner, moment, detail, active)
    JOIN leadscore.person p ON p.kind = (source).person_kind AND p.external_id = c.key AND p.tenant IS NOT DISTINCT FROM c.tenant;
END;
COMMENT ON FUNCTION leadscore._as_told(leadscore.source, text[], text[], text[], text[], text[], timestamptz[], jsonb[], boolean[]) IS 'Persons as an attached table tells of them';
REVOKE ALL ON FUNCTION leadscore._as_told(leadscore.source, text[], text[], text[], text[], text[], timestamptz[], jsonb[], boolean[]) FROM PUBLIC;

CREATE FUNCTION leadscore._take_persons(of_source int, old_keys text[], new_keys text[], tenants text[], names text[], statuses text[],
                                        owners text[], moments timestamptz[], details jsonb[], actives boolean[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    source     leadscore.source;
    renumbered bigint[];
    given      text[];
    of_tenants text[];
BEGIN
    source := leadscore._source_in_sight(of_source);

    -- Persons are written in the order of their ids, everywhere; their rows are had already.
    IF array_length(old_keys, 1) > 1 AND array_remove(old_keys, NULL) <> '{}' THEN
        PERFORM FROM leadscore.person p
        WHERE p.kind = source.person_kind AND p.external_id = ANY (old_keys) AND p.source_id = of_source
        ORDER BY p.person_id FOR NO KEY UPDATE;
    END IF;

    IF array_position(new_keys, NULL) IS NOT NULL THEN
        -- A row may come back until the commit, whatever the transaction says of constraints.
        SET CONSTRAINTS leadscore.remove_departed DEFERRED;
        UPDATE leadscore.person p SET departed = true
        FROM unnest(old_keys, new_keys) c(old_key, new_key)
        WHERE c.new_key IS NULL AND p.kind = source.person_kind AND p.external_id = c.old_key AND p.source_id = of_source;
        DELETE FROM leadscore.person_alias l
        USING unnest(old_keys, new_keys) c(old_key, new_key)
        WHERE c.new_key IS NULL AND l.kind = source.person_kind AND l.external_id = c.old_key AND coalesce(l.source_id, of_source) = of_source;
        -- Most often nothing but rows that go.
        IF array_remove(new_keys, NULL) = '{}' THEN
            RETURN;
        END IF;
    END IF;

    -- The application renumbered persons, or gave them to another tenant. Rows that name a new key already wait for it, and
    -- those that still name the old one have no person now.
    SELECT array_agg(p.person_id), array_agg(c.new_key), array_agg(c.tenant) INTO renumbered, given, of_tenants
    FROM unnest(old_keys, new_keys, tenants) c(old_key, new_key, tenant)
    JOIN leadscore.person p ON p.kind = source.person_kind AND p.external_id = c.old_key AND p.source_id = of_source
    WHERE c.old_key <> c.new_key OR (c.new_key IS NOT NULL AND p.tenant IS DISTINCT FROM c.tenant);
    IF renumbered IS NOT NULL THEN
        PERFORM leadscore._make_way(source.person_kind, given, of_tenants, renumbered);
        PERFORM leadscore._shelve_activities(renumbered);
        -- Deferred, nobody who registers something on them waits: what is not seen here comes right when it is scored.
        INSERT INTO leadscore.renumbered (person_id)
        SELECT r.id FROM leadscore.settings z, unnest(renumbered) r(id)
        WHERE z.scoring = 'deferred' AND NOT EXISTS (SELECT FROM leadscore.renumbered o WHERE o.person_id = r.id);
        -- First out of each other's way: keys may be exchanged.
        UPDATE leadscore.person p SET external_id = NULL WHERE p.person_id = ANY (renumbered);
        UPDATE leadscore.person p SET external_id = r.key, tenant = r.tenant
        FROM unnest(renumbered, given, of_tenants) r(person_id, key, tenant)
        WHERE p.person_id = r.person_id;
        PERFORM leadscore._admit_waiting(renumbered);
        PERFORM leadscore._write_back(renumbered);
    END IF;

    -- A new row with the key of one that is there is another row, of the same person in the end, if of any.
    IF EXISTS (SELECT FROM unnest(old_keys, new_keys, tenants) c(old_key, new_key, tenant)
               JOIN leadscore.person p ON p.kind = source.person_kind AND p.external_id = c.new_key AND p.tenant IS NOT DISTINCT FROM c.tenant
               WHERE c.old_key IS NULL AND p.source_id = of_source AND NOT p.departed) THEN
        PERFORM leadscore._recheck_at_commit(of_source, new_keys);
    END IF;
    INSERT INTO leadscore.person AS p (kind, tenant, external_id, name, status, owner, since, attributes, active, source_id)
    SELECT source.person_kind, c.tenant, c.new_key, c.name, c.status, c.owner, coalesce(c.moment, now()), c.detail, c.active, of_source
    FROM unnest(new_keys, tenants, names, statuses, owners, moments, details, actives) WITH ORDINALITY
         c(new_key, tenant, name, status, owner, moment, detail, active, nth)
    WHERE c.new_key IS NOT NULL
      AND NOT EXISTS (SELECT FROM leadscore.person_alias l
                      WHERE l.kind = source.person_kind AND l.external_id = c.new_key AND l.tenant IS NOT DISTINCT FROM c.tenant)
      AND NOT EXISTS (SELECT FROM leadscore.person q
                      WHERE q.kind = source.person_kind AND q.external_id = c.new_key AND q.tenant IS NOT DISTINCT FROM c.tenant)
    -- They are stored, and get their ids, as their rows came.
    ORDER BY c.nth
    -- By somebody else meanwhile, or after the snapshot of the transaction.
    ON CONFLICT DO NOTHING;

    UPDATE leadscore.person p
    SET name = c.name, status = c.status, owner = c.owner, attributes = c.detail, active = c.active,
        since = coalesce(c.moment, p.since), source_id = of_source, departed = false
    FROM leadscore._as_told(source, new_keys, tenants, names, statuses, owners, moments, details, actives) c
    WHERE p.person_id = c.person_id
      AND (p.name, p.status, p.owner, p.attributes, p.active, p.since, p.source_id, p.departed)
          IS DISTINCT FROM (c.name, c.status, c.owner, c.detail, c.active, coalesce(c.moment, p.since), of_source, false);
    -- A row that came back has empty columns, and one that took the key of a row that is gone others.
    PERFORM leadscore._write_back(array_agg(p.person_id))
    FROM unnest(old_keys, new_keys, tenants) c(old_key, new_key, tenant)
    JOIN leadscore.person p ON p.kind = source.person_kind AND p.external_id = c.new_key AND p.tenant IS NOT DISTINCT FROM c.tenant
    WHERE c.old_key IS DISTINCT FROM c.new_key;
END $$;
COMMENT ON FUNCTION leadscore._take_persons(int, text[], text[], text[], text[], text[], text[], timestamptz[], jsonb[], boolean[]) IS 'Brings changed rows of an attached table to persons';
REVOKE ALL ON FUNCTION leadscore._take_persons(int, text[], text[], text[], text[], text[], text[], timestamptz[], jsonb[], boolean[]) FROM PUBLIC;

-- The rows of an attached table as they are now, read as the table's owner.
CREATE FUNCTION leadscore._source_rows(of_source int)
RETURNS TABLE (key text, person text, tenant text, activity_type text, moment timestamptz, attributes jsonb, name text, status text,
               owner text, active boolean, score text, category text, scorecards jsonb)
LANGUAGE c ROWS 100000 AS 'MODULE_PATHNAME', 'source_table_rows_wrapper';
COMMENT ON FUNCTION leadscore._source_rows(int) IS 'The rows of an attached table that are persons or activities';
REVOKE ALL ON FUNCTION leadscore._source_rows(int) FROM PUBLIC;

-- Rows of a table of which nothing is stored yet, such as one that is being attached.
CREATE FUNCTION leadscore._takes_all(of_source int) RETURNS boolean
LANGUAGE c AS 'MODULE_PATHNAME', 'takes_all_wrapper';
COMMENT ON FUNCTION leadscore._takes_all(int) IS 'Whether the rows of an attached table can become activities without a statement';
REVOKE ALL ON FUNCTION leadscore._takes_all(int) FROM PUBLIC;

CREATE FUNCTION leadscore._take_all(of_source int)
RETURNS TABLE (key text, person text, tenant text, activity_type text, moment timestamptz, attributes jsonb)
LANGUAGE c AS 'MODULE_PATHNAME', 'take_all_wrapper';
COMMENT ON FUNCTION leadscore._take_all(int) IS 'Makes activities of the rows of an attached table, and returns those whose person or type is not known';
REVOKE ALL ON FUNCTION leadscore._take_all(int) FROM PUBLIC;

CREATE FUNCTION leadscore._source_row_changed() RETURNS trigger
LANGUAGE c SECURITY DEFINER AS 'MODULE_PATHNAME', 'source_row_changed_wrapper';
COMMENT ON FUNCTION leadscore._source_row_changed() IS 'Trigger on attached tables: notes a changed row';
-- Who makes a partition of an attached table must be allowed to execute it: PUBLIC keeps the right that it has by default.

CREATE FUNCTION leadscore._source_changed() RETURNS trigger
LANGUAGE c SECURITY DEFINER AS 'MODULE_PATHNAME', 'source_changed_wrapper';
COMMENT ON FUNCTION leadscore._source_changed() IS 'Trigger on attached tables: brings the changed rows of a statement to persons and activities';
REVOKE ALL ON FUNCTION leadscore._source_changed() FROM PUBLIC;

CREATE FUNCTION leadscore._source_begins() RETURNS trigger
LANGUAGE c SECURITY DEFINER AS 'MODULE_PATHNAME', 'source_begins_wrapper';
COMMENT ON FUNCTION leadscore._source_begins() IS 'Trigger on attached tables that are written back: waits for a running recompute, and writes nothing back until the statement ends';
REVOKE ALL ON FUNCTION leadscore._source_begins() FROM PUBLIC;

-- Tables that rows of attached ones reach through foreign keys. The first is executed by whoever makes a partition of one, too.
CREATE FUNCTION leadscore._reached_row_changed() RETURNS trigger
LANGUAGE c SECURITY DEFINER AS 'MODULE_PATHNAME', 'reached_row_changed_wrapper';
COMMENT ON FUNCTION leadscore._reached_row_changed() IS 'Trigger on tables that attached ones reach through foreign keys: notes a changed row';

CREATE FUNCTION leadscore._reached_changed() RETURNS trigger
LANGUAGE c SECURITY DEFINER AS 'MODULE_PATHNAME', 'reached_changed_wrapper';
COMMENT ON FUNCTION leadscore._reached_changed() IS 'Trigger on tables that attached ones reach through foreign keys: reads again the rows that reach the changed ones';
REVOKE ALL ON FUNCTION leadscore._reached_changed() FROM PUBLIC;

CREATE FUNCTION leadscore._source_is_left(of_source int) RETURNS boolean
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'source_is_left_wrapper';
COMMENT ON FUNCTION leadscore._source_is_left(int) IS 'Whether anything is there by now that came from an attached table; a serialization failure where the transaction has one snapshot';
REVOKE ALL ON FUNCTION leadscore._source_is_left(int) FROM PUBLIC;

CREATE FUNCTION leadscore._all_depart(of_source int) RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'all_depart_wrapper';
COMMENT ON FUNCTION leadscore._all_depart(int) IS 'Has all persons of an attached table go at commit';
REVOKE ALL ON FUNCTION leadscore._all_depart(int) FROM PUBLIC;

-- TRUNCATE takes what the snapshot of the transaction does not show, too.
CREATE FUNCTION leadscore._source_truncated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    source leadscore.source;
    gone   bigint := 1;
    before bigint;
BEGIN
    SELECT * INTO source FROM leadscore.source s WHERE s.source_id = TG_ARGV[0]::int AND s.source = TG_RELID;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF source.role = 'person' THEN
        SET CONSTRAINTS leadscore.remove_departed DEFERRED;
        PERFORM leadscore._all_depart(source.source_id);
        PERFORM leadscore._source_is_left(source.source_id);
        RETURN NULL;
    END IF;
    LOOP
        -- Persons before their activities; deferred, nobody is waited for.
        PERFORM leadscore._lock_persons(ARRAY(SELECT DISTINCT a.person_id FROM leadscore.activity a WHERE a.source_id = source.source_id))
        FROM leadscore.settings z WHERE z.scoring <> 'deferred';
        before := gone;
        WITH waiting AS (
            DELETE FROM leadscore.waiting w WHERE w.source_id = source.source_id RETURNING 1
        ), activity AS (
            DELETE FROM leadscore.activity a WHERE a.source_id = source.source_id RETURNING 1
        )
        SELECT (SELECT count(*) FROM waiting) + (SELECT count(*) FROM activity) INTO gone;
        -- What waits may just have become activities, or the other way round, by others who were waited for.
        EXIT WHEN NOT leadscore._source_is_left(source.source_id) OR (gone = 0 AND before = 0);
    END LOOP;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._source_truncated() IS 'Trigger on attached tables: TRUNCATE takes all that came from the table';
REVOKE ALL ON FUNCTION leadscore._source_truncated() FROM PUBLIC;
