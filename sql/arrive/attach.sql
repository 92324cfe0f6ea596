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
CREATE FUNCTION leadscore._check_source(source regclass, is_admitted boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t           pg_class;
    admitted    boolean := is_admitted OR leadscore._admitted(source);
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
    PERFORM leadscore._check_distributed(source);
    IF t.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits p WHERE source IN (p.inhparent, p.inhrelid)) THEN
        RAISE feature_not_supported USING
            MESSAGE = format('%s takes part in table inheritance', source),
            DETAIL = 'Triggers of a parent do not see the rows of its children, and keys are not unique across them.',
            HINT = 'Use declarative partitioning.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._check_source(regclass, boolean) IS 'Refuses a relation that cannot be attached';
REVOKE ALL ON FUNCTION leadscore._check_source(regclass, boolean) FROM PUBLIC;

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
CREATE FUNCTION leadscore._check_column(source regclass, column_name text, purpose text, types text[]) RETURNS void
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
COMMENT ON FUNCTION leadscore._check_column(regclass, text, text, text[]) IS 'Refuses a column that is missing or of a wrong type';
REVOKE ALL ON FUNCTION leadscore._check_column(regclass, text, text, text[]) FROM PUBLIC;

-- Refuses a column that cannot hold keys; NULL passes. Keys are kept and compared as text.
CREATE FUNCTION leadscore._check_key_type(source regclass, column_name text, purpose text, one_of_several boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    collation_name regcollation;
BEGIN
    PERFORM leadscore._check_column(source, column_name, purpose, ARRAY['smallint', 'integer', 'bigint', 'uuid', 'text',
        'character varying', 'character', 'numeric']
        || CASE WHEN one_of_several THEN ARRAY['date', 'timestamp without time zone', 'timestamp with time zone', 'boolean'] END);
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
COMMENT ON FUNCTION leadscore._check_key_type(regclass, text, text, boolean) IS 'Refuses a column whose values cannot be keys';
REVOKE ALL ON FUNCTION leadscore._check_key_type(regclass, text, text, boolean) FROM PUBLIC;

-- Names that a list, or a path through foreign keys, holds. Names in double quotes may hold anything.
CREATE FUNCTION leadscore._names_in(list text, separator text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS $$
BEGIN
    IF list <> '' AND regexp_replace(list, '"(?:[^"]|"")*"', '"', 'g') ~ format('(^|[%1$s])\s*([%1$s]|$)', separator) THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('a name is missing in %L', list),
            DETAIL = format('Names stand before, between and after each %L.', separator),
            HINT = 'A name that has such a character in it is written in double quotes.';
    END IF;
    RETURN (SELECT array_agg(CASE WHEN n.name ~ '^".*"$' AND separator = '.' THEN replace(substr(n.name, 2, length(n.name) - 2), '""', '"') ELSE n.name END ORDER BY n.nth)
            FROM (SELECT btrim(m.found[1]) AS name, m.nth
                  FROM regexp_matches(list, format('((?:"(?:[^"]|"")*"|[^"%s])+)', separator), 'g') WITH ORDINALITY m(found, nth)) n);
END $$;
COMMENT ON FUNCTION leadscore._names_in(text, text) IS 'The names in a list or a path';
REVOKE ALL ON FUNCTION leadscore._names_in(text, text) FROM PUBLIC;

-- What attaching binds: tables from 0, the attached one itself, each but that reached from a parent by its columns `froms`, which
-- are `tos` in the reached one; and the columns that are read, each of a table. `at` is the place of the one that was bound last, `extra` what was bound
-- of several.
CREATE TYPE leadscore._plan AS (
    relations  regclass[],
    parents    int[],
    froms      jsonb,
    tos        jsonb,
    steps      int[],
    names      text[],
    keys       text[],
    at         int,
    extra      jsonb
);
COMMENT ON TYPE leadscore._plan IS 'The columns that an attached table binds';

-- The foreign key of a column, if it has one; of several the one of fewest columns that leads to a table with the next column.
CREATE FUNCTION leadscore._foreign_key(source regclass, column_name text, next_name text) RETURNS pg_constraint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT c
    FROM pg_constraint c
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attname = column_name AND a.attnum = ANY (c.conkey)
    WHERE c.conrelid = source AND c.contype = 'f'
    ORDER BY EXISTS (SELECT FROM pg_attribute n WHERE n.attrelid = c.confrelid AND n.attname = next_name AND NOT n.attisdropped) DESC,
             c.conparentid <> 0, cardinality(c.conkey), c.conname
    LIMIT 1;
END;
COMMENT ON FUNCTION leadscore._foreign_key(regclass, text, text) IS 'The foreign key of a column of an attached table';
REVOKE ALL ON FUNCTION leadscore._foreign_key(regclass, text, text) FROM PUBLIC;

CREATE FUNCTION leadscore._has_column(source regclass, column_name text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = source AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped);
END;
COMMENT ON FUNCTION leadscore._has_column(regclass, text) IS 'Whether a table has a column';

-- Binds a column, named or reached through foreign keys; NULL binds nothing.
CREATE FUNCTION leadscore._bind(plan leadscore._plan, path text, purpose text, types text[], caller oid) RETURNS leadscore._plan
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    relation regclass := plan.relations[1];
    names    text[];
    step     int := 0;
    next     int;
    fk       pg_constraint;
    own      text[];
    theirs   text[];
    nth      int;
BEGIN
    plan.at := NULL;
    IF path IS NULL THEN
        RETURN plan;
    END IF;
    names := CASE WHEN leadscore._has_column(relation, path) THEN ARRAY[path] ELSE coalesce(leadscore._names_in(path, '.'), ARRAY[path]) END;
    IF cardinality(names) > 4 THEN
        RAISE feature_not_supported USING
            MESSAGE = format('%s of %s leads through %s foreign keys', path, relation, cardinality(names) - 1),
            DETAIL = format('It was named as %s, and three steps are the most.', purpose),
            HINT = 'Name a column that is nearer, or keep a copy of it in the table.';
    END IF;
    FOR i IN 1 .. cardinality(names) - 1 LOOP
        PERFORM leadscore._check_column(relation, names[i], purpose, NULL);
        fk := leadscore._foreign_key(relation, names[i], names[i + 1]);
        IF fk.oid IS NULL THEN
            RAISE wrong_object_type USING
                MESSAGE = format('column %I of %s is no foreign key', names[i], relation),
                DETAIL = format('As %s, %s leads through it.', purpose, path),
                HINT = 'Each column of a path but the last is one that has a FOREIGN KEY constraint.';
        END IF;
        IF NOT (has_table_privilege(caller, fk.confrelid, 'SELECT') AND has_table_privilege(caller, fk.confrelid, 'TRIGGER')) THEN
            RAISE insufficient_privilege USING
                MESSAGE = format('permission denied for table %s', fk.confrelid::regclass),
                DETAIL = format('As %s, %s reads it, and a trigger on it tells when it changes.', purpose, path),
                HINT = format('GRANT SELECT, TRIGGER ON %s TO %I;', fk.confrelid::regclass, pg_get_userbyid(caller));
        END IF;
        SELECT array_agg(a.attname ORDER BY k.nth), array_agg(b.attname ORDER BY k.nth) INTO own, theirs
        FROM unnest(fk.conkey, fk.confkey) WITH ORDINALITY k(own, theirs, nth)
        JOIN pg_attribute a ON a.attrelid = relation AND a.attnum = k.own
        JOIN pg_attribute b ON b.attrelid = fk.confrelid AND b.attnum = k.theirs;
        FOR nth IN 1 .. cardinality(own) LOOP
            PERFORM leadscore._check_key_type(relation, own[nth], format('a step to %s', purpose)),
                    leadscore._check_key_type(fk.confrelid, theirs[nth], format('a step to %s', purpose));
        END LOOP;
        SELECT k INTO next
        FROM generate_series(1, cardinality(plan.relations) - 1) k
        WHERE plan.parents[k] = step AND plan.relations[k + 1] = fk.confrelid AND plan.froms -> k = to_jsonb(own)
          AND plan.tos -> k = to_jsonb(theirs);
        IF next IS NULL THEN
            next := cardinality(plan.relations);
            plan.relations := plan.relations || fk.confrelid::regclass;
            plan.parents := plan.parents || step;
            plan.froms := plan.froms || jsonb_build_array(own);
            plan.tos := plan.tos || jsonb_build_array(theirs);
        END IF;
        step := next;
        relation := fk.confrelid;
    END LOOP;
    PERFORM leadscore._check_column(relation, names[cardinality(names)], purpose, types);
    nth := array_position(plan.keys, step || '.' || names[cardinality(names)]);
    IF nth IS NULL THEN
        plan.steps := plan.steps || step;
        plan.names := plan.names || names[cardinality(names)];
        plan.keys := plan.keys || (step || '.' || names[cardinality(names)]);
        nth := cardinality(plan.keys);
    END IF;
    plan.at := nth - 1;
    RETURN plan;
END $$;
COMMENT ON FUNCTION leadscore._bind(leadscore._plan, text, text, text[], oid) IS 'Binds a column that attaching names';
REVOKE ALL ON FUNCTION leadscore._bind(leadscore._plan, text, text, text[], oid) FROM PUBLIC;

-- The columns of a table that are bound: those by which it is reached, those that are read, those that lead on.
CREATE FUNCTION leadscore._bound_names(plan leadscore._plan, step int) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT array_agg(u.name ORDER BY u.nth)
    FROM (SELECT n.name, min(n.nth) AS nth
          FROM (SELECT t.name, t.nth AS nth FROM jsonb_array_elements_text((plan).tos -> step) WITH ORDINALITY t(name, nth) WHERE step > 0
                UNION ALL
                SELECT c.name, 100 + c.nth FROM unnest((plan).names, (plan).steps) WITH ORDINALITY c(name, step, nth) WHERE c.step = _bound_names.step
                UNION ALL
                SELECT f.name, 10000 + 100 * p.nth + f.nth
                FROM unnest((plan).parents) WITH ORDINALITY p(parent, nth)
                CROSS JOIN LATERAL jsonb_array_elements_text((plan).froms -> p.nth::int) WITH ORDINALITY f(name, nth)
                WHERE p.parent = _bound_names.step) n
          GROUP BY n.name) u;
END;
COMMENT ON FUNCTION leadscore._bound_names(leadscore._plan, int) IS 'The columns of a table that attaching binds';
REVOKE ALL ON FUNCTION leadscore._bound_names(leadscore._plan, int) FROM PUBLIC;

-- What of leadscore.source.parts says where the columns are; `written` are those that are written back.
CREATE FUNCTION leadscore._places(plan leadscore._plan, written text[]) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lists   jsonb := '[]';
    columns jsonb;
    own     text[] := leadscore._bound_names(plan, 0);
BEGIN
    FOR step IN 0 .. cardinality(plan.relations) - 1 LOOP
        lists := lists || jsonb_build_array(to_jsonb(leadscore._bound_names(plan, step)));
    END LOOP;
    WITH place AS MATERIALIZED (
        SELECT l.nth - 1 AS step, n.name, n.nth - 1 AS at
        FROM jsonb_array_elements(lists) WITH ORDINALITY l(names, nth)
        CROSS JOIN LATERAL jsonb_array_elements_text(l.names) WITH ORDINALITY n(name, nth)
    )
    SELECT jsonb_agg(jsonb_build_array(c.step, p.at) ORDER BY c.nth) INTO columns
    FROM unnest(plan.steps, plan.names) WITH ORDINALITY c(step, name, nth)
    JOIN place p ON p.step = c.step AND p.name = c.name;
    RETURN jsonb_build_object(
        'columns', columns,
        'reads', cardinality(own),
        'names', to_jsonb(own || coalesce(written, '{}')),
        'steps', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                             'parent', p.parent,
                             'from', (SELECT jsonb_agg(o.nth - 1 ORDER BY f.nth)
                                      FROM jsonb_array_elements_text(plan.froms -> p.step::int) WITH ORDINALITY f(name, nth)
                                      JOIN jsonb_array_elements_text(lists -> p.parent) WITH ORDINALITY o(name, nth) ON o.name = f.name),
                             'to', (SELECT jsonb_agg(o.nth - 1 ORDER BY f.nth)
                                    FROM jsonb_array_elements_text(plan.tos -> p.step::int) WITH ORDINALITY f(name, nth)
                                    JOIN jsonb_array_elements_text(lists -> p.step::int) WITH ORDINALITY o(name, nth) ON o.name = f.name)) ORDER BY p.step), '[]')
                  FROM unnest(plan.parents) WITH ORDINALITY p(parent, step)));
