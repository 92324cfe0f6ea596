-- Attaching the application's own tables, and keeping them in step.

-- Who may attach: a security-definer function cannot tell who called it, so attach_person(),
-- attach_activity() and detach() run with the caller's rights, ask here whether it owns the
-- table, and hand over to a function with the owner's rights, which takes that answer once.
CREATE FUNCTION leadscore._admit(source regclass) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'admit_wrapper';
COMMENT ON FUNCTION leadscore._admit(regclass) IS 'Notes that the current role may attach a table, if it owns it';

CREATE FUNCTION leadscore._admitted(source regclass) RETURNS boolean
LANGUAGE c AS 'MODULE_PATHNAME', 'admitted_wrapper';
COMMENT ON FUNCTION leadscore._admitted(regclass) IS 'Whether the caller was admitted for the table, once';
REVOKE ALL ON FUNCTION leadscore._admitted(regclass) FROM PUBLIC;

CREATE FUNCTION leadscore._admitted_role() RETURNS oid
LANGUAGE c AS 'MODULE_PATHNAME', 'admitted_role_wrapper';
COMMENT ON FUNCTION leadscore._admitted_role() IS 'The role that was admitted';
REVOKE ALL ON FUNCTION leadscore._admitted_role() FROM PUBLIC;

-- Refuses what cannot be attached.
CREATE FUNCTION leadscore._check_source(source regclass, as_role text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t           pg_class;
    admitted    boolean := leadscore._admitted(source);
    distributed boolean := false;
BEGIN
    IF source IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = 'attach: the source is NULL',
            DETAIL = 'There is no table to put triggers on.',
            HINT = 'Name the table, such as ''app.candidate''.';
    END IF;
    SELECT * INTO t FROM pg_class c WHERE c.oid = source;
    IF NOT FOUND THEN
        RAISE undefined_table USING
            MESSAGE = format('attach: table with OID %s does not exist', source::oid),
            DETAIL = 'It was dropped, or never there.',
            HINT = 'Name the table, such as ''app.candidate''.';
    END IF;
    IF NOT admitted THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('must be owner of table %s', source),
            DETAIL = 'What is in an attached table decides scores, and triggers are put on it.',
            HINT = format('Let its owner, %s, or a superuser attach it.', pg_get_userbyid(t.relowner));
    END IF;
    IF t.relkind NOT IN ('r', 'p') THEN
        RAISE wrong_object_type USING
            MESSAGE = format('%s is %s, not a table', source, CASE t.relkind WHEN 'v' THEN 'a view' WHEN 'm' THEN 'a materialized view'
                WHEN 'f' THEN 'a foreign table' WHEN 'S' THEN 'a sequence' WHEN 'i' THEN 'an index' ELSE 'another kind of relation' END),
            DETAIL = 'Only a table tells, by triggers, when its rows change.',
            HINT = 'Attach the table that holds the rows.';
    END IF;
    IF t.relpersistence = 't' OR t.relnamespace = 'leadscore'::regnamespace OR t.relnamespace = 'pg_catalog'::regnamespace THEN
        RAISE wrong_object_type USING
            MESSAGE = format('%s is no table of an application', source),
            DETAIL = 'Temporary tables, system catalogs and leadscore''s own tables cannot be attached.',
            HINT = 'Attach a permanent table that the application writes to.';
    END IF;
    IF t.relispartition THEN
        RAISE wrong_object_type USING
            MESSAGE = format('%s is a partition', source),
            DETAIL = 'A partitioned table is attached as a whole.',
            HINT = format('Attach %s.', (SELECT p.inhparent::regclass FROM pg_inherits p WHERE p.inhrelid = source));
    END IF;
    -- Citus keeps its list of tables in pg_catalog; elsewhere there is no such relation.
    IF to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL THEN
        EXECUTE 'SELECT EXISTS (SELECT FROM pg_catalog.pg_dist_partition d WHERE d.logicalrelid = $1)' INTO distributed USING source;
        IF distributed THEN
            RAISE feature_not_supported USING
                MESSAGE = format('%s is distributed by Citus', source),
                DETAIL = 'Its rows are in shards, and changes of its shards would be missed.',
                HINT = 'Attach an ordinary table.';
        END IF;
    END IF;
    IF t.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits p WHERE source IN (p.inhparent, p.inhrelid)) THEN
        RAISE feature_not_supported USING
            MESSAGE = format('%s takes part in table inheritance', source),
            DETAIL = 'Triggers of a parent do not see the rows of its children, and keys are not unique across them.',
            HINT = 'Use declarative partitioning.';
    END IF;
    IF EXISTS (SELECT FROM leadscore.source s WHERE s.source = _check_source.source AND s.role = as_role AND s.attached) THEN
        RAISE duplicate_object USING
            MESSAGE = format('%s is attached already', source),
            DETAIL = format('It is attached as %s.', as_role),
            HINT = format('To attach it in another way: SELECT leadscore.detach(%L);', source::text);
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._check_source(regclass, text) IS 'Refuses a relation that cannot be attached';
REVOKE ALL ON FUNCTION leadscore._check_source(regclass, text) FROM PUBLIC;