END $$;
COMMENT ON FUNCTION leadscore._places(leadscore._plan, text[]) IS 'Where the columns are that an attached table binds';
REVOKE ALL ON FUNCTION leadscore._places(leadscore._plan, text[]) FROM PUBLIC;

-- Several columns, as the key of a person.
CREATE FUNCTION leadscore._columns_in(source regclass, list text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE WHEN list IS NULL THEN NULL
                WHEN leadscore._has_column(source, list) THEN ARRAY[list]
                ELSE coalesce(leadscore._names_in(list, ','), ARRAY[list]) END;
END;
COMMENT ON FUNCTION leadscore._columns_in(regclass, text) IS 'The columns, or paths to some, that a list names';
REVOKE ALL ON FUNCTION leadscore._columns_in(regclass, text) FROM PUBLIC;

-- On a partitioned table a unique index holds the partition key too: there columns are taken on trust. Columns that an index
-- only includes come after those of its key, and count from 0.
CREATE FUNCTION leadscore._is_unique(source regclass, names text[]) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM pg_index i
                   JOIN pg_class c ON c.oid = i.indrelid
                   CROSS JOIN LATERAL (
                       SELECT array_agg(a.attnum) AS numbers FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attname = ANY (names) AND a.attnum > 0) n
                   WHERE i.indrelid = source AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
                     AND cardinality(n.numbers) = cardinality(names)
                     AND CASE WHEN c.relkind = 'p' THEN n.numbers && (i.indkey::int2[])[0:i.indnkeyatts - 1]
                              ELSE n.numbers @> (i.indkey::int2[])[0:i.indnkeyatts - 1] END);
END;
COMMENT ON FUNCTION leadscore._is_unique(regclass, text[]) IS 'Whether columns tell the rows of a table apart';

-- The columns that tell rows apart: the named ones, which must be unique, or the primary key.
CREATE FUNCTION leadscore._key_columns(source regclass, named text) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    names text[] := leadscore._columns_in(source, named);
    shown text;
BEGIN
    IF named IS NULL THEN
        SELECT array_agg(a.attname ORDER BY k.nth) INTO names
        FROM pg_index i
        CROSS JOIN LATERAL unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) WITH ORDINALITY k(number, nth)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
        WHERE i.indrelid = source AND i.indisprimary;
        IF names IS NULL THEN
            RAISE invalid_table_definition USING
                MESSAGE = format('%s has no primary key', source),
                DETAIL = 'A row must be found again by its key when it changes.',
                HINT = 'Name a unique column, or several: key => ''…''.';
        END IF;
    END IF;
    -- Often the column by which a table is partitioned.
    PERFORM leadscore._check_key_type(source, n, 'the key', cardinality(names) > 1) FROM unnest(names) n;
    IF NOT leadscore._is_unique(source, names) THEN
        shown := (SELECT string_agg(quote_ident(n), ', ') FROM unnest(names) n);
        RAISE invalid_table_definition USING
            MESSAGE = CASE cardinality(names) WHEN 1 THEN format('column %s of %s is not unique', shown, source)
                                              ELSE format('columns %s of %s are not unique', shown, source) END,
            DETAIL = 'A row must be found again by its key when it changes.',
            HINT = format('ALTER TABLE %s ADD UNIQUE (%s), or name a unique column as key.', source, shown);
    END IF;
    RETURN names;
END $$;
COMMENT ON FUNCTION leadscore._key_columns(regclass, text) IS 'The columns by which a row of an attached table is found again';
REVOKE ALL ON FUNCTION leadscore._key_columns(regclass, text) FROM PUBLIC;

-- A column that refers to persons must not refer to another table than the one they come from, nor to another column of it.
CREATE FUNCTION leadscore._check_reference(referring regclass, names text[], persons leadscore.source) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    key_names text[];
    leads_to  text;
BEGIN
    SELECT array_agg(b.columns ->> (persons.parts -> 'columns' -> k.at ->> 1)::int ORDER BY k.nth) INTO key_names
    FROM (SELECT w.columns FROM leadscore._bound_columns(persons.source, format('leadscore_%s_columns', persons.source_id)) w) b
    CROSS JOIN LATERAL (SELECT e.value::int AS at, e.nth FROM jsonb_array_elements_text(persons.parts -> 'key') WITH ORDINALITY e(value, nth)) k;
    IF key_names IS NULL OR array_position(key_names, NULL) IS NOT NULL OR referring = persons.source THEN
        RETURN;
    END IF;
    -- A text may hold what is printed of several columns.
    IF cardinality(names) > 1 AND cardinality(key_names) = 1
       AND EXISTS (SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
                   WHERE a.attrelid = persons.source AND a.attname = key_names[1] AND t.typcategory <> 'S')
       AND NOT EXISTS (SELECT FROM leadscore.source s
                       WHERE s.role = 'person' AND s.attached AND s.person_kind = persons.person_kind AND s.source_id <> persons.source_id) THEN
        RAISE invalid_foreign_key USING
            MESSAGE = format('%s of %s are several columns, and the key of persons of kind %L is %I of %s', array_to_string(names, ', '), referring,
                             persons.person_kind, key_names[1], persons.source),
            DETAIL = 'No person would ever have such a key.',
            HINT = 'Name the column that refers to that one.';
    END IF;
    WITH target AS (
        SELECT c.confrelid, array_agg(b.attname::text ORDER BY k.nth) AS names
        FROM pg_constraint c
        CROSS JOIN LATERAL unnest(c.conkey, c.confkey) WITH ORDINALITY k(own, theirs, nth)
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.own
        JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = k.theirs
        WHERE c.conrelid = referring AND c.contype = 'f' AND c.conparentid = 0
        GROUP BY c.oid, c.confrelid
        HAVING array_agg(a.attname::text ORDER BY a.attname) = (SELECT array_agg(n ORDER BY n) FROM unnest(names) n)
    ), also AS (
        -- The key of the persons may itself refer to that table, as where one table extends another.
        SELECT c.confrelid
        FROM pg_constraint c
        WHERE c.conrelid = persons.source AND c.contype = 'f'
          AND (SELECT array_agg(a.attname::text ORDER BY a.attname) FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey))
              = (SELECT array_agg(n ORDER BY n) FROM unnest(key_names) n)
    )
    SELECT format('%s (%s)', t.confrelid::regclass, array_to_string(t.names, ', ')) INTO leads_to
    FROM target t
    WHERE NOT EXISTS (SELECT FROM target f
                      WHERE (f.confrelid = persons.source AND f.names @> key_names) OR f.confrelid IN (SELECT confrelid FROM also)
                         OR f.confrelid IN (SELECT a.relid FROM pg_partition_ancestors(persons.source) a))
    LIMIT 1;
    IF leads_to IS NOT NULL THEN
        RAISE invalid_foreign_key USING
            MESSAGE = format('%s of %s refers to %s, and persons of kind %L come from %s (%s)', array_to_string(names, ', '), referring, leads_to,
                             persons.person_kind, persons.source, array_to_string(key_names, ', ')),
            DETAIL = 'Rows would be counted for persons who happen to have the same key.',
            HINT = 'Name the column that refers to that table, or the kind of the persons that this one refers to.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._check_reference(regclass, text[], leadscore.source) IS 'Refuses a column that refers to other rows than those that are persons';
REVOKE ALL ON FUNCTION leadscore._check_reference(regclass, text[], leadscore.source) FROM PUBLIC;

-- Puts the triggers on the table and on those that it reaches. One of each never fires: its column list is what binds the
-- columns, those that are read and then those that are written back. The others have no list,
-- since a BEFORE trigger of the application may change a column that the statement does not name.
CREATE FUNCTION leadscore._put_triggers(of_source int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s       leadscore.source;
    t       leadscore.source_step;
    prefix  text := 'leadscore_' || of_source || '_';
    columns text;
    part    record;
    before  text := leadscore._local_ddl();
BEGIN
    SELECT * INTO s FROM leadscore.source x WHERE x.source_id = of_source;
    SELECT string_agg(quote_ident(n.name), ', ' ORDER BY n.nth) INTO columns
    FROM jsonb_array_elements_text(s.parts -> 'names') WITH ORDINALITY n(name, nth);
    PERFORM leadscore._let_put_triggers(x.relation) FROM (SELECT s.source AS relation UNION SELECT x.relation FROM leadscore.source_step x WHERE x.source_id = of_source) x
    WHERE leadscore._is_distributed(x.relation);
    FOR part IN
        SELECT p.relation, v.before || prefix || v.name || p.suffix AS name, v.events, v.level, v.function
        FROM leadscore._places_of(s.source) p
        CROSS JOIN LATERAL (VALUES
            ('', 1, 'columns', 'AFTER UPDATE OF ' || columns, 'STATEMENT WHEN (false)', '_source_changed', true),
            -- Before its rows are locked, as for persons: a run writes to them. And before triggers of the application for the
            -- statement, which go by name: what they bring about must not write a row that the statement will.
            ('!', 2, 'begin', 'BEFORE INSERT OR DELETE OR UPDATE', 'STATEMENT', '_source_begins', jsonb_array_length(s.parts -> 'names') > (s.parts ->> 'reads')::int),
            ('', 3, 'row', 'AFTER INSERT OR DELETE', 'ROW', '_source_row_changed', true),
            ('', 4, 'row_update', 'AFTER UPDATE', 'ROW', '_source_row_changed', true),
            ('', 5, 'statement', 'AFTER INSERT OR DELETE OR UPDATE', 'STATEMENT', '_source_changed', true),
            ('', 6, 'truncate', 'AFTER TRUNCATE', 'STATEMENT', '_source_truncated', NOT leadscore._is_distributed(s.source)),
            ('', 6, 'truncate', 'BEFORE TRUNCATE', 'STATEMENT', '_refuse_truncate', leadscore._is_distributed(s.source) AND p.suffix = '')
        ) v(before, nth, name, events, level, function, wanted)
        WHERE v.wanted AND NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = p.relation AND g.tgname = v.before || prefix || v.name || p.suffix)
        ORDER BY p.suffix, v.nth
    LOOP
        EXECUTE format('CREATE TRIGGER %I %s ON %s FOR EACH %s EXECUTE FUNCTION leadscore.%I(%L)',
                       part.name, part.events, part.relation, part.level, part.function, of_source);
    END LOOP;
    FOR t IN SELECT * FROM leadscore.source_step x WHERE x.source_id = of_source ORDER BY x.step LOOP
        SELECT string_agg(quote_ident(n.name), ', ' ORDER BY n.nth) INTO columns FROM unnest(t.names) WITH ORDINALITY n(name, nth);
        FOR part IN SELECT p.relation, p.suffix, prefix || t.step || '_columns' || p.suffix AS name FROM leadscore._places_of(t.relation) p LOOP
            IF NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = part.relation AND g.tgname = part.name) THEN
                EXECUTE format('CREATE TRIGGER %I AFTER UPDATE OF %s ON %s FOR EACH STATEMENT WHEN (false) EXECUTE FUNCTION leadscore._reached_changed()',
                               part.name, columns, part.relation);
            END IF;
            PERFORM leadscore._put_reached_triggers(part.relation, part.suffix, leadscore._may_come_later(s, t.step));
        END LOOP;
    END LOOP;
    PERFORM leadscore._local_ddl(before);