-- Under a domain, or domains over domains, is a type.
CREATE FUNCTION leadscore._base_type(type regtype) RETURNS regtype
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH RECURSIVE down AS (
        SELECT t.oid, t.typbasetype FROM pg_type t WHERE t.oid = type
        UNION ALL
        SELECT t.oid, t.typbasetype FROM down d JOIN pg_type t ON t.oid = d.typbasetype
    )
    SELECT d.oid::regtype FROM down d WHERE d.typbasetype = 0;
END;
COMMENT ON FUNCTION leadscore._base_type(regtype) IS 'The type under a domain';

-- Refuses a column that is not there or is not of one of some types; NULL passes.
CREATE FUNCTION leadscore._check_column(source regclass, column_name name, purpose text, types text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    a pg_attribute;
BEGIN
    IF column_name IS NULL THEN
        RETURN;
    END IF;
    SELECT * INTO a FROM pg_attribute x WHERE x.attrelid = source AND x.attname = column_name AND x.attnum > 0 AND NOT x.attisdropped;
    IF NOT FOUND THEN
        RAISE undefined_column USING
            MESSAGE = format('column %I of %s does not exist', column_name, source),
            DETAIL = format('It was named as %s.', purpose),
            HINT = format('Columns: %s.', (SELECT string_agg(quote_ident(x.attname), ', ' ORDER BY x.attnum) FROM pg_attribute x
                                           WHERE x.attrelid = source AND x.attnum > 0 AND NOT x.attisdropped));
    END IF;
    IF a.attgenerated = 'v' THEN
        RAISE wrong_object_type USING
            MESSAGE = format('column %I of %s is generated when it is read', column_name, source),
            DETAIL = 'A trigger does not see its value.',
            HINT = 'Name a stored column.';
    END IF;
    IF types IS NOT NULL AND NOT leadscore._base_type(a.atttypid)::text = ANY (types) THEN
        RAISE datatype_mismatch USING
            MESSAGE = format('column %I of %s is of type %s', column_name, source, format_type(a.atttypid, a.atttypmod)),
            DETAIL = format('As %s it must be one of: %s.', purpose, array_to_string(types, ', ')),
            HINT = 'Name another column.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._check_column(regclass, name, text, text[]) IS 'Refuses a column that is missing or of a wrong type';
REVOKE ALL ON FUNCTION leadscore._check_column(regclass, name, text, text[]) FROM PUBLIC;

-- Refuses a column that cannot hold keys; NULL passes. Keys are kept and compared as text.
CREATE FUNCTION leadscore._check_key_type(source regclass, column_name name, purpose text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    collation_name regcollation;
BEGIN
    PERFORM leadscore._check_column(source, column_name, purpose, ARRAY['smallint', 'integer', 'bigint', 'uuid', 'text',
        'character varying', 'character', 'numeric']);
    SELECT c.oid INTO collation_name
    FROM pg_attribute a JOIN pg_collation c ON c.oid = a.attcollation
    WHERE a.attrelid = source AND a.attname = column_name AND NOT c.collisdeterministic;
    IF FOUND THEN
        RAISE feature_not_supported USING
            MESSAGE = format('column %I of %s has collation %s, by which different texts can be equal', column_name, source, collation_name),
            DETAIL = format('As %s its values must be equal only if they are the same.', purpose),
            HINT = 'Name a column with another collation.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._check_key_type(regclass, name, text) IS 'Refuses a column whose values cannot be keys';
REVOKE ALL ON FUNCTION leadscore._check_key_type(regclass, name, text) FROM PUBLIC;

-- On a partitioned table a unique index holds the partition key too: there a column is taken on trust. Columns that an index
-- only includes come after those of its key, and count from 0.
CREATE FUNCTION leadscore._is_unique(source regclass, column_name name) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM pg_index i
                   JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attname = column_name
                   JOIN pg_class c ON c.oid = i.indrelid
                   WHERE i.indrelid = source AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
                     AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1]) AND (i.indnkeyatts = 1 OR c.relkind = 'p'));
END;
COMMENT ON FUNCTION leadscore._is_unique(regclass, name) IS 'Whether a column tells the rows of a table apart';

-- The column that tells rows apart: the named one, which must be unique, or the primary key.
CREATE FUNCTION leadscore._key_column(source regclass, named name) RETURNS name
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    key name := named;
BEGIN
    IF named IS NULL THEN
        SELECT a.attname INTO key
        FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = source AND i.indisprimary AND i.indnkeyatts = 1;
        IF key IS NULL THEN
            RAISE invalid_table_definition USING
                MESSAGE = format('%s has no primary key of one column', source),
                DETAIL = 'A row must be found again by one value when it changes.',
                HINT = 'Name a unique column: key => ''…''.';
        END IF;
    END IF;
    PERFORM leadscore._check_key_type(source, key, 'the key');
    IF NOT leadscore._is_unique(source, key) THEN
        RAISE invalid_table_definition USING
            MESSAGE = format('column %I of %s is not unique', key, source),
            DETAIL = 'A row must be found again by one value when it changes.',
            HINT = format('ALTER TABLE %s ADD UNIQUE (%I), or name a unique column as key.', source, key);
    END IF;
    RETURN key;
END $$;
COMMENT ON FUNCTION leadscore._key_column(regclass, name) IS 'The column by which a row of an attached table is found again';
REVOKE ALL ON FUNCTION leadscore._key_column(regclass, name) FROM PUBLIC;