END $$;
COMMENT ON FUNCTION leadscore._put_triggers(int) IS 'Puts leadscore''s triggers on an attached table';
REVOKE ALL ON FUNCTION leadscore._put_triggers(int) FROM PUBLIC;

-- Whether rows may for a while refer to none: then a row that comes or goes matters by itself.
CREATE FUNCTION leadscore._is_deferrable(s leadscore.source, step int) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM pg_constraint c
                   WHERE c.contype = 'f' AND c.condeferrable
                     AND c.confrelid = (SELECT t.relation FROM leadscore.source_step t WHERE t.source_id = (s).source_id AND t.step = _is_deferrable.step)
                     AND c.conrelid = coalesce((SELECT t.relation FROM leadscore.source_step t
                                                WHERE t.source_id = (s).source_id AND t.step = ((s).parts -> 'steps' -> (_is_deferrable.step - 1) ->> 'parent')::int),
                                               (s).source));
END;
COMMENT ON FUNCTION leadscore._is_deferrable(leadscore.source, int) IS 'Whether the foreign key of a step is deferrable';

-- Whether rows can be committed that refer to a row that is not there: a foreign key was not validated, or is not enforced
-- (which PostgreSQL knows from version 18 on).
CREATE FUNCTION leadscore._has_loose_keys(relation regclass) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM pg_constraint c
                   WHERE c.contype = 'f' AND c.confrelid = relation
                     AND NOT (c.convalidated AND coalesce((to_jsonb(c) ->> 'conenforced')::boolean, true)));
END;
COMMENT ON FUNCTION leadscore._has_loose_keys(regclass) IS 'Whether a foreign key to a table lets rows refer to none that is there';

-- The table to which the foreign key of a step leads now, which may have been dropped since, or made anew where a table was
-- rebuilt: NULL, or another one. Of a distributed table the keys are those of its shards.
CREATE FUNCTION leadscore._leads_to(s leadscore.source, of_step int) RETURNS regclass
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    part    jsonb := s.parts -> 'steps' -> (of_step - 1);
    parent  int := (part ->> 'parent')::int;
    known   leadscore.source_step;
    before  leadscore.source_step;
    referring regclass := s.source;
    named   text[];
    columns jsonb;
BEGIN
    SELECT * INTO known FROM leadscore.source_step t WHERE t.source_id = s.source_id AND t.step = of_step;
    IF leadscore._is_distributed(s.source) THEN
        RETURN known.relation;
    END IF;
    IF parent = 0 THEN
        SELECT coalesce(b.columns, s.parts -> 'names') INTO columns FROM leadscore._bound_columns(s.source, format('leadscore_%s_columns', s.source_id)) b;
    ELSE
        SELECT * INTO before FROM leadscore.source_step t WHERE t.source_id = s.source_id AND t.step = parent;
        SELECT coalesce(b.columns, to_jsonb(before.names)) INTO columns
        FROM leadscore._bound_columns(before.relation, format('leadscore_%s_%s_columns', s.source_id, parent)) b;
        referring := coalesce(leadscore._leads_to(s, parent), before.relation);
    END IF;
    named := ARRAY(SELECT columns ->> e.place::int FROM jsonb_array_elements_text(part -> 'from') e(place) ORDER BY 1);
    RETURN (SELECT c.confrelid
            FROM pg_constraint c
            WHERE c.contype = 'f' AND c.conrelid = referring AND c.conparentid = 0
              AND ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey) ORDER BY 1) = named
            ORDER BY c.confrelid <> known.relation, c.oid LIMIT 1);
END $$;
COMMENT ON FUNCTION leadscore._leads_to(leadscore.source, int) IS 'The table to which the foreign key of a step leads now; NULL: there is none';

-- Where a table in between was rebuilt, the one that took its place is followed from then on.
CREATE FUNCTION leadscore._follow_keys(s leadscore.source) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    moved record;
    g     record;
BEGIN
    FOR moved IN
        SELECT t.step, t.relation, leadscore._leads_to(s, t.step) AS present FROM leadscore.source_step t WHERE t.source_id = s.source_id
    LOOP
        CONTINUE WHEN moved.present IS NULL OR moved.present = moved.relation;
        UPDATE leadscore.source_step t SET relation = moved.present WHERE t.source_id = s.source_id AND t.step = moved.step;
        FOR g IN
            SELECT t.tgname FROM pg_trigger t
            WHERE t.tgrelid = moved.relation AND t.tgparentid = 0
              AND (t.tgname = format('leadscore_%s_%s_columns', s.source_id, moved.step)
                   OR (starts_with(t.tgname, 'leadscore_reached')
                       AND NOT EXISTS (SELECT FROM leadscore.source_step x JOIN leadscore.source y USING (source_id) WHERE y.attached AND x.relation = moved.relation)))
        LOOP
            EXECUTE format('DROP TRIGGER %I ON %s', g.tgname, moved.relation);
        END LOOP;
    END LOOP;
END $$;
COMMENT ON FUNCTION leadscore._follow_keys(leadscore.source) IS 'Follows the foreign keys of an attached table to where they lead now';
REVOKE ALL ON FUNCTION leadscore._follow_keys(leadscore.source) FROM PUBLIC;

-- Whether the columns of a step are a foreign key to the table that is followed.
CREATE FUNCTION leadscore._has_key(s leadscore.source, step int) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM leadscore.source_step t
                   WHERE t.source_id = (s).source_id AND t.step = _has_key.step AND t.relation = leadscore._leads_to(s, t.step));
END;
COMMENT ON FUNCTION leadscore._has_key(leadscore.source, int) IS 'Whether the columns of a step are a foreign key';

CREATE FUNCTION leadscore._may_come_later(s leadscore.source, step int) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT leadscore._is_deferrable(s, step) OR NOT leadscore._has_key(s, step)
        OR leadscore._has_loose_keys((SELECT t.relation FROM leadscore.source_step t WHERE t.source_id = (s).source_id AND t.step = _may_come_later.step));
END;
COMMENT ON FUNCTION leadscore._may_come_later(leadscore.source, int) IS 'Whether rows may refer to one that is not there, and comes by itself';

-- One set of triggers serves all attached tables that reach a table.
CREATE FUNCTION leadscore._put_reached_triggers(relation regclass, suffix text, with_moves boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    part record;
BEGIN
    FOR part IN SELECT * FROM (VALUES ('leadscore_reached_row', 'UPDATE', 'ROW', '_reached_row_changed', true),
                                      ('leadscore_reached', 'UPDATE', 'STATEMENT', '_reached_changed', true),
                                      ('leadscore_reached_row_moved', 'INSERT OR DELETE', 'ROW', '_reached_row_changed', with_moves),
                                      ('leadscore_reached_moved', 'INSERT OR DELETE', 'STATEMENT', '_reached_changed', with_moves)) v(name, events, level, function, wanted)
                WHERE v.wanted LOOP
        IF NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = relation AND g.tgname = part.name || suffix) THEN
            EXECUTE format('CREATE TRIGGER %I AFTER %s ON %s FOR EACH %s EXECUTE FUNCTION leadscore.%I()',
                           part.name || suffix, part.events, relation, part.level, part.function);
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION leadscore._put_reached_triggers(regclass, text, boolean) IS 'Puts leadscore''s triggers on a table that an attached one reaches';
REVOKE ALL ON FUNCTION leadscore._put_reached_triggers(regclass, text, boolean) FROM PUBLIC;