-- Puts the triggers on the table. One of them never fires: its column list is what binds the
-- columns, those that are read and then those that are written back. The others have no list,
-- since a BEFORE trigger of the application may change a column that the statement does not name.
CREATE FUNCTION leadscore._put_triggers(of_source int, source regclass, bound name[], written name[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    prefix  text := 'leadscore_' || of_source || '_';
    columns text;
BEGIN
    SELECT string_agg(quote_ident(n), ', ' ORDER BY i) INTO columns FROM unnest(bound || written) WITH ORDINALITY u(n, i);
    EXECUTE format('CREATE TRIGGER %I AFTER UPDATE OF %s ON %s FOR EACH STATEMENT WHEN (false) EXECUTE FUNCTION leadscore._source_changed(%L)',
                   prefix || 'columns', columns, source, of_source);
    IF cardinality(written) > 0 THEN
        -- Before its rows are locked, as for persons: a run writes to them.
        EXECUTE format('CREATE TRIGGER %I BEFORE INSERT OR DELETE OR UPDATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION leadscore._write_begins()',
                       prefix || 'begin', source);
    END IF;
    EXECUTE format('CREATE TRIGGER %I AFTER INSERT OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION leadscore._source_row_changed(%L)',
                   prefix || 'row', source, of_source);
    EXECUTE format('CREATE TRIGGER %I AFTER UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION leadscore._source_row_changed(%L)',
                   prefix || 'row_update', source, of_source);
    EXECUTE format('CREATE TRIGGER %I AFTER INSERT OR DELETE OR UPDATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION leadscore._source_changed(%L)',
                   prefix || 'statement', source, of_source);
    EXECUTE format('CREATE TRIGGER %I AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION leadscore._source_truncated(%L)',
                   prefix || 'truncate', source, of_source);
END $$;
COMMENT ON FUNCTION leadscore._put_triggers(int, regclass, name[], name[]) IS 'Puts leadscore''s triggers on an attached table';
REVOKE ALL ON FUNCTION leadscore._put_triggers(int, regclass, name[], name[]) FROM PUBLIC;

CREATE FUNCTION leadscore._drop_triggers(of_source int, source regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t name;
BEGIN
    FOR t IN SELECT g.tgname FROM pg_trigger g WHERE g.tgrelid = source AND g.tgname LIKE 'leadscore\_' || of_source || '\_%' LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', t, source);
    END LOOP;
END $$;
COMMENT ON FUNCTION leadscore._drop_triggers(int, regclass) IS 'Takes leadscore''s triggers off an attached table';
REVOKE ALL ON FUNCTION leadscore._drop_triggers(int, regclass) FROM PUBLIC;

CREATE FUNCTION leadscore._need_attached(source regclass) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM leadscore.source s WHERE s.source = _need_attached.source AND s.attached) THEN
        RAISE undefined_object USING
            MESSAGE = format('%s is not attached', coalesce(source::text, 'NULL')),
            DETAIL = 'No rows of persons or activities come from it.',
            HINT = 'SELECT source, role FROM leadscore.source WHERE attached; lists what is.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._need_attached(regclass) IS 'Refuses a table that is not attached';
REVOKE ALL ON FUNCTION leadscore._need_attached(regclass) FROM PUBLIC;

-- A table that was attached before keeps its number, so that its rows are recognised.
CREATE FUNCTION leadscore._register_source(source regclass, as_role text, kind text, fixed_type text, parts jsonb) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    number int;
BEGIN
    INSERT INTO leadscore.source AS s (source, role, person_kind, activity_type, parts)
    VALUES (source, as_role, kind, fixed_type, parts)
    ON CONFLICT ON CONSTRAINT source_source_role_key DO UPDATE
    SET attached = true, person_kind = EXCLUDED.person_kind, activity_type = EXCLUDED.activity_type, parts = EXCLUDED.parts
    RETURNING s.source_id INTO number;
    PERFORM leadscore._go_live();
    PERFORM leadscore._forget_configuration();
    RETURN number;
END $$;
COMMENT ON FUNCTION leadscore._register_source(regclass, text, text, text, jsonb) IS 'Notes an attached table and returns its number';
REVOKE ALL ON FUNCTION leadscore._register_source(regclass, text, text, text, jsonb) FROM PUBLIC;

-- An attached table decides about the persons of its kind: what its owner may do to persons who are there already, or whose
-- table is another role's, goes by that role's rights on leadscore's own tables.
CREATE FUNCTION leadscore._has_persons_of_others(of_kind text, caller oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own int[] := ARRAY(SELECT s.source_id FROM leadscore.source s JOIN pg_class c ON c.oid = s.source
                       WHERE s.role = 'person' AND pg_has_role(caller, c.relowner, 'USAGE'));
BEGIN
    RETURN EXISTS (SELECT FROM leadscore.source s
                   WHERE s.role = 'person' AND s.attached AND s.person_kind = of_kind AND s.source_id <> ALL (own))
        OR EXISTS (SELECT FROM leadscore.person p WHERE p.kind = of_kind AND (p.source_id = ANY (own)) IS NOT TRUE);
END $$;
COMMENT ON FUNCTION leadscore._has_persons_of_others(text, oid) IS 'Whether a kind has persons that come from no table of the role';
REVOKE ALL ON FUNCTION leadscore._has_persons_of_others(text, oid) FROM PUBLIC;

CREATE FUNCTION leadscore._attach_person(source regclass, kind text, key name, status name, owner name, since name,
                                         score name, category name) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    key_column name;
    bound      name[];
    number     int;
    caller     oid;
BEGIN
    PERFORM leadscore._check_source(source, 'person');
    caller := leadscore._admitted_role();
    IF kind IS NULL OR kind = '' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('attach_person: %s has no kind', source),
            DETAIL = 'Rules and categories tell persons by their kind.',
            HINT = 'Say what its rows are: kind => ''candidate''.';
    END IF;
    IF EXISTS (SELECT FROM leadscore.source s WHERE s.role = 'person' AND s.attached AND s.person_kind = kind) THEN
        RAISE duplicate_object USING
            MESSAGE = format('persons of kind %L come from %s already', kind,
                             (SELECT s.source FROM leadscore.source s WHERE s.role = 'person' AND s.attached AND s.person_kind = kind)),
            DETAIL = 'Keys of two tables could not be told apart.',
            HINT = 'Choose another kind.';
    END IF;
    IF EXISTS (SELECT FROM leadscore.source s JOIN leadscore.person p ON p.source_id = s.source_id
               WHERE s.source = _attach_person.source AND s.role = 'person' AND p.kind <> _attach_person.kind) THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('persons of another kind came from %s before', source),
            DETAIL = 'They were kept when it was detached.',
            HINT = format('Attach it as that kind again and SELECT leadscore.detach(%L, keep => false);', source::text);
    END IF;
    -- By its own rows it would read their scores, change them and remove them.
    IF NOT (has_column_privilege(caller, 'leadscore.person', 'score', 'SELECT')
            AND has_column_privilege(caller, 'leadscore.person', 'status', 'UPDATE')
            AND has_table_privilege(caller, 'leadscore.person', 'DELETE'))
       AND leadscore._has_persons_of_others(kind, caller) THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('there are persons of kind %L that come from no table of role %I', kind, pg_get_userbyid(caller)),
            DETAIL = format('Rows of %s with their keys would take them over.', source),
            HINT = format('Choose another kind, or GRANT SELECT, UPDATE, DELETE ON leadscore.person TO %I;', pg_get_userbyid(caller));
    END IF;
    key_column := leadscore._key_column(source, key);
    PERFORM leadscore._check_column(source, status, 'the status', NULL);
    PERFORM leadscore._check_column(source, owner, 'the owner', NULL);
    PERFORM leadscore._check_column(source, since, 'since', ARRAY['timestamp with time zone', 'timestamp without time zone', 'date']);
    PERFORM leadscore._check_column(source, score, 'the score to write back', ARRAY['integer', 'bigint', 'numeric']);
    PERFORM leadscore._check_column(source, category, 'the category to write back', ARRAY['text', 'character varying']);
    IF EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = source AND a.attname IN (score, category)
               AND (a.attgenerated <> '' OR a.attidentity = 'a')) THEN
        RAISE wrong_object_type USING
            MESSAGE = format('attach_person: a column of %s that would be written back to is generated', source),
            DETAIL = 'PostgreSQL itself gives the column its value.',
            HINT = 'Give score and category ordinary columns.';
    END IF;
    IF score IN (key_column, status, owner, since) OR category IN (key_column, status, owner, since, score) THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('attach_person: a column of %s is both read and written', source),
            DETAIL = 'What leadscore writes would be read as what the application says, or the other way round.',
            HINT = 'Give score and category columns of their own.';
    END IF;
    IF (score IS NOT NULL OR category IS NOT NULL) AND EXISTS (
        SELECT FROM pg_trigger t WHERE t.tgrelid = source AND t.tgdeferrable AND NOT t.tgisinternal) THEN
        RAISE feature_not_supported USING
            MESSAGE = format('%s has a deferrable trigger', source),
            DETAIL = 'What is written back may run code of the table''s owner only at once and as the owner, not at commit.',
            HINT = 'Leave score and category out, or make the trigger an ordinary one.';
    END IF;
    bound := ARRAY(SELECT DISTINCT n FROM unnest(ARRAY[key_column, status, owner, since]) n WHERE n IS NOT NULL);
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', source);
    PERFORM leadscore._need_current_snapshot();
    number := leadscore._register_source(source, 'person', kind, NULL, jsonb_strip_nulls(jsonb_build_object(
        'key', array_position(bound, key_column) - 1, 'status', array_position(bound, status) - 1,
        'owner', array_position(bound, owner) - 1, 'moment', array_position(bound, since) - 1,
        'score', CASE WHEN score IS NOT NULL THEN cardinality(bound) END,
        'category', CASE WHEN category IS NOT NULL THEN cardinality(bound) + (score IS NOT NULL)::int END,
        'names', to_jsonb(bound || array_remove(ARRAY[score, category], NULL)))));
    PERFORM leadscore._put_triggers(number, source, bound, array_remove(ARRAY[score, category], NULL));
    PERFORM leadscore._resync(number);
    RETURN (SELECT count(*) FROM leadscore.person p WHERE p.source_id = number);
END $$;
COMMENT ON FUNCTION leadscore._attach_person(regclass, text, name, name, name, name, name, name) IS 'attach_person() with the rights of leadscore, for a caller that was admitted';

CREATE FUNCTION leadscore.attach_person(source regclass, kind text, key name DEFAULT NULL, status name DEFAULT NULL,
                                        owner name DEFAULT NULL, since name DEFAULT NULL,
                                        score name DEFAULT NULL, category name DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._admit(source);
    RETURN leadscore._attach_person(source, kind, key, status, owner, since, score, category);
END $$;
COMMENT ON FUNCTION leadscore.attach_person(regclass, text, name, name, name, name, name, name) IS 'Lets the rows of an application''s table be persons of a kind, existing ones too, and returns how many there are; score and category are columns to write back to';

CREATE FUNCTION leadscore._attach_activity(source regclass, activity_type text, person name, person_kind text, occurred_at name,
                                           key name, activity_type_column name, attributes name[], only_when jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    key_column name;
    bound      name[];
    number     int;
    item       record;
    caller     oid;
BEGIN
    PERFORM leadscore._check_source(source, 'activity');
    caller := leadscore._admitted_role();
    IF person IS NULL OR person_kind IS NULL OR person_kind = '' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('attach_activity: %s has no %s', source, CASE WHEN person IS NULL THEN 'person' ELSE 'person_kind' END),
            DETAIL = 'An activity belongs to a person of a kind.',
            HINT = 'Name the column that refers to the person and say what kind it is: person => ''candidate_id'', person_kind => ''candidate''.';
    END IF;
    IF (activity_type IS NULL) = (activity_type_column IS NULL) THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('attach_activity: %s needs either activity_type or activity_type_column', source),
            DETAIL = 'A row has one type: the same for all of them, or that of a column.',
            HINT = 'Give the type that all rows have, or the column that says it.';
    END IF;
    IF activity_type IS NOT NULL AND NOT EXISTS (SELECT FROM leadscore.activity_type t WHERE t.activity_type = _attach_activity.activity_type) THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('activity type %L does not exist', activity_type),
            DETAIL = format('%s would be attached as activities of that type.', source),
            HINT = format('INSERT INTO leadscore.activity_type (activity_type) VALUES (%L);', activity_type);
    END IF;
    IF NOT has_column_privilege(caller, 'leadscore.activity', 'person_id', 'INSERT')
       AND leadscore._has_persons_of_others(person_kind, caller) THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('there are persons of kind %L that come from no table of role %I', person_kind, pg_get_userbyid(caller)),
            DETAIL = format('Rows of %s would give them points.', source),
            HINT = format('Let the owner of their table attach it, or GRANT INSERT ON leadscore.activity TO %I;', pg_get_userbyid(caller));
    END IF;
    key_column := leadscore._key_column(source, key);
    PERFORM leadscore._check_key_type(source, person, 'the person');
    PERFORM leadscore._check_column(source, occurred_at, 'occurred_at', ARRAY['timestamp with time zone', 'timestamp without time zone', 'date']);
    PERFORM leadscore._check_column(source, activity_type_column, 'the activity type', NULL);
    PERFORM leadscore._check_column(source, a, 'an attribute', NULL) FROM unnest(attributes) a;
    IF array_position(attributes, NULL) IS NOT NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = format('attach_activity: attributes of %s hold a NULL', source),
            DETAIL = 'Each attribute is a column of the table.',
            HINT = 'Name columns.';
    END IF;
    IF jsonb_typeof(only_when) <> 'object' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('attach_activity: only_when %s is no JSON object', only_when),
            DETAIL = 'It names columns and the values that they must have.',
            HINT = 'Write {"column": "value"} or {"column": ["one value", "another"]}.';
    END IF;
    FOR item IN SELECT w.key AS name, w.value FROM jsonb_each(only_when) w LOOP
        PERFORM leadscore._check_column(source, item.name::name, 'a condition of only_when', NULL);
        IF jsonb_typeof(item.value) = 'object' OR jsonb_path_exists(item.value, 'strict $[*] ? (@.type() == "object" || @.type() == "array")', '{}', true) THEN
            RAISE invalid_parameter_value USING
                MESSAGE = format('attach_activity: only_when for column %I is no value', item.name),
                DETAIL = 'A column is compared with a value, or with the values of a list.',
                HINT = 'Write {"column": "value"} or {"column": ["one value", "another"]}.';
        END IF;
    END LOOP;
    bound := ARRAY(SELECT DISTINCT n FROM unnest(ARRAY[key_column, person, occurred_at, activity_type_column] || attributes
                       || ARRAY(SELECT k::name FROM jsonb_object_keys(coalesce(only_when, '{}')) k)) n WHERE n IS NOT NULL);
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', source);
    PERFORM leadscore._need_current_snapshot();
    number := leadscore._register_source(source, 'activity', person_kind, activity_type, jsonb_strip_nulls(jsonb_build_object(
        'key', array_position(bound, key_column) - 1, 'person', array_position(bound, person) - 1,
        'moment', array_position(bound, occurred_at) - 1, 'activity_type', array_position(bound, activity_type_column) - 1,
        'attributes', (SELECT jsonb_agg(jsonb_build_object('label', a, 'at', array_position(bound, a) - 1)) FROM unnest(attributes) a),
        'only_when', (SELECT jsonb_agg(jsonb_build_object('at', array_position(bound, w.key::name) - 1,
                              'values', CASE jsonb_typeof(w.value) WHEN 'array' THEN w.value ELSE jsonb_build_array(w.value) END))
                      FROM jsonb_each(only_when) w),
        'names', to_jsonb(bound))));
    PERFORM leadscore._put_triggers(number, source, bound, NULL);
    PERFORM leadscore._resync(number);
    RETURN (SELECT count(*) FROM leadscore.activity a WHERE a.source_id = number);
END $$;
COMMENT ON FUNCTION leadscore._attach_activity(regclass, text, name, text, name, name, name, name[], jsonb) IS 'attach_activity() with the rights of leadscore, for a caller that was admitted';

CREATE FUNCTION leadscore.attach_activity(source regclass, activity_type text DEFAULT NULL, person name DEFAULT NULL,
                                          person_kind text DEFAULT NULL, occurred_at name DEFAULT NULL, key name DEFAULT NULL,
                                          activity_type_column name DEFAULT NULL, attributes name[] DEFAULT NULL,
                                          only_when jsonb DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._admit(source);
    RETURN leadscore._attach_activity(source, activity_type, person, person_kind, occurred_at, key, activity_type_column,
                                      attributes, only_when);
END $$;
COMMENT ON FUNCTION leadscore.attach_activity(regclass, text, name, text, name, name, name, name[], jsonb) IS 'Lets the rows of an application''s table be activities, existing ones too, and returns how many there are; call it with named arguments';

CREATE FUNCTION leadscore._detach(source regclass, keep boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s        leadscore.source;
    admitted boolean := leadscore._admitted(source);
BEGIN
    PERFORM leadscore._need_attached(source);
    IF NOT admitted THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('must be owner of table %s', source),
            DETAIL = 'Triggers are put on it and taken off it.',
            HINT = 'Let its owner or a superuser detach it.';
    END IF;
    FOR s IN SELECT * FROM leadscore.source x WHERE x.source = _detach.source AND x.attached ORDER BY x.role LOOP
        PERFORM leadscore._drop_triggers(s.source_id, s.source);
        UPDATE leadscore.source x SET attached = false WHERE x.source_id = s.source_id;
        IF NOT keep THEN
            DELETE FROM leadscore.waiting w WHERE w.source_id = s.source_id;
            DELETE FROM leadscore.activity a WHERE a.source_id = s.source_id;
            PERFORM leadscore._lose_persons(array_agg(p.person_id)) FROM leadscore.person p
            WHERE p.source_id = s.source_id HAVING count(*) > 0;
            DELETE FROM leadscore.source x WHERE x.source_id = s.source_id;
        END IF;
    END LOOP;
    PERFORM leadscore._forget_configuration();
END $$;
COMMENT ON FUNCTION leadscore._detach(regclass, boolean) IS 'detach() with the rights of leadscore, for a caller that was admitted';

CREATE FUNCTION leadscore.detach(source regclass, keep boolean DEFAULT true) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._admit(source);
    PERFORM leadscore._detach(source, keep);
END $$;
COMMENT ON FUNCTION leadscore.detach(regclass, boolean) IS 'Takes leadscore''s triggers off a table; with keep => false what came from it goes too';

-- Triggers that were lost come back, with the columns that are bound as they are called now.
CREATE FUNCTION leadscore._reattach(source regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s        leadscore.source;
    names    name[];
    reads    int;
    admitted boolean := leadscore._admitted(source);
BEGIN
    PERFORM leadscore._need_attached(source);
    IF NOT admitted THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('must be owner of table %s', source),
            DETAIL = 'Triggers are put on it and taken off it.',
            HINT = 'Let its owner or a superuser do it.';
    END IF;
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', source);
    FOR s IN SELECT * FROM leadscore.source x WHERE x.source = _reattach.source AND x.attached ORDER BY x.role DESC LOOP
        SELECT array_agg(a.attname ORDER BY l.at) INTO names
        FROM pg_trigger g
        CROSS JOIN LATERAL unnest(g.tgattr) WITH ORDINALITY l(number, at)
        JOIN pg_attribute a ON a.attrelid = g.tgrelid AND a.attnum = l.number
        WHERE g.tgrelid = s.source AND g.tgname = 'leadscore_' || s.source_id || '_columns';
        names := coalesce(names, ARRAY(SELECT n.name::name FROM jsonb_array_elements_text(s.parts -> 'names') WITH ORDINALITY n(name, at) ORDER BY n.at));
        PERFORM leadscore._check_column(s.source, n, 'attached before', NULL) FROM unnest(names) n;
        reads := cardinality(names) - (s.parts ? 'score')::int - (s.parts ? 'category')::int;
        PERFORM leadscore._drop_triggers(s.source_id, s.source);
        PERFORM leadscore._put_triggers(s.source_id, s.source, names[:reads], names[reads + 1:]);
        PERFORM leadscore._forget_configuration();
        PERFORM leadscore._resync(s.source_id);
    END LOOP;
END $$;
COMMENT ON FUNCTION leadscore._reattach(regclass) IS 'reattach() with the rights of leadscore, for a caller that was admitted';

CREATE FUNCTION leadscore.reattach(source regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._admit(source);
    PERFORM leadscore._reattach(source);
END $$;
COMMENT ON FUNCTION leadscore.reattach(regclass) IS 'Puts lost triggers of an attached table back, as it was attached, and brings what came from it in step';

-- Brings what came from one table in step with its rows as they are. Attaching is the case in
-- which nothing came from it yet.
CREATE FUNCTION leadscore._resync(of_source int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    s    leadscore.source;
    lost bigint[];
BEGIN
    PERFORM leadscore._begin();
    PERFORM leadscore._need_current_snapshot();
    SELECT * INTO s FROM leadscore.source x WHERE x.source_id = of_source;
    IF s.role = 'person' THEN
        WITH present AS MATERIALIZED (
            SELECT r.key, r.status, r.owner, r.moment FROM leadscore._source_rows(of_source) r
        ), changed AS (
            UPDATE leadscore.person p
            SET status = CASE WHEN s.parts ? 'status' THEN r.status ELSE p.status END,
                owner = CASE WHEN s.parts ? 'owner' THEN r.owner ELSE p.owner END,
                since = coalesce(r.moment, p.since), source_id = of_source, departed = false
            FROM present r
            WHERE p.kind = s.person_kind AND p.external_id = r.key
              AND (p.status, p.owner, p.since, p.source_id, p.departed)
                  IS DISTINCT FROM (CASE WHEN s.parts ? 'status' THEN r.status ELSE p.status END,
                                    CASE WHEN s.parts ? 'owner' THEN r.owner ELSE p.owner END,
                                    coalesce(r.moment, p.since), of_source, false)
        ), gone AS MATERIALIZED (
            SELECT p.person_id FROM leadscore.person p
            WHERE p.source_id = of_source AND NOT EXISTS (SELECT FROM present r WHERE r.key = p.external_id)
        ), added AS (
            INSERT INTO leadscore.person (kind, external_id, status, owner, since, source_id)
            SELECT s.person_kind, r.key, r.status, r.owner, coalesce(r.moment, now()), of_source
            FROM present r
            WHERE NOT EXISTS (SELECT FROM leadscore._person_key k WHERE k.kind = s.person_kind AND k.external_id = r.key)
        )
        SELECT array_agg(g.person_id) INTO lost FROM gone g;
        IF lost IS NOT NULL THEN
            PERFORM leadscore._lose_persons(lost);
        END IF;
        -- Rows that were there before, or were overwritten, get their score and category.
        PERFORM leadscore._write_back(array_agg(p.person_id)) FROM leadscore.person p WHERE p.source_id = of_source;
    ELSE
        WITH present AS MATERIALIZED (
            SELECT r.*, k.person_id, k.person_id IS NOT NULL AND t.activity_type IS NOT NULL AS ready
            FROM leadscore._source_rows(of_source) r
            LEFT JOIN leadscore._person_key k ON k.kind = s.person_kind AND k.external_id = r.person
            LEFT JOIN leadscore.activity_type t ON t.activity_type = r.activity_type
        ), existing AS MATERIALIZED (
            SELECT a.person_id, a.activity_id, a.source_key, a.occurred_at FROM leadscore.activity a WHERE a.source_id = of_source
        ), changed AS (
            UPDATE leadscore.activity a
            SET person_id = r.person_id, activity_type = r.activity_type, occurred_at = coalesce(r.moment, a.occurred_at), attributes = r.attributes
            FROM present r JOIN existing e ON e.source_key = r.key
            WHERE r.ready AND a.person_id = e.person_id AND a.activity_id = e.activity_id
              AND (a.person_id, a.activity_type, a.occurred_at, a.attributes)
                  IS DISTINCT FROM (r.person_id, r.activity_type, coalesce(r.moment, a.occurred_at), r.attributes)
        ), gone AS (
            DELETE FROM leadscore.activity a
            USING existing e
            WHERE a.person_id = e.person_id AND a.activity_id = e.activity_id
              AND NOT EXISTS (SELECT FROM present r WHERE r.key = e.source_key AND r.ready)
        ), added AS (
            INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes, source_id, source_key)
            SELECT r.person_id, r.activity_type, coalesce(r.moment, v.occurred_at, now()), r.attributes, of_source, r.key
            FROM present r
            LEFT JOIN leadscore.waiting v ON v.source_id = of_source AND v.source_key = r.key
            WHERE r.ready AND NOT EXISTS (SELECT FROM existing e WHERE e.source_key = r.key)
            -- Whatever the plan, activities are numbered alike.
            ORDER BY coalesce(r.moment, v.occurred_at, now()), r.key
        ), released AS (
            DELETE FROM leadscore.waiting w
            WHERE w.source_id = of_source
              AND NOT EXISTS (SELECT FROM present r WHERE r.key = w.source_key AND NOT r.ready)
        )
        INSERT INTO leadscore.waiting AS w (source_id, source_key, person_kind, external_id, activity_type, occurred_at, attributes)
        SELECT of_source, r.key, s.person_kind, r.person, r.activity_type,
               coalesce(r.moment, e.occurred_at, v.occurred_at, now()), r.attributes
        FROM present r
        LEFT JOIN existing e ON e.source_key = r.key
        LEFT JOIN leadscore.waiting v ON v.source_id = of_source AND v.source_key = r.key
        WHERE NOT r.ready
        ON CONFLICT (source_id, source_key) DO UPDATE
        SET person_kind = EXCLUDED.person_kind, external_id = EXCLUDED.external_id, activity_type = EXCLUDED.activity_type,
            occurred_at = EXCLUDED.occurred_at, attributes = EXCLUDED.attributes
        WHERE (w.person_kind, w.external_id, w.activity_type, w.occurred_at, w.attributes)
              IS DISTINCT FROM (EXCLUDED.person_kind, EXCLUDED.external_id, EXCLUDED.activity_type, EXCLUDED.occurred_at, EXCLUDED.attributes);
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._resync(int) IS 'Brings what came from an attached table in step with its rows';
REVOKE ALL ON FUNCTION leadscore._resync(int) FROM PUBLIC;

CREATE FUNCTION leadscore.resync(source regclass DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s leadscore.source;
BEGIN
    IF source IS NOT NULL THEN
        PERFORM leadscore._need_attached(source);
    END IF;
    FOR s IN SELECT * FROM leadscore.source x WHERE x.attached AND (resync.source IS NULL OR x.source = resync.source)
             ORDER BY x.role DESC, x.source_id LOOP
        IF to_regclass(s.source::text) IS NOT NULL OR EXISTS (SELECT FROM pg_class c WHERE c.oid = s.source) THEN
            PERFORM leadscore._resync(s.source_id);
        END IF;
    END LOOP;
    PERFORM leadscore._admit_waiting();
    IF source IS NULL THEN
        PERFORM leadscore._begin();
        PERFORM leadscore._lock_persons(ARRAY(SELECT p.person_id FROM leadscore.person p));
        PERFORM leadscore._rescore_all(true);
    END IF;
END $$;
COMMENT ON FUNCTION leadscore.resync(regclass) IS 'Repairs what bypassed the triggers: of one attached table, or of all and of leadscore''s own tables';
-- It writes everybody's score: the owner says who may.
REVOKE ALL ON FUNCTION leadscore.resync(regclass) FROM PUBLIC;