CREATE FUNCTION leadscore._drop_triggers(of_source int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS $$
DECLARE
    g        record;
    attached regclass[] := ARRAY(SELECT p.relation FROM leadscore.source s CROSS JOIN LATERAL leadscore._places_of(s.source) p WHERE s.source_id = of_source);
    reached  regclass[] := ARRAY(SELECT DISTINCT p.relation FROM leadscore.source_step t CROSS JOIN LATERAL leadscore._places_of(t.relation) p WHERE t.source_id = of_source);
    used     regclass[] := ARRAY(SELECT DISTINCT p.relation FROM leadscore.source_step t JOIN leadscore.source s USING (source_id)
                                 CROSS JOIN LATERAL leadscore._places_of(t.relation) p WHERE s.attached AND t.source_id <> of_source);
    before   text := leadscore._local_ddl();
BEGIN
    FOR g IN SELECT t.tgname, t.tgrelid::regclass AS relation FROM pg_trigger t
             WHERE t.tgrelid = ANY (reached || attached) AND ltrim(t.tgname, '!') LIKE 'leadscore\_' || of_source || '\_%' AND t.tgparentid = 0 LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', g.tgname, g.relation);
    END LOOP;
    FOR g IN SELECT t.tgname, t.tgrelid::regclass AS relation FROM pg_trigger t
             WHERE t.tgrelid = ANY (reached) AND t.tgname LIKE 'leadscore\_reached%' AND t.tgparentid = 0 AND t.tgrelid <> ALL (used) LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', g.tgname, g.relation);
    END LOOP;
    PERFORM leadscore._local_ddl(before);
END $$;
COMMENT ON FUNCTION leadscore._drop_triggers(int) IS 'Takes leadscore''s triggers off an attached table';
REVOKE ALL ON FUNCTION leadscore._drop_triggers(int) FROM PUBLIC;

-- A change of what is reached is brought over by the index of each foreign key on the way.
CREATE FUNCTION leadscore._tell_missing_indexes(plan leadscore._plan) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    w record;
BEGIN
    FOR w IN
        SELECT plan.relations[p.parent + 1] AS relation, plan.relations[p.step + 1] AS reached,
               (SELECT string_agg(quote_ident(f.name), ', ' ORDER BY f.nth) FROM jsonb_array_elements_text(plan.froms -> p.step::int) WITH ORDINALITY f(name, nth)) AS columns
        FROM unnest(plan.parents) WITH ORDINALITY p(parent, step)
        WHERE NOT EXISTS (
            SELECT FROM pg_index i
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
            WHERE i.indrelid = plan.relations[p.parent + 1] AND i.indisvalid AND (plan.froms -> p.step::int) ? a.attname::text
              AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NOT NULL)', a.attname)))
    LOOP
        RAISE NOTICE 'no index on % (%)', w.relation, w.columns USING
            DETAIL = format('When a row of %s changes, all of %s is read to find those that refer to it.', w.reached, w.relation),
            HINT = format('CREATE INDEX ON %s (%s);', w.relation, w.columns);
    END LOOP;
END $$;
COMMENT ON FUNCTION leadscore._tell_missing_indexes(leadscore._plan) IS 'Names indexes that a change of what is reached would need';
REVOKE ALL ON FUNCTION leadscore._tell_missing_indexes(leadscore._plan) FROM PUBLIC;

-- A row that was written just now and lies a whole offset away tells that its column has another zone.
CREATE FUNCTION leadscore._tell_zone(source regclass, column_name text, zone text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    held timestamp;
BEGIN
    IF column_name IS NULL OR now() AT TIME ZONE zone = now() AT TIME ZONE 'UTC' OR NOT EXISTS (
        SELECT FROM pg_attribute a WHERE a.attrelid = source AND a.attname = column_name
                                     AND leadscore._base_type(a.atttypid) = 'timestamp'::regtype) THEN
        RETURN;
    END IF;
    EXECUTE format('SELECT t.%1$I FROM %2$s t WHERE t.%1$I BETWEEN $1 - interval ''5 min'' AND $1 + interval ''1 min'' LIMIT 1', column_name, source)
        INTO held USING now() AT TIME ZONE 'UTC';
    IF held IS NOT NULL THEN
        RAISE NOTICE 'column % of % may hold UTC', quote_ident(column_name), source USING
            DETAIL = format('A row says %s, which in %s is %s from now.', held, zone, justify_hours(date_trunc('minute', held AT TIME ZONE zone - now()))),
            HINT = 'Say so when attaching: time_zone => ''UTC''.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._tell_zone(regclass, text, text) IS 'Tells when a column without a time zone seems to hold UTC';
REVOKE ALL ON FUNCTION leadscore._tell_zone(regclass, text, text) FROM PUBLIC;

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

-- What a table is called, with its schema, whatever the search_path.
CREATE FUNCTION leadscore._name_of(relation regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation;
END;
COMMENT ON FUNCTION leadscore._name_of(regclass) IS 'The qualified name of a table; NULL when it is gone';

-- A table that was attached before keeps its number, so that its rows are recognised; so does one that took the place of another.
CREATE FUNCTION leadscore._register_source(source regclass, as_role text, kind text, label text, fixed_type text, zone text,
                                           parts jsonb, plan leadscore._plan) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    number int;
    called text := leadscore._name_of(source);
    holder name := (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = source);
BEGIN
    -- Of the same table under another kind, or of one that is gone or gave its name away.
    SELECT s.source_id INTO number
    FROM leadscore.source s
    WHERE s.role = as_role AND s.label = _register_source.label
      AND CASE WHEN s.source = _register_source.source THEN (as_role = 'activity' OR s.person_kind = kind) AND NOT s.attached
               WHEN s.person_kind <> kind THEN false
               WHEN leadscore._name_of(s.source) IS NULL THEN s.attached OR s.name = called
               ELSE s.name = called AND NOT s.attached AND leadscore._name_of(s.source) <> called END
    ORDER BY s.source = _register_source.source DESC, s.person_kind = kind DESC, s.name = called DESC, s.source_id DESC
    LIMIT 1;
    IF number IS NULL THEN
        INSERT INTO leadscore.source AS s (source, name, owner, role, person_kind, label, activity_type, time_zone, parts)
        VALUES (source, called, holder, as_role, kind, label, fixed_type, zone, parts)
        RETURNING s.source_id INTO number;
    ELSE
        PERFORM leadscore._drop_triggers(number);
        UPDATE leadscore.source s
        SET source = _register_source.source, name = called, owner = holder, attached = true, person_kind = kind, activity_type = fixed_type,
            time_zone = zone, parts = _register_source.parts
        WHERE s.source_id = number;
    END IF;
    DELETE FROM leadscore.source_step t WHERE t.source_id = number;
    INSERT INTO leadscore.source_step (source_id, step, relation, names)
    SELECT number, p.step, plan.relations[p.step + 1], leadscore._bound_names(plan, p.step::int)
    FROM unnest(plan.parents) WITH ORDINALITY p(parent, step);
    -- Those that came with a dump of the table.
    PERFORM leadscore._drop_triggers(number);
    PERFORM leadscore._go_live();
    PERFORM leadscore._forget_configuration();
    RETURN number;
END $$;
COMMENT ON FUNCTION leadscore._register_source(regclass, text, text, text, text, text, jsonb, leadscore._plan) IS 'Notes an attached table and returns its number';
REVOKE ALL ON FUNCTION leadscore._register_source(regclass, text, text, text, text, text, jsonb, leadscore._plan) FROM PUBLIC;

-- Of a distributed table each node locks its shards when it puts triggers on them; a lock here would keep it from that.
CREATE FUNCTION leadscore._lock_table(relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT leadscore._is_distributed(relation) THEN
        EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', relation);
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._lock_table(regclass) IS 'Locks a table of the application against writers';
REVOKE ALL ON FUNCTION leadscore._lock_table(regclass) FROM PUBLIC;

CREATE FUNCTION leadscore._lock_tables(plan leadscore._plan) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r regclass;
BEGIN
    PERFORM leadscore._lock_table(plan.relations[1]);
    FOR r IN SELECT DISTINCT x FROM unnest(plan.relations[2:]) x ORDER BY x LOOP
        PERFORM leadscore._lock_table(r);
    END LOOP;
END $$;
COMMENT ON FUNCTION leadscore._lock_tables(leadscore._plan) IS 'Locks a table that is attached, and those that it reaches';
REVOKE ALL ON FUNCTION leadscore._lock_tables(leadscore._plan) FROM PUBLIC;

-- The conditions of only_when, bound: a list of {"at", "values"}.
CREATE FUNCTION leadscore._bind_only_when(plan leadscore._plan, only_when jsonb, caller oid) RETURNS leadscore._plan
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item       record;
    conditions jsonb;
BEGIN
    IF jsonb_typeof(only_when) <> 'object' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('attaching %s: only_when %s is no JSON object', plan.relations[1], only_when),
            DETAIL = 'It names columns and the values that they must have.',
            HINT = 'Write {"column": "value"} or {"column": ["one value", "another"]}.';
    END IF;
    FOR item IN SELECT w.key AS name, w.value FROM jsonb_each(only_when) w LOOP
        plan := leadscore._bind(plan, item.name, 'a condition of only_when', NULL, caller);
        IF jsonb_typeof(item.value) = 'object' OR jsonb_path_exists(item.value, 'strict $[*] ? (@.type() == "object" || @.type() == "array")', '{}', true) THEN
            RAISE invalid_parameter_value USING
                MESSAGE = format('attaching %s: only_when for column %I is no value', plan.relations[1], item.name),
                DETAIL = 'A column is compared with a value, or with the values of a list.',
                HINT = 'Write {"column": "value"} or {"column": ["one value", "another"]}.';
        END IF;
        conditions := coalesce(conditions, '[]') || jsonb_build_array(jsonb_build_object('at', plan.at,
            'values', CASE jsonb_typeof(item.value) WHEN 'array' THEN item.value ELSE jsonb_build_array(item.value) END));
    END LOOP;
    plan.extra := conditions;
    RETURN plan;
END $$;
COMMENT ON FUNCTION leadscore._bind_only_when(leadscore._plan, jsonb, oid) IS 'Binds the columns of only_when';
REVOKE ALL ON FUNCTION leadscore._bind_only_when(leadscore._plan, jsonb, oid) FROM PUBLIC;

CREATE FUNCTION leadscore._bind_attributes(plan leadscore._plan, attributes text[], caller oid) RETURNS leadscore._plan
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found jsonb[];
    name  text;
BEGIN
    IF array_position(attributes, NULL) IS NOT NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = format('attaching %s: attributes hold a NULL', plan.relations[1]),
            DETAIL = 'Each attribute is a column of the table, or reached from it.',
            HINT = 'Name columns.';
    END IF;
    FOREACH name IN ARRAY coalesce(attributes, '{}') LOOP
        plan := leadscore._bind(plan, name, 'an attribute', NULL, caller);
        found := found || jsonb_build_object('label', name, 'at', plan.at);
    END LOOP;
    plan.extra := to_jsonb(found);
    RETURN plan;
END $$;
COMMENT ON FUNCTION leadscore._bind_attributes(leadscore._plan, text[], oid) IS 'Binds the columns that are attributes';
REVOKE ALL ON FUNCTION leadscore._bind_attributes(leadscore._plan, text[], oid) FROM PUBLIC;

-- An attached table decides about the persons of its kind: what its owner may do to persons who are there already, or whose
-- table is another role's, goes by that role's rights on leadscore's own tables.
CREATE FUNCTION leadscore._has_persons_of_others(of_kind text, caller oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- A table that is gone was its owner's.
    own int[] := ARRAY(SELECT s.source_id FROM leadscore.source s LEFT JOIN pg_class c ON c.oid = s.source
                       JOIN pg_roles r ON r.oid = c.relowner OR (c.oid IS NULL AND r.rolname = s.owner)
                       WHERE s.role = 'person' AND pg_has_role(caller, r.oid, 'USAGE'));
BEGIN
    RETURN EXISTS (SELECT FROM leadscore.source s
                   WHERE s.role = 'person' AND s.attached AND s.person_kind = of_kind AND s.source_id <> ALL (own))
        OR EXISTS (SELECT FROM leadscore.person p WHERE p.kind = of_kind AND (p.source_id = ANY (own)) IS NOT TRUE);
END $$;
COMMENT ON FUNCTION leadscore._has_persons_of_others(text, oid) IS 'Whether a kind has persons that come from no table of the role';
REVOKE ALL ON FUNCTION leadscore._has_persons_of_others(text, oid) FROM PUBLIC;

-- Where the plan of any table begins.
CREATE FUNCTION leadscore._bind_key(source regclass, key text, caller oid) RETURNS leadscore._plan
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    plan leadscore._plan := ROW(ARRAY[source], '{}', '[null]', '[null]', '{}', '{}', '{}', NULL, NULL);
    keys jsonb := '[]';
    name text;
BEGIN
    FOREACH name IN ARRAY leadscore._key_columns(source, key) LOOP
        plan := leadscore._bind(plan, name, 'the key', NULL, caller);
        keys := keys || to_jsonb(plan.at);
    END LOOP;
    plan.extra := keys;
    RETURN plan;
END $$;
COMMENT ON FUNCTION leadscore._bind_key(regclass, text, oid) IS 'A plan that binds the key of a table that is to be attached';
REVOKE ALL ON FUNCTION leadscore._bind_key(regclass, text, oid) FROM PUBLIC;

CREATE FUNCTION leadscore._attach_person(source regclass, kind text, key text, status text, owner text, since text, score text, category text,
                                         name text, attributes text[], tenant text, only_when jsonb, time_zone text, scorecards jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    plan     leadscore._plan;
    parts    jsonb;
    written  text[];
    own      text[];
    number   int;
    caller   oid;
    since_at int;
    item     record;
    pair     text[];
    cards    jsonb := '[]';
    s        leadscore.source;
    moments  CONSTANT text[] := ARRAY['timestamp with time zone', 'timestamp without time zone', 'date'];
BEGIN
    PERFORM leadscore._check_source(source);
    caller := leadscore._admitted_role();
    IF kind IS NULL OR kind = '' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('attach_person: %s has no kind', source),
            DETAIL = 'Rules and categories tell persons by their kind.',
            HINT = 'Say what its rows are: kind => ''candidate''.';
    END IF;
    SELECT x.* INTO s FROM leadscore.source x
    WHERE x.role = 'person' AND x.attached AND x.person_kind = kind AND leadscore._name_of(x.source) IS NOT NULL;
    IF s.source = source THEN
        RAISE duplicate_object USING
            MESSAGE = format('%s is attached already', source),
            DETAIL = format('Its rows are persons of kind %L.', kind),
            HINT = format('To attach it in another way: SELECT leadscore.detach(%L);', source::text);
    ELSIF s.source_id IS NOT NULL THEN
        RAISE duplicate_object USING
            MESSAGE = format('persons of kind %L come from %s already', kind, s.source),
            DETAIL = 'Keys of two tables could not be told apart.',
            HINT = 'Choose another kind.';
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
    PERFORM leadscore._require_time_zone(time_zone) WHERE time_zone IS NOT NULL;
    plan := leadscore._bind_key(source, key, caller);
    parts := jsonb_build_object('key', plan.extra);
    plan := leadscore._bind(plan, status, 'the status', NULL, caller);
    parts := parts || jsonb_build_object('status', plan.at);
    plan := leadscore._bind(plan, owner, 'the owner', NULL, caller);
    parts := parts || jsonb_build_object('owner', plan.at);
    plan := leadscore._bind(plan, since, 'since', moments, caller);
    parts := parts || jsonb_build_object('moment', plan.at);
    since_at := plan.at;
    plan := leadscore._bind(plan, name, 'the name', NULL, caller);
    parts := parts || jsonb_build_object('name', plan.at);
    plan := leadscore._bind(plan, tenant, 'the tenant', NULL, caller);
    parts := parts || jsonb_build_object('tenant', plan.at);
    plan := leadscore._bind_attributes(plan, attributes, caller);
    parts := parts || jsonb_build_object('attributes', plan.extra);
    plan := leadscore._bind_only_when(plan, only_when, caller);
    parts := parts || jsonb_build_object('only_when', plan.extra);

    -- What is written back.
    IF jsonb_typeof(scorecards) <> 'object' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('attach_person: scorecards %s is no JSON object', scorecards),
            DETAIL = 'It names scorecards, each with the columns for its score and its category.',
            HINT = 'Write {"fit": ["fit_score", "fit_category"]}; null leaves one of them out.';
    END IF;
    own := leadscore._bound_names(plan, 0);
    written := array_remove(ARRAY[score, category], NULL);
    parts := parts || jsonb_build_object('score', CASE WHEN score IS NOT NULL THEN cardinality(own) END,
                                         'category', CASE WHEN category IS NOT NULL THEN cardinality(own) + (score IS NOT NULL)::int END);
    FOR item IN SELECT c.key AS scorecard, c.value FROM jsonb_each(scorecards) c ORDER BY c.key LOOP
        IF NOT EXISTS (SELECT FROM leadscore.scorecard c WHERE c.scorecard = item.scorecard) OR item.scorecard = 'main' THEN
            RAISE undefined_object USING
                MESSAGE = CASE item.scorecard WHEN 'main' THEN 'attach_person: main''s columns are score and category'
                                              ELSE format('scorecard %L does not exist', item.scorecard) END,
                DETAIL = format('Its score would be written back to %s.', source),
                HINT = CASE item.scorecard WHEN 'main' THEN 'Name them so: score => ''…'', category => ''…''.'
                                           ELSE format('INSERT INTO leadscore.scorecard (scorecard) VALUES (%L);', item.scorecard) END;
        END IF;
        IF jsonb_typeof(item.value) <> 'array' OR jsonb_array_length(item.value) NOT BETWEEN 1 AND 2
           OR jsonb_path_exists(item.value, '$[*] ? (@.type() != "string" && @.type() != "null")') THEN
            RAISE invalid_parameter_value USING
                MESSAGE = format('attach_person: scorecard %L has no columns', item.scorecard),
                DETAIL = format('%s is no list of two names.', item.value),
                HINT = 'Write {"fit": ["fit_score", "fit_category"]}; null leaves one of them out.';
        END IF;
        pair := ARRAY[item.value ->> 0, item.value ->> 1];
        cards := cards || jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('scorecard', item.scorecard,
            'score', CASE WHEN pair[1] IS NOT NULL THEN cardinality(own) + cardinality(written) END,
            'category', CASE WHEN pair[2] IS NOT NULL THEN cardinality(own) + cardinality(written) + (pair[1] IS NOT NULL)::int END)));
        PERFORM leadscore._check_column(source, pair[1], 'a score to write back', ARRAY['integer', 'bigint', 'numeric']),
                leadscore._check_column(source, pair[2], 'a category to write back', ARRAY['text', 'character varying']);
        written := written || array_remove(pair, NULL);
    END LOOP;
    PERFORM leadscore._check_column(source, score, 'the score to write back', ARRAY['integer', 'bigint', 'numeric']);
    PERFORM leadscore._check_column(source, category, 'the category to write back', ARRAY['text', 'character varying']);
    IF EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = source AND a.attname = ANY (written)
               AND (a.attgenerated <> '' OR a.attidentity = 'a')) THEN
        RAISE wrong_object_type USING
            MESSAGE = format('attach_person: a column of %s that would be written back to is generated', source),
            DETAIL = 'PostgreSQL itself gives the column its value.',
            HINT = 'Give score and category ordinary columns.';
    END IF;
    IF own && written OR cardinality(written) <> (SELECT count(DISTINCT w) FROM unnest(written) w) THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('attach_person: a column of %s is both read and written', source),
            DETAIL = 'What leadscore writes would be read as what the application says, or the other way round.',
            HINT = 'Give score and category columns of their own.';
    END IF;
    IF cardinality(written) > 0 AND EXISTS (
        SELECT FROM pg_trigger t WHERE t.tgrelid = source AND t.tgdeferrable AND NOT t.tgisinternal) THEN
        RAISE feature_not_supported USING
            MESSAGE = format('%s has a deferrable trigger', source),
            DETAIL = 'What is written back may run code of the table''s owner only at once and as the owner, not at commit.',
            HINT = 'Leave score and category out, or make the trigger an ordinary one.';
    END IF;
    parts := jsonb_strip_nulls(parts || jsonb_build_object('scorecards', nullif(cards, '[]')) || leadscore._places(plan, written));

    PERFORM leadscore._lock_tables(plan);
    PERFORM leadscore._need_current_snapshot();
    number := leadscore._register_source(source, 'person', kind, '', NULL, time_zone, parts, plan);
    PERFORM leadscore._put_triggers(number);
    SELECT * INTO s FROM leadscore.source x WHERE x.source_id = number;
    -- Rows that are attached already must refer to these.
    PERFORM leadscore._check_reference_of(x, s) FROM leadscore.source x WHERE x.role = 'activity' AND x.attached AND x.person_kind = kind;
    PERFORM leadscore._check_colocation(number), leadscore._tell_missing_indexes(plan);
    PERFORM leadscore._resync(number);
    IF leadscore._is_distributed(source) THEN
        RETURN leadscore._attach_on_nodes(number);
    END IF;
    IF time_zone IS NULL AND since_at IS NOT NULL AND plan.steps[since_at + 1] = 0 THEN
        PERFORM leadscore._tell_zone(source, plan.names[since_at + 1], z.time_zone) FROM leadscore.settings z;
    END IF;
    RETURN (SELECT count(*) FROM leadscore.person p WHERE p.source_id = number);
END $$;
COMMENT ON FUNCTION leadscore._attach_person(regclass, text, text, text, text, text, text, text, text, text[], text, jsonb, text, jsonb) IS 'attach_person() with the rights of leadscore, for a caller that was admitted';

CREATE FUNCTION leadscore.attach_person(source regclass, kind text, key text DEFAULT NULL, status text DEFAULT NULL,
                                        owner text DEFAULT NULL, since text DEFAULT NULL,
                                        score text DEFAULT NULL, category text DEFAULT NULL,
                                        name text DEFAULT NULL, attributes text[] DEFAULT NULL, tenant text DEFAULT NULL,
                                        only_when jsonb DEFAULT NULL, time_zone text DEFAULT NULL, scorecards jsonb DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._admit(source);
    RETURN leadscore._attach_person(source, kind, key, status, owner, since, score, category, name, attributes, tenant, only_when, time_zone, scorecards);
END $$;
COMMENT ON FUNCTION leadscore.attach_person(regclass, text, text, text, text, text, text, text, text, text[], text, jsonb, text, jsonb) IS 'Lets the rows of an application''s table be persons of a kind, existing ones too, and returns how many there are; score, category and those in scorecards are columns to write back to';

-- The columns by which an attached table refers to its persons.
CREATE FUNCTION leadscore._check_reference_of(activities leadscore.source, persons leadscore.source) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r record;
BEGIN
    FOR r IN
        SELECT c.relation, array_agg(c.name ORDER BY c.nth) AS names
        FROM (SELECT CASE p.step WHEN 0 THEN activities.source ELSE t.relation END AS relation, e.nth,
                     (SELECT b.columns ->> p.at FROM leadscore._bound_columns(
                          CASE p.step WHEN 0 THEN activities.source ELSE t.relation END,
                          CASE p.step WHEN 0 THEN format('leadscore_%s_columns', activities.source_id)
                                      ELSE format('leadscore_%s_%s_columns', activities.source_id, p.step) END) b) AS name
              FROM jsonb_array_elements_text(activities.parts -> 'person') WITH ORDINALITY e(place, nth)
              CROSS JOIN LATERAL (SELECT (activities.parts -> 'columns' -> e.place::int ->> 0)::int AS step,
                                         (activities.parts -> 'columns' -> e.place::int ->> 1)::int AS at) p
              LEFT JOIN leadscore.source_step t ON t.source_id = activities.source_id AND t.step = p.step) c
        WHERE c.name IS NOT NULL
        GROUP BY c.relation
    LOOP
        PERFORM leadscore._check_reference(r.relation, r.names, persons);
    END LOOP;
END $$;
COMMENT ON FUNCTION leadscore._check_reference_of(leadscore.source, leadscore.source) IS 'Refuses activities whose column for the person refers to other rows than those that are persons';
REVOKE ALL ON FUNCTION leadscore._check_reference_of(leadscore.source, leadscore.source) FROM PUBLIC;

CREATE FUNCTION leadscore._attach_activity(source regclass, activity_type text, person text, person_kind text, occurred_at text,
                                           key text, activity_type_column text, attributes text[], only_when jsonb, tenant text,
                                           time_zone text, label text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    plan      leadscore._plan;
    parts     jsonb;
    number    int;
    item      record;
    caller    oid;
    keys      jsonb := '[]';
    moment_at int;
    s         leadscore.source;
    moments   CONSTANT text[] := ARRAY['timestamp with time zone', 'timestamp without time zone', 'date'];
BEGIN
    PERFORM leadscore._check_source(source);
    caller := leadscore._admitted_role();
    label := coalesce(label, '');
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
    IF EXISTS (SELECT FROM leadscore.source x
               WHERE x.source = source AND x.role = 'activity' AND x.attached AND x.person_kind = person_kind AND x.label = label) THEN
        RAISE duplicate_object USING
            MESSAGE = format('%s is attached already', source),
            DETAIL = format('Its rows are activities of persons of kind %L%s.', person_kind, CASE WHEN label <> '' THEN format(' under label %L', label) ELSE '' END),
            HINT = format('To attach it in another way: SELECT leadscore.detach(%L); to attach it once more: label => ''…''.', source::text);
    END IF;
    IF NOT has_column_privilege(caller, 'leadscore.activity', 'person_id', 'INSERT')
       AND leadscore._has_persons_of_others(person_kind, caller) THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('there are persons of kind %L that come from no table of role %I', person_kind, pg_get_userbyid(caller)),
            DETAIL = format('Rows of %s would give them points.', source),
            HINT = format('Let the owner of their table attach it, or GRANT INSERT ON leadscore.activity TO %I;', pg_get_userbyid(caller));
    END IF;
    PERFORM leadscore._require_time_zone(time_zone) WHERE time_zone IS NOT NULL;
    plan := leadscore._bind_key(source, key, caller);
    parts := jsonb_build_object('key', plan.extra);
    FOR item IN SELECT n AS name FROM unnest(leadscore._columns_in(source, person)) n LOOP
        plan := leadscore._bind(plan, item.name, 'the person', NULL, caller);
        PERFORM leadscore._check_key_type(plan.relations[plan.steps[plan.at + 1] + 1], plan.names[plan.at + 1], 'the person',
                                          cardinality(leadscore._columns_in(source, person)) > 1);
        keys := keys || to_jsonb(plan.at);
    END LOOP;
    parts := parts || jsonb_build_object('person', keys);
    plan := leadscore._bind(plan, occurred_at, 'occurred_at', moments, caller);
    parts := parts || jsonb_build_object('moment', plan.at);
    moment_at := plan.at;
    plan := leadscore._bind(plan, activity_type_column, 'the activity type', NULL, caller);
    parts := parts || jsonb_build_object('activity_type', plan.at);
    plan := leadscore._bind(plan, tenant, 'the tenant', NULL, caller);
    parts := parts || jsonb_build_object('tenant', plan.at);
    plan := leadscore._bind_attributes(plan, attributes, caller);
    parts := parts || jsonb_build_object('attributes', plan.extra);
    plan := leadscore._bind_only_when(plan, only_when, caller);
    parts := parts || jsonb_build_object('only_when', plan.extra);
    parts := jsonb_strip_nulls(parts || leadscore._places(plan, NULL));

    PERFORM leadscore._lock_tables(plan);
    PERFORM leadscore._need_current_snapshot();
    number := leadscore._register_source(source, 'activity', person_kind, label, activity_type, time_zone, parts, plan);
    PERFORM leadscore._put_triggers(number);
    SELECT * INTO s FROM leadscore.source x WHERE x.source_id = number;
    PERFORM leadscore._check_reference_of(s, x) FROM leadscore.source x WHERE x.role = 'person' AND x.attached AND x.person_kind = person_kind;
    PERFORM leadscore._check_colocation(number), leadscore._tell_missing_indexes(plan);
    PERFORM leadscore._adopt_activities(number);
    PERFORM leadscore._resync(number);
    IF leadscore._is_distributed(source) THEN
        RETURN leadscore._attach_on_nodes(number);
    END IF;
    IF time_zone IS NULL AND moment_at IS NOT NULL AND plan.steps[moment_at + 1] = 0 THEN
        PERFORM leadscore._tell_zone(source, plan.names[moment_at + 1], z.time_zone) FROM leadscore.settings z;
    END IF;
    RETURN (SELECT count(*) FROM leadscore.activity a WHERE a.source_id = number);
END $$;
COMMENT ON FUNCTION leadscore._attach_activity(regclass, text, text, text, text, text, text, text[], jsonb, text, text, text) IS 'attach_activity() with the rights of leadscore, for a caller that was admitted';

CREATE FUNCTION leadscore.attach_activity(source regclass, activity_type text DEFAULT NULL, person text DEFAULT NULL,
                                          person_kind text DEFAULT NULL, occurred_at text DEFAULT NULL, key text DEFAULT NULL,
                                          activity_type_column text DEFAULT NULL, attributes text[] DEFAULT NULL,
                                          only_when jsonb DEFAULT NULL, tenant text DEFAULT NULL, time_zone text DEFAULT NULL,
                                          label text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._admit(source);
    RETURN leadscore._attach_activity(source, activity_type, person, person_kind, occurred_at, key, activity_type_column,
                                      attributes, only_when, tenant, time_zone, label);
END $$;
COMMENT ON FUNCTION leadscore.attach_activity(regclass, text, text, text, text, text, text, text[], jsonb, text, text, text) IS 'Lets the rows of an application''s table be activities, existing ones too, and returns how many there are; call it with named arguments';

-- Activities that were kept of tables that are gone, and that are rows of this one, are recognised by what they say.
CREATE FUNCTION leadscore._adopt_activities(of_source int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    s       leadscore.source;
    orphans int[];
BEGIN
    SELECT * INTO s FROM leadscore.source x WHERE x.source_id = of_source;
    orphans := ARRAY(SELECT x.source_id FROM leadscore.source x
                     WHERE x.role = 'activity' AND x.source_id <> of_source AND x.person_kind = s.person_kind AND leadscore._name_of(x.source) IS NULL);
    IF NOT EXISTS (SELECT FROM leadscore.activity a WHERE a.source_id = ANY (orphans)) THEN
        RETURN;
    END IF;
    UPDATE leadscore.activity a SET source_id = of_source
    FROM leadscore._source_rows(of_source) r
    JOIN leadscore._person_key k ON k.kind = s.person_kind AND k.external_id = r.person AND k.tenant IS NOT DISTINCT FROM r.tenant
    WHERE a.source_id = ANY (orphans) AND a.source_key = r.key AND a.person_id = k.person_id AND a.activity_type = r.activity_type
      AND a.occurred_at = coalesce(r.moment, a.occurred_at)
      AND NOT EXISTS (SELECT FROM leadscore.activity b WHERE b.source_id = of_source AND b.source_key = r.key);
END $$;
COMMENT ON FUNCTION leadscore._adopt_activities(int) IS 'Recognises activities that were kept of a table that is gone';
REVOKE ALL ON FUNCTION leadscore._adopt_activities(int) FROM PUBLIC;

CREATE FUNCTION leadscore._detach(source regclass, keep boolean, kind text, label text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s        leadscore.source;
    admitted boolean := leadscore._admitted(source);
    found    boolean := false;
BEGIN
    PERFORM leadscore._need_attached(source);
    IF NOT admitted THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('must be owner of table %s', source),
            DETAIL = 'Triggers are put on it and taken off it.',
            HINT = 'Let its owner or a superuser detach it.';
    END IF;
    FOR s IN SELECT * FROM leadscore.source x
             WHERE x.source = _detach.source AND x.attached AND x.person_kind = coalesce(kind, x.person_kind)
               AND x.label = coalesce(_detach.label, x.label)
             ORDER BY x.role, x.source_id LOOP
        found := true;
        PERFORM leadscore._drop_triggers(s.source_id);
        UPDATE leadscore.source x SET attached = false WHERE x.source_id = s.source_id;
        IF NOT keep THEN
            PERFORM leadscore._remove_source(s.source_id);
        END IF;
    END LOOP;
    IF NOT found THEN
        RAISE undefined_object USING
            MESSAGE = format('%s is not attached for kind %L%s', source, coalesce(kind, 'any'), CASE WHEN label IS NOT NULL THEN format(' under label %L', label) ELSE '' END),
            DETAIL = 'It is attached in other ways, which stay.',
            HINT = format('SELECT role, person_kind, label FROM leadscore.source WHERE source = %L AND attached;', source::text);
    END IF;
    PERFORM leadscore._forget_configuration();
    PERFORM leadscore._tell_nodes() WHERE leadscore._is_distributed(source);
END $$;
COMMENT ON FUNCTION leadscore._detach(regclass, boolean, text, text) IS 'detach() with the rights of leadscore, for a caller that was admitted';

-- All that came from an attached table goes, and what is noted of it.
CREATE FUNCTION leadscore._remove_source(of_source int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM leadscore.waiting w WHERE w.source_id = of_source;
    DELETE FROM leadscore.activity a WHERE a.source_id = of_source;
    PERFORM leadscore._lose_persons(array_agg(p.person_id)) FROM leadscore.person p
    WHERE p.source_id = of_source HAVING count(*) > 0;
    DELETE FROM leadscore.source_step t WHERE t.source_id = of_source;
    DELETE FROM leadscore.source x WHERE x.source_id = of_source;
END $$;
COMMENT ON FUNCTION leadscore._remove_source(int) IS 'Removes an attached table and all that came from it';
REVOKE ALL ON FUNCTION leadscore._remove_source(int) FROM PUBLIC;

-- For an attached table that is gone, which regclass cannot name: with all that came from it.
CREATE FUNCTION leadscore.forget_source(source_id int) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s leadscore.source;
BEGIN
    SELECT * INTO s FROM leadscore.source x WHERE x.source_id = forget_source.source_id;
    IF NOT FOUND THEN
        RAISE undefined_object USING
            MESSAGE = format('forget_source: there is no attached table with number %s', coalesce(source_id::text, 'NULL')),
            DETAIL = 'leadscore.source has no such row.',
            HINT = 'SELECT source_id, name FROM leadscore.source; lists them.';
    END IF;
    IF leadscore._name_of(s.source) IS NOT NULL THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('forget_source: %s is still there', s.source),
            DETAIL = 'Its owner detaches it.',
            HINT = format('SELECT leadscore.detach(%L, keep => false);', s.source::text);
    END IF;
    PERFORM leadscore._begin();
    PERFORM leadscore._drop_triggers(s.source_id);
    PERFORM leadscore._remove_source(s.source_id);
    PERFORM leadscore._forget_configuration();
    PERFORM leadscore._tell_nodes() WHERE leadscore._leads();
END $$;
COMMENT ON FUNCTION leadscore.forget_source(int) IS 'Removes an attached table that was dropped, and all that came from it';
-- It removes persons: the owner says who may.
REVOKE ALL ON FUNCTION leadscore.forget_source(int) FROM PUBLIC;

CREATE FUNCTION leadscore.detach(source regclass, keep boolean DEFAULT true, kind text DEFAULT NULL, label text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._admit(source);
    PERFORM leadscore._detach(source, keep, kind, label);
END $$;
COMMENT ON FUNCTION leadscore.detach(regclass, boolean, text, text) IS 'Takes leadscore''s triggers off a table, or off it for one kind or label; with keep => false what came from it goes too';

-- The parts of an attached table without the columns that are lost, of which `lists` holds null, a list for each of its tables.
CREATE FUNCTION leadscore._parts_left(s leadscore.source, lists jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parts     jsonb := s.parts;
    essential int[];
    reads     int := (s.parts ->> 'reads')::int;
    part      text;
    lost      record;
BEGIN
    essential := ARRAY(SELECT e.value::int FROM jsonb_array_elements_text(coalesce(parts -> 'key', '[]') || coalesce(parts -> 'person', '[]')) e
                       UNION ALL SELECT (w.value ->> 'at')::int FROM jsonb_array_elements(coalesce(parts -> 'only_when', '[]')) w
                       UNION ALL SELECT (parts ->> k)::int FROM unnest(CASE s.role WHEN 'activity' THEN ARRAY['tenant', 'moment', 'activity_type'] ELSE ARRAY['tenant'] END) k
                                 WHERE parts ? k);
    -- Of each column, by table and place: its new place, or none.
    FOR lost IN
        SELECT true FROM unnest(essential) e
        WHERE lists -> (parts -> 'columns' -> e ->> 0)::int ->> (parts -> 'columns' -> e ->> 1)::int IS NULL
        UNION ALL
        SELECT true FROM jsonb_array_elements(parts -> 'steps') WITH ORDINALITY t(step, nth)
        WHERE EXISTS (SELECT FROM jsonb_array_elements_text(t.step -> 'from') f WHERE lists -> (t.step ->> 'parent')::int ->> f.value::int IS NULL)
           OR EXISTS (SELECT FROM jsonb_array_elements_text(t.step -> 'to') f WHERE lists -> t.nth::int ->> f.value::int IS NULL)
    LOOP
        RETURN NULL;
    END LOOP;
    FOREACH part IN ARRAY ARRAY['status', 'owner', 'name', 'moment'] LOOP
        IF parts ? part AND lists -> (parts -> 'columns' -> (parts ->> part)::int ->> 0)::int ->> (parts -> 'columns' -> (parts ->> part)::int ->> 1)::int IS NULL THEN
            parts := parts - part;
        END IF;
    END LOOP;
    IF parts ? 'attributes' THEN
        parts := parts || jsonb_build_object('attributes', (
            SELECT coalesce(jsonb_agg(a.value ORDER BY a.nth), '[]') FROM jsonb_array_elements(parts -> 'attributes') WITH ORDINALITY a(value, nth)
            WHERE lists -> (parts -> 'columns' -> (a.value ->> 'at')::int ->> 0)::int ->> (parts -> 'columns' -> (a.value ->> 'at')::int ->> 1)::int IS NOT NULL));
    END IF;
    FOREACH part IN ARRAY ARRAY['score', 'category'] LOOP
        IF parts ? part THEN
            parts := jsonb_strip_nulls(parts || jsonb_build_object(part, leadscore._new_place(lists -> 0, (parts ->> part)::int)));
        END IF;
    END LOOP;
    IF parts ? 'scorecards' THEN
        parts := parts || jsonb_build_object('scorecards', (
            SELECT jsonb_agg(jsonb_strip_nulls(c.value || jsonb_build_object('score', leadscore._new_place(lists -> 0, (c.value ->> 'score')::int),
                                                                             'category', leadscore._new_place(lists -> 0, (c.value ->> 'category')::int))) ORDER BY c.nth)
            FROM jsonb_array_elements(parts -> 'scorecards') WITH ORDINALITY c(value, nth)));
    END IF;
    RETURN parts || jsonb_build_object(
        'columns', (SELECT jsonb_agg(jsonb_build_array(c.value -> 0, coalesce(leadscore._new_place(lists -> (c.value ->> 0)::int, (c.value ->> 1)::int), -1)) ORDER BY c.nth)
                    FROM jsonb_array_elements(parts -> 'columns') WITH ORDINALITY c(value, nth)),
        'steps', (SELECT coalesce(jsonb_agg(t.step || jsonb_build_object(
                             'from', (SELECT jsonb_agg(leadscore._new_place(lists -> (t.step ->> 'parent')::int, f.value::int) ORDER BY f.nth)
                                      FROM jsonb_array_elements_text(t.step -> 'from') WITH ORDINALITY f(value, nth)),
                             'to', (SELECT jsonb_agg(leadscore._new_place(lists -> t.nth::int, f.value::int) ORDER BY f.nth)
                                    FROM jsonb_array_elements_text(t.step -> 'to') WITH ORDINALITY f(value, nth))) ORDER BY t.nth), '[]')
                  FROM jsonb_array_elements(parts -> 'steps') WITH ORDINALITY t(step, nth)),
        'reads', (SELECT count(*) FROM jsonb_array_elements_text(lists -> 0) WITH ORDINALITY n(name, nth) WHERE n.nth <= reads AND n.name IS NOT NULL),
        'names', (SELECT jsonb_agg(n.name ORDER BY n.nth) FROM jsonb_array_elements_text(lists -> 0) WITH ORDINALITY n(name, nth) WHERE n.name IS NOT NULL));
END $$;
COMMENT ON FUNCTION leadscore._parts_left(leadscore.source, jsonb) IS 'What an attached table is without columns that are lost; NULL when it cannot be without them';

CREATE FUNCTION leadscore._new_place(list jsonb, at int) RETURNS int
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE WHEN list ->> at IS NOT NULL THEN
        (SELECT count(*)::int FROM jsonb_array_elements_text(list) WITH ORDINALITY n(name, nth) WHERE n.nth <= at AND n.name IS NOT NULL) END;
END;
COMMENT ON FUNCTION leadscore._new_place(jsonb, int) IS 'The place of a column in a list without those that are lost';

-- The bound columns of an attached table and of those that it reaches, as they are called now; null for one that is lost.
CREATE FUNCTION leadscore._present_names(s leadscore.source) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT jsonb_agg((SELECT jsonb_agg(CASE WHEN leadscore._has_column(t.relation, n.name) THEN n.name END ORDER BY n.nth)
                      FROM jsonb_array_elements_text(coalesce(b.columns, t.names)) WITH ORDINALITY n(name, nth)) ORDER BY t.step)
    FROM (SELECT 0 AS step, (s).source AS relation, (s).parts -> 'names' AS names, format('leadscore_%s_columns', (s).source_id) AS trigger_name
          UNION ALL
          SELECT x.step, coalesce(leadscore._leads_to(s, x.step), x.relation), to_jsonb(x.names), format('leadscore_%s_%s_columns', x.source_id, x.step)
          FROM leadscore.source_step x WHERE x.source_id = (s).source_id) t
    CROSS JOIN LATERAL leadscore._bound_columns(t.relation, t.trigger_name) b;
END;
COMMENT ON FUNCTION leadscore._present_names(leadscore.source) IS 'The columns that an attached table binds, by their names of today';

-- Whether an attached table, and those that it reaches, have all the columns that it cannot do without.
CREATE FUNCTION leadscore._is_whole(s leadscore.source) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lists jsonb := leadscore._present_names(s);
BEGIN
    RETURN jsonb_array_length(lists) = 1 + jsonb_array_length(s.parts -> 'steps') AND leadscore._parts_left(s, lists) IS NOT NULL;
END $$;
COMMENT ON FUNCTION leadscore._is_whole(leadscore.source) IS 'Whether an attached table can be attached again as it was';

-- Whether a bound column can hold what jsonb cannot: json, and lists of it. Others can only be too long.
CREATE FUNCTION leadscore._may_lack(s leadscore.source, place jsonb) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM (SELECT (s).source AS relation WHERE place ->> 0 = '0'
                                UNION ALL SELECT t.relation FROM leadscore.source_step t WHERE t.source_id = (s).source_id AND t.step = (place ->> 0)::int) r
                   CROSS JOIN LATERAL leadscore._bound_columns(r.relation, CASE place ->> 0 WHEN '0' THEN format('leadscore_%s_columns', (s).source_id)
                                                                                ELSE format('leadscore_%s_%s_columns', (s).source_id, place ->> 0) END) b
                   JOIN pg_attribute a ON a.attrelid = r.relation AND a.attname = b.columns ->> (place ->> 1)::int
                   JOIN pg_type t ON t.oid = a.atttypid
                   WHERE leadscore._base_type(coalesce(nullif(t.typelem, 0), a.atttypid)) = 'json'::regtype);
END;
COMMENT ON FUNCTION leadscore._may_lack(leadscore.source, jsonb) IS 'Whether an attached column can hold json that jsonb cannot';

-- Triggers that were lost come back, with the columns that are bound as they are called now; columns that are gone and can be done
-- without are left out. A table that took the name of an attached one takes its place.
CREATE FUNCTION leadscore._reattach(source regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s        leadscore.source;
    lists    jsonb;
    left_over jsonb;
    called   text := leadscore._name_of(source);
    admitted boolean := leadscore._admitted(source);
    caller   oid := leadscore._admitted_role();
BEGIN
    IF NOT EXISTS (SELECT FROM leadscore.source x WHERE x.attached AND x.name = called AND leadscore._name_of(x.source) IS DISTINCT FROM called) THEN
        PERFORM leadscore._need_attached(source);
    END IF;
    IF NOT admitted THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('must be owner of table %s', source),
            DETAIL = 'Triggers are put on it and taken off it.',
            HINT = 'Let its owner or a superuser do it.';
    END IF;
    PERFORM leadscore._lock_table(source);
    FOR s IN SELECT * FROM leadscore.source x
             WHERE x.attached AND (x.source = _reattach.source OR (x.name = called AND leadscore._name_of(x.source) IS DISTINCT FROM called))
             ORDER BY x.role DESC, x.source_id LOOP
        IF s.source <> source THEN
            IF NOT pg_has_role(caller, coalesce((SELECT c.relowner FROM pg_class c WHERE c.oid = s.source),
                                                (SELECT r.oid FROM pg_roles r WHERE r.rolname = s.owner), (SELECT c.relowner FROM pg_class c WHERE c.oid = source)), 'USAGE') THEN
                RAISE insufficient_privilege USING
                    MESSAGE = format('must be owner of the table that was called %s', called),
                    DETAIL = 'What came from it would be given to another table.',
                    HINT = 'Let a superuser do it.';
            END IF;
            PERFORM leadscore._check_source(source, true);
            PERFORM leadscore._drop_triggers(s.source_id);
            DELETE FROM leadscore.source x WHERE x.source = _reattach.source AND x.role = s.role AND x.person_kind = s.person_kind AND x.label = s.label AND NOT x.attached;
            UPDATE leadscore.source x SET source = _reattach.source WHERE x.source_id = s.source_id RETURNING * INTO s;
        END IF;
        PERFORM leadscore._follow_keys(s);
        lists := leadscore._present_names(s);
        left_over := CASE WHEN jsonb_array_length(lists) = 1 + jsonb_array_length(s.parts -> 'steps') THEN leadscore._parts_left(s, lists) END;
        IF left_over IS NULL THEN
            RAISE undefined_column USING
                MESSAGE = format('a column of %s that was attached is gone', source),
                DETAIL = format('Without it its rows are no %s: columns were %s.', CASE s.role WHEN 'person' THEN 'persons' ELSE 'activities' END,
                                (SELECT string_agg(n, ', ') FROM jsonb_array_elements_text(s.parts -> 'names') n)),
                HINT = format('SELECT leadscore.detach(%L, kind => %L, label => %L); then attach it with other columns.', source::text, s.person_kind, s.label);
        END IF;
        UPDATE leadscore.source x SET parts = left_over, name = called WHERE x.source_id = s.source_id;
        UPDATE leadscore.source_step x SET names = ARRAY(SELECT n.name FROM jsonb_array_elements_text(lists -> x.step) WITH ORDINALITY n(name, nth) WHERE n.name IS NOT NULL ORDER BY n.nth)
        WHERE x.source_id = s.source_id;
        PERFORM leadscore._drop_triggers(s.source_id);
        PERFORM leadscore._put_triggers(s.source_id);
        PERFORM leadscore._forget_configuration();
        PERFORM leadscore._resync(s.source_id);
    END LOOP;
    PERFORM leadscore._tell_nodes(ARRAY(SELECT x.source_id FROM leadscore.source x WHERE x.source = _reattach.source AND x.attached))
    WHERE leadscore._is_distributed(source);
END $$;
COMMENT ON FUNCTION leadscore._reattach(regclass) IS 'reattach() with the rights of leadscore, for a caller that was admitted';

CREATE FUNCTION leadscore.reattach(source regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._admit(source);
    PERFORM leadscore._reattach(source);
END $$;
COMMENT ON FUNCTION leadscore.reattach(regclass) IS 'Puts lost triggers of an attached table back, as it was attached, and brings what came from it in step; also where another table took its name';

-- The zone in which columns without one are read, if an attached table has such columns, and the names of which values of its
-- columns are made: labels of enumerations, columns of row types. NULL where nothing but its rows tells what they are.
CREATE FUNCTION leadscore._read_by(s leadscore.source) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH RECURSIVE made_of(type) AS (
        SELECT a.atttypid
        FROM pg_trigger g
        JOIN pg_attribute a ON a.attrelid = g.tgrelid AND a.attnum = ANY (g.tgattr)
        WHERE g.tgrelid IN (SELECT (s).source UNION ALL SELECT t.relation FROM leadscore.source_step t WHERE t.source_id = (s).source_id)
          AND (g.tgname = format('leadscore_%s_columns', (s).source_id) OR starts_with(g.tgname, format('leadscore_%s_', (s).source_id)) AND g.tgname LIKE '%columns')
        UNION
        SELECT n.type
        FROM made_of m
        JOIN pg_type t ON t.oid = m.type
        CROSS JOIN LATERAL (
            SELECT t.typelem WHERE t.typelem <> 0
            UNION ALL SELECT t.typbasetype WHERE t.typbasetype <> 0
            UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = t.oid OR r.rngmultitypid = t.oid
            UNION ALL SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) n(type)
    ), named AS (
        SELECT md5(string_agg(n.name, ',' ORDER BY n.name)) AS names
        FROM made_of m
        CROSS JOIN LATERAL (
            SELECT e.oid || ':' || e.enumlabel FROM pg_enum e WHERE e.enumtypid = m.type
            UNION ALL
            SELECT a.attrelid || '.' || a.attnum || ':' || a.attname FROM pg_type t JOIN pg_attribute a ON a.attrelid = t.typrelid AND a.attnum > 0
            WHERE t.oid = m.type) n(name)
    )
    SELECT nullif(concat_ws(' ', (SELECT z.time_zone FROM leadscore.settings z WHERE (s).time_zone IS NULL AND (s).parts ? 'moment'),
                            (SELECT n.names FROM named n)), '');
END;
COMMENT ON FUNCTION leadscore._read_by(leadscore.source) IS 'What else than its rows tells what an attached table says: the zone of the settings, and names in its types';
REVOKE ALL ON FUNCTION leadscore._read_by(leadscore.source) FROM PUBLIC;

-- On a partitioned table a key is taken on trust.
CREATE FUNCTION leadscore._refuse_equal_keys(s leadscore.source) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    found_key text;
    shown     text;
    several   boolean;
BEGIN
    SELECT r.key INTO found_key FROM leadscore._source_rows(s.source_id) r
    GROUP BY r.key, CASE s.role WHEN 'person' THEN r.tenant END HAVING count(*) > 1 ORDER BY r.key LIMIT 1;
    IF FOUND THEN
        SELECT string_agg(quote_ident(b.columns ->> (s.parts -> 'columns' -> e.value::int ->> 1)::int), ', ' ORDER BY e.nth), count(*) > 1
        INTO shown, several
        FROM leadscore._bound_columns(s.source, format('leadscore_%s_columns', s.source_id)) b
        CROSS JOIN LATERAL jsonb_array_elements_text(s.parts -> 'key') WITH ORDINALITY e(value, nth);
        RAISE unique_violation USING
            MESSAGE = format(CASE WHEN several THEN 'columns %s of %s are not unique: several rows have the key %L'
                                  ELSE 'column %s of %s is not unique: several rows have the key %L' END, shown, s.source, found_key),
            DETAIL = 'A row must be found again by its key when it changes. Unique indexes of a partitioned table hold the partition key as well, so this key was taken on trust.',
            HINT = 'Give the rows different keys, or attach the table with further columns: key => ''…, …''.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._refuse_equal_keys(leadscore.source) IS 'Refuses an attached table in which two rows have one key';
REVOKE ALL ON FUNCTION leadscore._refuse_equal_keys(leadscore.source) FROM PUBLIC;

-- Brings what came from one table in step with its rows as they are. Attaching is the case in
-- which nothing came from it yet.
CREATE FUNCTION leadscore._resync(of_source int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off AS $$
DECLARE
    s    leadscore.source;
    lost bigint[];
BEGIN
    PERFORM leadscore._begin();
    PERFORM leadscore._need_current_snapshot();
    SELECT * INTO s FROM leadscore.source x WHERE x.source_id = of_source;
    IF s.role = 'person' THEN
        WITH present AS MATERIALIZED (
            SELECT r.key, r.tenant, r.name, r.status, r.owner, r.moment, r.attributes, r.active FROM leadscore._source_rows(of_source) r
        ), changed AS (
            UPDATE leadscore.person p
            SET name = c.name, status = c.status, owner = c.owner, attributes = c.detail, active = c.active,
                since = coalesce(c.moment, p.since), source_id = of_source, departed = false
            FROM (SELECT q.person_id, r.moment,
                         CASE WHEN s.parts ? 'name' THEN r.name ELSE q.name END AS name,
                         CASE WHEN s.parts ? 'status' THEN r.status ELSE q.status END AS status,
                         CASE WHEN s.parts ? 'owner' THEN r.owner ELSE q.owner END AS owner,
                         CASE WHEN s.parts ? 'attributes' THEN r.attributes ELSE q.attributes END AS detail,
                         CASE WHEN s.parts ? 'only_when' THEN r.active ELSE q.active END AS active
                  FROM present r
                  JOIN leadscore.person q ON q.kind = s.person_kind AND q.external_id = r.key AND q.tenant IS NOT DISTINCT FROM r.tenant) c
            WHERE p.person_id = c.person_id
              AND (p.name, p.status, p.owner, p.attributes, p.active, p.since, p.source_id, p.departed)
                  IS DISTINCT FROM (c.name, c.status, c.owner, c.detail, c.active, coalesce(c.moment, p.since), of_source, false)
        ), gone AS MATERIALIZED (
            SELECT p.person_id FROM leadscore.person p
            WHERE p.source_id = of_source
              AND NOT EXISTS (SELECT FROM present r WHERE r.key = p.external_id AND coalesce(r.tenant, '') = coalesce(p.tenant, ''))
        ), added AS (
            INSERT INTO leadscore.person (kind, tenant, external_id, name, status, owner, since, attributes, active, source_id)
            SELECT s.person_kind, r.tenant, r.key, r.name, r.status, r.owner, coalesce(r.moment, now()), r.attributes, r.active, of_source
            FROM present r
            WHERE NOT EXISTS (SELECT FROM leadscore._person_key k
                              WHERE k.kind = s.person_kind AND k.external_id = r.key AND coalesce(k.tenant, '') = coalesce(r.tenant, ''))
        )
        SELECT array_agg(g.person_id) INTO lost FROM gone g;
        IF lost IS NOT NULL THEN
            PERFORM leadscore._lose_persons(lost);
        END IF;
        -- Rows that were there before, or were overwritten, get their score and category.
        PERFORM leadscore._write_back(array_agg(p.person_id)) FROM leadscore.person p
        WHERE p.source_id = of_source;
    ELSIF leadscore._takes_all(of_source)
          AND NOT EXISTS (SELECT FROM leadscore.activity a WHERE a.source_id = of_source)
          AND NOT EXISTS (SELECT FROM leadscore.waiting w WHERE w.source_id = of_source) THEN
        INSERT INTO leadscore.waiting (source_id, source_key, person_kind, tenant, external_id, activity_type, occurred_at, attributes)
        SELECT of_source, r.key, s.person_kind, r.tenant, r.person, r.activity_type, coalesce(r.moment, now()), r.attributes
        FROM leadscore._take_all(of_source) r;
    ELSE
        WITH present AS MATERIALIZED (
            SELECT r.*, k.person_id, k.person_id IS NOT NULL AND t.activity_type IS NOT NULL AS ready
            FROM leadscore._source_rows(of_source) r
            LEFT JOIN leadscore._person_key k ON k.kind = s.person_kind AND k.external_id = r.person AND coalesce(k.tenant, '') = coalesce(r.tenant, '')
            LEFT JOIN leadscore.activity_type t ON t.activity_type = r.activity_type
        ), existing AS MATERIALIZED (
            SELECT a.person_id, a.activity_id, a.source_key, a.occurred_at FROM leadscore.activity a
            WHERE a.source_id = of_source
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
            -- Whatever the plan, activities are numbered alike; those of a person are found side by side from then on.
            ORDER BY r.person_id, coalesce(r.moment, v.occurred_at, now()), r.key
        ), released AS (
            DELETE FROM leadscore.waiting w
            WHERE w.source_id = of_source
              AND NOT EXISTS (SELECT FROM present r WHERE r.key = w.source_key AND NOT r.ready)
        )
        INSERT INTO leadscore.waiting AS w (source_id, source_key, person_kind, tenant, external_id, activity_type, occurred_at, attributes)
        SELECT of_source, r.key, s.person_kind, r.tenant, r.person, r.activity_type,
               coalesce(r.moment, e.occurred_at, v.occurred_at, now()), r.attributes
        FROM present r
        LEFT JOIN existing e ON e.source_key = r.key
        LEFT JOIN leadscore.waiting v ON v.source_id = of_source AND v.source_key = r.key
        WHERE NOT r.ready
        ON CONFLICT (source_id, source_key) DO UPDATE
        SET person_kind = EXCLUDED.person_kind, tenant = EXCLUDED.tenant, external_id = EXCLUDED.external_id, activity_type = EXCLUDED.activity_type,
            occurred_at = EXCLUDED.occurred_at, attributes = EXCLUDED.attributes
        WHERE (w.person_kind, w.tenant, w.external_id, w.activity_type, w.occurred_at, w.attributes)
              IS DISTINCT FROM (EXCLUDED.person_kind, EXCLUDED.tenant, EXCLUDED.external_id, EXCLUDED.activity_type, EXCLUDED.occurred_at, EXCLUDED.attributes);
    END IF;
    UPDATE leadscore.source x SET read_in = leadscore._read_by(x)
    WHERE x.source_id = of_source AND x.read_in IS DISTINCT FROM leadscore._read_by(x);
EXCEPTION WHEN unique_violation OR cardinality_violation THEN
    PERFORM leadscore._refuse_equal_keys(s);
    RAISE;
END $$;
COMMENT ON FUNCTION leadscore._resync(int) IS 'Brings what came from an attached table in step with its rows';
REVOKE ALL ON FUNCTION leadscore._resync(int) FROM PUBLIC;

-- Attached tables that were read in another time zone than that of the settings now, or before a name in their types changed:
-- called by a run. What was renamed is known by its new name from then on.
CREATE FUNCTION leadscore._read_again() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s leadscore.source;
BEGIN
    UPDATE leadscore.source x SET name = leadscore._name_of(x.source)
    WHERE x.attached AND leadscore._name_of(x.source) <> x.name AND to_regclass(x.name) IS NULL;
    FOR s IN SELECT * FROM leadscore.source x
             WHERE x.attached AND leadscore._name_of(x.source) IS NOT NULL AND x.read_in IS DISTINCT FROM leadscore._read_by(x)
             ORDER BY x.role DESC, x.source_id LOOP
        BEGIN
            PERFORM leadscore._resync(s.source_id);
        EXCEPTION WHEN OTHERS THEN
            -- One table that cannot be read keeps the run from nothing else; the next one tries again.
            RAISE WARNING '% was not read again, as the time zone or names in its types ask for: %', s.source, SQLERRM USING
                HINT = 'SELECT * FROM leadscore.verify(); tells what is wrong with it.';
        END;
    END LOOP;
END $$;
COMMENT ON FUNCTION leadscore._read_again() IS 'Reads attached tables again that were read in another time zone, or by other names';
REVOKE ALL ON FUNCTION leadscore._read_again() FROM PUBLIC;

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
        IF EXISTS (SELECT FROM pg_class c WHERE c.oid = s.source) THEN
            PERFORM leadscore._resync(s.source_id);
        ELSIF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = to_regclass(s.name)) THEN
            -- Its rows went with it. One that took its name is for reattach().
            PERFORM leadscore._remove_source(s.source_id);
            PERFORM leadscore._forget_configuration();
        END IF;
    END LOOP;
    IF source IS NULL THEN
        -- Of tables of which nothing is noted any more.
        DELETE FROM leadscore.activity a
        WHERE a.source_id IS NOT NULL AND NOT EXISTS (SELECT FROM leadscore.source x WHERE x.source_id = a.source_id);
        DELETE FROM leadscore.waiting w WHERE NOT EXISTS (SELECT FROM leadscore.source x WHERE x.source_id = w.source_id);
    END IF;
    PERFORM leadscore._admit_waiting();
    IF source IS NULL THEN
        PERFORM leadscore._begin();
        PERFORM leadscore._lock_persons(ARRAY(SELECT p.person_id FROM leadscore.person p));
        PERFORM leadscore._rescore_all(true);
    END IF;
    PERFORM leadscore._ask_all(format('SELECT leadscore.resync(%L) AS done', leadscore._name_of(source)))
    WHERE leadscore._leads() AND (source IS NULL OR leadscore._is_distributed(source));
END $$;
COMMENT ON FUNCTION leadscore.resync(regclass) IS 'Repairs what bypassed the triggers: of one attached table, or of all and of leadscore''s own tables';
-- It writes everybody's score: the owner says who may.
REVOKE ALL ON FUNCTION leadscore.resync(regclass) FROM PUBLIC;
