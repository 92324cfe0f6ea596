-- Beyond one machine: Citus, and the one place of the SQL that knows it; src/cluster.rs is the one of the library. Every node
-- has an ordinary leadscore that follows the shards of attached tables that live there. The configuration, attached tables among
-- it, is the coordinator's. Without Citus nothing here does anything.

-- ------------------------------------------------------------------------------------- what Citus knows

CREATE FUNCTION leadscore._is_clustered() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT to_regclass('pg_catalog.pg_dist_local_group') IS NOT NULL;
END;
COMMENT ON FUNCTION leadscore._is_clustered() IS 'Whether Citus is in this database';

CREATE FUNCTION leadscore._node() RETURNS int
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    number int := 0;
BEGIN
    IF leadscore._is_clustered() THEN
        EXECUTE 'SELECT g.groupid FROM pg_dist_local_group g' INTO number;
    END IF;
    RETURN number;
END $$;
COMMENT ON FUNCTION leadscore._node() IS 'The number of this node, its group in Citus; 0: the coordinator, or no cluster';

-- The coordinator is one of them where it has shards, or has had some whose persons are still there.
CREATE FUNCTION leadscore._nodes(with_coordinator boolean DEFAULT false) RETURNS TABLE (node int, host text, port int)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    follows boolean := false;
BEGIN
    IF leadscore._is_clustered() AND leadscore._node() = 0 THEN
        IF with_coordinator THEN
            follows := EXISTS (SELECT FROM leadscore.node_shard);
        END IF;
        RETURN QUERY EXECUTE
            'SELECT n.groupid, n.nodename::text, n.nodeport FROM pg_dist_node n
             WHERE n.noderole = ''primary'' AND n.isactive
               AND (n.groupid <> 0 OR $2 OR ($1 AND EXISTS (SELECT FROM pg_dist_placement p JOIN pg_dist_shard s USING (shardid)
                                                            JOIN pg_dist_partition d USING (logicalrelid) WHERE p.groupid = 0 AND d.repmodel <> ''t'')))
             ORDER BY n.groupid' USING with_coordinator, follows;
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._nodes(boolean) IS 'The other nodes, asked on the coordinator; none elsewhere';

CREATE FUNCTION leadscore._leads() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM leadscore._nodes());
END;
COMMENT ON FUNCTION leadscore._leads() IS 'Whether this is the coordinator of several nodes';

-- Its kind: hash (rows by the hash of a column), single (all rows in one shard), reference (all rows on each node), other; NULL: an ordinary table.
CREATE FUNCTION leadscore._distribution(relation oid, OUT sort text, OUT column_name text, OUT colocation int)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF leadscore._is_clustered() THEN
        EXECUTE 'SELECT CASE WHEN d.repmodel = ''t'' THEN ''reference'' WHEN d.partmethod = ''h'' THEN ''hash''
                             WHEN d.partmethod = ''n'' AND d.colocationid <> 0 THEN ''single'' ELSE ''other'' END,
                        CASE WHEN d.partmethod = ''h'' THEN column_to_column_name(d.logicalrelid, d.partkey) END, d.colocationid
                 FROM pg_dist_partition d WHERE d.logicalrelid = $1' INTO sort, column_name, colocation USING relation;
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._distribution(oid) IS 'How Citus distributes a table';

-- By what rows are distributed is read and hashed with the rights of leadscore's owner, so nobody else's function may take part in
-- that: types that only a superuser makes, and enums.
CREATE FUNCTION leadscore._is_plain_type(type oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM pg_type t WHERE t.oid = type AND (t.oid < 16384 OR t.typtype = 'e' OR (t.typtype = 'b' AND t.typelem = 0)));
END;
COMMENT ON FUNCTION leadscore._is_plain_type(oid) IS 'Whether reading a value of a type runs no function of an ordinary role';

CREATE FUNCTION leadscore._is_distributed(relation oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT d.sort IS NOT NULL FROM leadscore._distribution(relation) d;
END;
COMMENT ON FUNCTION leadscore._is_distributed(oid) IS 'Whether Citus distributes a table';

CREATE FUNCTION leadscore._shard_relation(relation oid, shard_id bigint) RETURNS oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    called text;
BEGIN
    IF NOT leadscore._is_clustered() THEN
        RETURN NULL;
    END IF;
    EXECUTE 'SELECT shard_name($1::regclass, $2)' INTO called USING relation, shard_id;
    -- Citus leaves the schema public out of it.
    RETURN to_regclass(CASE WHEN called NOT LIKE 'public.%' AND (SELECT c.relnamespace FROM pg_class c WHERE c.oid = relation) = 'public'::regnamespace
                            THEN 'public.' || called ELSE called END);
END $$;
COMMENT ON FUNCTION leadscore._shard_relation(oid, bigint) IS 'The table that a shard is on this node';

-- Of co-located tables, shards at the same place have rows of the same values of their distribution columns.
CREATE FUNCTION leadscore._local_shards(of_relation oid)
RETURNS TABLE (shard_id bigint, relation bigint, place bigint, low int, high int)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF leadscore._is_clustered() THEN
        RETURN QUERY EXECUTE
            'SELECT n.shardid, r.relation::bigint, n.place, n.low, n.high
             FROM (SELECT s.shardid, row_number() OVER (ORDER BY s.shardminvalue::int) - 1 AS place, s.shardminvalue::int AS low, s.shardmaxvalue::int AS high
                   FROM pg_dist_shard s WHERE s.logicalrelid = $1) n
             JOIN pg_dist_placement p ON p.shardid = n.shardid
             CROSS JOIN LATERAL (SELECT leadscore._shard_relation($1, n.shardid) AS relation) r
             WHERE p.groupid = (SELECT g.groupid FROM pg_dist_local_group g) AND r.relation IS NOT NULL
             ORDER BY n.place' USING of_relation;
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._local_shards(oid) IS 'The shards of a distributed table that live on this node';

-- Where a table's triggers are put: on itself, and where it is distributed on its shards, with the names that Citus gives them.
CREATE FUNCTION leadscore._places_of(of_relation oid) RETURNS TABLE (relation regclass, suffix text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT of_relation::regclass AS relation, ''::text AS suffix
    UNION ALL
    SELECT n.relation::oid::regclass AS relation, '_' || n.shard_id AS suffix FROM leadscore._local_shards(of_relation) n;
END;
COMMENT ON FUNCTION leadscore._places_of(oid) IS 'A table, and its shards on this node';

-- Shards that leadscore follows on this node. Those that Citus has just brought are followed from spread() on: until then their triggers do nothing.
CREATE TABLE leadscore.node_shard (
    shard_id    bigint PRIMARY KEY,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE leadscore.node_shard IS 'Shards of attached tables that are followed on this node; written by leadscore alone';
COMMENT ON COLUMN leadscore.node_shard.shard_id IS 'The number of the shard';
COMMENT ON COLUMN leadscore.node_shard.recorded_at IS 'Since when it is followed';

-- What is leadscore's own of persons whose rows came from another node, until that node has dropped them.
CREATE TABLE leadscore.handover (
    person_id bigint PRIMARY KEY,
    document  jsonb NOT NULL,
    left_at   timestamptz NOT NULL,
    taken     boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE leadscore.handover IS 'Persons that other nodes hand over; written by leadscore.spread() alone';
COMMENT ON COLUMN leadscore.handover.person_id IS 'The person';
COMMENT ON COLUMN leadscore.handover.document IS 'Its row, adjustments, changes of category, consent, keys of merged persons, and moments that no table tells';
COMMENT ON COLUMN leadscore.handover.left_at IS 'Since when the node that hands it over had its row: of two the later one counts';
COMMENT ON COLUMN leadscore.handover.taken IS 'Whether it is taken in';

-- Triggers are put and taken off on each node by itself.
CREATE FUNCTION leadscore._local_ddl(setting text DEFAULT 'off') RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before text;
BEGIN
    IF leadscore._is_clustered() THEN
        before := current_setting('citus.enable_ddl_propagation', true);
        PERFORM set_config('citus.enable_ddl_propagation', coalesce(setting, 'on'), true), set_config('citus.override_table_visibility', 'off', true);
    END IF;
    RETURN before;
END $$;
COMMENT ON FUNCTION leadscore._local_ddl(text) IS 'Keeps Citus from bringing what follows to other nodes; returns the setting before, which another call puts back';
REVOKE ALL ON FUNCTION leadscore._local_ddl(text) FROM PUBLIC;

-- Citus makes a shard that it moves as the owner of the table, with its triggers. On a table that is not attached they do nothing.
CREATE FUNCTION leadscore._let_put_triggers(relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner name := (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = relation);
    func  regprocedure;
BEGIN
    IF NOT has_schema_privilege(owner, 'leadscore', 'USAGE') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA leadscore TO %I', owner);
    END IF;
    FOREACH func IN ARRAY ARRAY['leadscore._source_begins()', 'leadscore._source_changed()', 'leadscore._reached_changed()', 'leadscore._refuse_truncate()']::regprocedure[] LOOP
        IF NOT has_function_privilege(owner, func, 'EXECUTE') THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', func, owner);
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION leadscore._let_put_triggers(regclass) IS 'Lets the owner of a distributed table have triggers on its shards';
REVOKE ALL ON FUNCTION leadscore._let_put_triggers(regclass) FROM PUBLIC;

-- ---------------------------------------------------------------------------------------------- refusals

CREATE FUNCTION leadscore._check_distributed(source regclass) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    way   record := leadscore._distribution(source);
    key   record;
    most  bigint;
BEGIN
    IF leadscore._node() <> 0 THEN
        RAISE feature_not_supported USING
            MESSAGE = format('%s cannot be attached here: this is not the coordinator', source),
            DETAIL = 'Attached tables are part of the configuration, which the coordinator has.',
            HINT = 'Call it on the coordinator.';
    ELSIF way.sort IS NULL THEN
        RETURN;
    ELSIF way.sort = 'reference' THEN
        RAISE feature_not_supported USING
            MESSAGE = format('%s is a reference table of Citus', source),
            DETAIL = 'All of its rows are on each node, so each of them would be a person or an activity as often as there are nodes.',
            HINT = format('Distribute it by its key: SELECT undistribute_table(%L); SELECT create_distributed_table(%1$L, …); rows of other tables may reach a reference table.', source);
    ELSIF way.sort = 'other' THEN
        RAISE feature_not_supported USING
            MESSAGE = format('%s is managed by Citus, and not distributed by hash', source),
            DETAIL = 'Which shard has which rows cannot be told.',
            HINT = format('SELECT undistribute_table(%L); and, if it is to be distributed, SELECT create_distributed_table(%1$L, …);', source);
    END IF;
    SELECT a.attname AS name, a.atttypid::regtype AS type INTO key
    FROM pg_attribute a WHERE a.attrelid = source AND a.attname = way.column_name AND NOT leadscore._is_plain_type(a.atttypid);
    IF FOUND THEN
        RAISE feature_not_supported USING
            MESSAGE = format('%s is distributed by column %I of type %s', source, key.name, key.type),
            DETAIL = 'A value of a domain, an array, a range or a composite type can be one that functions of whoever made the type look at.',
            HINT = 'Distribute it by a column of a type such as bigint, text or uuid.';
    END IF;
    EXECUTE 'SELECT max(c.count) FROM (SELECT count(*) FROM pg_dist_placement p JOIN pg_dist_shard s USING (shardid) WHERE s.logicalrelid = $1 GROUP BY s.shardid) c'
        INTO most USING source;
    IF most > 1 THEN
        RAISE feature_not_supported USING
            MESSAGE = format('shards of %s are on %s nodes each', source, most),
            DETAIL = 'Each copy of a row would be a person or an activity of its own.',
            HINT = 'SET citus.shard_replication_factor = 1; and distribute the table anew; standbys of the nodes keep copies.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._check_distributed(regclass) IS 'Refuses a distributed table that cannot be attached';
REVOKE ALL ON FUNCTION leadscore._check_distributed(regclass) FROM PUBLIC;

-- The columns of an attached table itself in one of its parts; NULL for one that is reached.
CREATE FUNCTION leadscore._own_columns(s leadscore.source, part text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT array_agg(CASE WHEN c.place ->> 0 = '0' THEN (s).parts -> 'names' ->> (c.place ->> 1)::int END ORDER BY e.nth)
    FROM jsonb_array_elements_text((s).parts -> part) WITH ORDINALITY e(at, nth)
    CROSS JOIN LATERAL (SELECT (s).parts -> 'columns' -> e.at::int AS place) c;
END;
COMMENT ON FUNCTION leadscore._own_columns(leadscore.source, text) IS 'The columns of an attached table in its key, or by which it refers to persons';

CREATE FUNCTION leadscore._check_colocation(of_source int) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s     leadscore.source;
    other leadscore.source;
    own   record;
    their record;
    step  record;
    nth   int;
BEGIN
    SELECT * INTO s FROM leadscore.source x WHERE x.source_id = of_source;
    own := leadscore._distribution(s.source);
    FOR step IN SELECT t.relation, d.* FROM leadscore.source_step t CROSS JOIN LATERAL leadscore._distribution(t.relation) d
                WHERE t.source_id = of_source AND (own.sort IS NOT NULL OR d.sort IS NOT NULL) LOOP
        IF own.sort IS NULL OR step.sort IS NULL OR (step.sort <> 'reference' AND step.colocation <> own.colocation) THEN
            RAISE feature_not_supported USING
                MESSAGE = format('%s is not co-located with %s, whose rows reach it', step.relation, s.source),
                DETAIL = 'What a row reaches must be on the node that has the row.',
                HINT = format('SELECT create_distributed_table(%L, …, colocate_with => %L); or SELECT create_reference_table(%1$L);', step.relation::text, s.source::text);
        END IF;
    END LOOP;
    IF own.sort = 'hash' AND NOT coalesce(own.column_name = ANY (leadscore._own_columns(s, 'key')), false) THEN
        RAISE feature_not_supported USING
            MESSAGE = format('the key of %s does not hold column %I, by which it is distributed', s.source, own.column_name),
            DETAIL = 'Only the coordinator could tell whether a key is there twice.',
            HINT = format('Name it in the key: key => %L.', array_to_string(own.column_name || leadscore._own_columns(s, 'key'), ', '));
    END IF;
    FOR other IN SELECT * FROM leadscore.source x WHERE x.attached AND x.role <> s.role AND x.person_kind = s.person_kind LOOP
        their := leadscore._distribution(other.source);
        CONTINUE WHEN own.sort IS NULL AND their.sort IS NULL;
        IF own.colocation IS DISTINCT FROM their.colocation THEN
            RAISE feature_not_supported USING
                MESSAGE = format('%s is not co-located with %s', s.source, other.source),
                DETAIL = format('Activities of persons of kind %L must be on the node that has the persons.', s.person_kind),
                HINT = format('SELECT create_distributed_table(%L, …, colocate_with => %L);',
                              CASE s.role WHEN 'activity' THEN s.source ELSE other.source END::text, CASE s.role WHEN 'activity' THEN other.source ELSE s.source END::text);
        END IF;
        IF s.role = 'person' THEN
            nth := array_position(leadscore._own_columns(s, 'key'), own.column_name);
            own.column_name := (leadscore._own_columns(other, 'person'))[nth];
        ELSE
            nth := array_position(leadscore._own_columns(other, 'key'), their.column_name);
            their.column_name := (leadscore._own_columns(s, 'person'))[nth];
        END IF;
        IF own.sort = 'hash' AND own.column_name IS DISTINCT FROM their.column_name THEN
            RAISE feature_not_supported USING
                MESSAGE = format('%s is not distributed by the column in which it names persons of kind %L', CASE s.role WHEN 'activity' THEN s.source ELSE other.source END, s.person_kind),
                DETAIL = format('Persons are distributed by number %s of the columns of their key, and so must be what refers to them.', nth),
                HINT = 'Name the columns in the order of the persons'' key: person => ''tenant_id, candidate_id''.';
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION leadscore._check_colocation(int) IS 'Refuses an attached table whose rows would be on other nodes than what belongs to them';
REVOKE ALL ON FUNCTION leadscore._check_colocation(int) FROM PUBLIC;

-- Citus empties shards without firing their triggers, so the statement is refused as a whole.
CREATE FUNCTION leadscore._refuse_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE feature_not_supported USING
        MESSAGE = format('%s cannot be truncated while it is attached', TG_RELID::regclass),
        DETAIL = 'It is distributed, and what came from its rows would be left behind on the nodes.',
        HINT = format('DELETE FROM %s; or SELECT leadscore.detach(%L, keep => false); first.', TG_RELID::regclass, TG_RELID::regclass::text);
END $$;
COMMENT ON FUNCTION leadscore._refuse_truncate() IS 'Trigger: refuses to truncate a distributed table that is attached';
REVOKE ALL ON FUNCTION leadscore._refuse_truncate() FROM PUBLIC;

CREATE FUNCTION leadscore._has_distributed_sources() RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN leadscore._is_clustered() AND EXISTS (SELECT FROM leadscore.source s WHERE s.attached AND leadscore._is_distributed(s.source));
END $$;
COMMENT ON FUNCTION leadscore._has_distributed_sources() IS 'Whether a distributed table is attached';

CREATE FUNCTION leadscore._refuse_where_distributed(what text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF leadscore._has_distributed_sources() THEN
        RAISE feature_not_supported USING
            MESSAGE = format('%s is not there where attached tables are distributed', what),
            DETAIL = 'What it stores belongs to no shard, and would not follow its person from node to node.',
            HINT = 'Keep events in a distributed table of the application and attach it: SELECT leadscore.attach_activity(…);';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._refuse_where_distributed(text) IS 'Refuses what has no place in a cluster';

-- Rules and all that is like them come from the coordinator, which would undo what is edited elsewhere.
CREATE FUNCTION leadscore._refuse_edits_of_nodes(relation regclass) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF leadscore._node() <> 0 AND coalesce(current_setting('leadscore.follows', true), '') <> 'on' AND leadscore._has_distributed_sources() THEN
        RAISE feature_not_supported USING
            MESSAGE = format('%s cannot be edited here: this is not the coordinator', relation),
            DETAIL = 'The configuration is the coordinator''s, and comes from there to all nodes.',
            HINT = 'Edit it on the coordinator, and CALL leadscore.spread(); there or wait for the next run.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._refuse_edits_of_nodes(regclass) IS 'Refuses an edit of the configuration on a node that follows the coordinator';
REVOKE ALL ON FUNCTION leadscore._refuse_edits_of_nodes(regclass) FROM PUBLIC;

-- ------------------------------------------------------------------------------------- asking other nodes

-- Runs a query of one value on nodes at once, each in a transaction of its own, as the present role.
CREATE FUNCTION leadscore._ask(query text, of_nodes int[] DEFAULT NULL, with_coordinator boolean DEFAULT false)
RETURNS TABLE (node int, done boolean, answer text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    nodes int[];
    hosts text[];
    ports int[];
BEGIN
    SELECT array_agg(n.node ORDER BY n.node), array_agg(n.host ORDER BY n.node), array_agg(n.port ORDER BY n.node) INTO nodes, hosts, ports
    FROM leadscore._nodes(with_coordinator) n WHERE of_nodes IS NULL OR n.node = ANY (of_nodes);
    IF nodes IS NOT NULL THEN
        RETURN QUERY EXECUTE
            'SELECT ($1)[r.nth], r.success, CASE WHEN r.success THEN r.result ELSE format(''node %s (%s:%s): %s'', ($1)[r.nth], r.node_name, r.node_port, r.result) END
             FROM master_run_on_worker($2, $3, array_fill($4::text, ARRAY[cardinality($1)]), true) WITH ORDINALITY r(node_name, node_port, success, result, nth)'
            USING nodes, hosts, ports, query;
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._ask(text, int[], boolean) IS 'What nodes answer to a query of one value';

-- The same of all of them, for who cannot do with less.
CREATE FUNCTION leadscore._ask_all(query text) RETURNS TABLE (node int, answer jsonb)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    a record;
BEGIN
    FOR a IN SELECT * FROM leadscore._ask(format('SELECT coalesce(jsonb_agg(to_jsonb(x)), ''[]'')::text FROM (%s) x', query)) LOOP
        IF NOT a.done THEN
            RAISE connection_exception USING
                MESSAGE = a.answer,
                DETAIL = 'The answer is of all nodes together.',
                HINT = 'Call it again when the node is back; SELECT * FROM leadscore.nodes; shows all of them.';
        END IF;
        node := a.node;
        answer := a.answer;
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION leadscore._ask_all(text) IS 'The rows that all other nodes give to a query, as JSON';

-- This node first: what it refuses, all refuse.
CREATE FUNCTION leadscore._parts(part name, assumption jsonb, question jsonb) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own text;
BEGIN
    EXECUTE format('SELECT leadscore.%I($1, $2)', part) INTO own USING assumption::text, question::text;
    RETURN array_remove(ARRAY[own] || ARRAY(SELECT a.answer -> 0 ->> 'part'
                                            FROM leadscore._ask_all(format('SELECT leadscore.%I(%L, %L) AS part', part, assumption, question)) a ORDER BY a.node), NULL);
END $$;
COMMENT ON FUNCTION leadscore._parts(name, jsonb, jsonb) IS 'The parts of an answer about everybody, from this node and, asked on the coordinator, from all others';

CREATE FUNCTION leadscore._count_persons() RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT (SELECT count(*) FROM leadscore.person)
         + (SELECT coalesce(sum((a.answer -> 0 ->> 'persons')::bigint), 0)::bigint FROM leadscore._ask_all('SELECT count(*) AS persons FROM leadscore.person') a);
END;
COMMENT ON FUNCTION leadscore._count_persons() IS 'How many persons there are on this node and, asked on the coordinator, on all others';

-- ------------------------------------------------------------------------ what the coordinator tells the nodes

CREATE FUNCTION leadscore._cluster_document() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' SET jit = off
BEGIN ATOMIC
    SELECT jsonb_build_object(
        'scored_on', (SELECT w.scored_on FROM leadscore.state w),
        'settings', (SELECT to_jsonb(s) FROM leadscore.settings s),
        'activity_type', (SELECT jsonb_agg(to_jsonb(t) ORDER BY t.activity_type) FROM leadscore.activity_type t),
        'event_type', (SELECT jsonb_agg(to_jsonb(t) ORDER BY t.event) FROM leadscore.event_type t),
        'scorecard', (SELECT jsonb_agg(to_jsonb(c) ORDER BY c.scorecard) FROM leadscore.scorecard c),
        'rule', (SELECT jsonb_agg(to_jsonb(r) ORDER BY r.rule_id) FROM leadscore.rule r),
        'category', (SELECT jsonb_agg(to_jsonb(c) ORDER BY c.category_id) FROM leadscore.category c),
        -- Of tables that are gone only that they are not forgotten.
        'known', (SELECT jsonb_agg(s.source_id ORDER BY s.source_id) FROM leadscore.source s),
        'source', (SELECT jsonb_agg(to_jsonb(s) - 'recorded_at' - 'read_in' || jsonb_build_object('source', NULL, 'name', leadscore._name_of(s.source)) ORDER BY s.role DESC, s.source_id)
                   FROM leadscore.source s WHERE leadscore._is_distributed(s.source)),
        'source_step', (SELECT jsonb_agg(to_jsonb(t) || jsonb_build_object('relation', leadscore._name_of(t.relation)) ORDER BY t.source_id, t.step)
                        FROM leadscore.source_step t JOIN leadscore.source s USING (source_id) WHERE leadscore._is_distributed(s.source)));
END;
COMMENT ON FUNCTION leadscore._cluster_document() IS 'The configuration as the coordinator sends it to the nodes';
REVOKE ALL ON FUNCTION leadscore._cluster_document() FROM PUBLIC;

-- Makes the rows of a table those that are sent, writing no row that stays as it is. Of rows that are not sent those go of
-- which `removes` says so; `remakes` says which changed rows go first and come anew.
CREATE FUNCTION leadscore._adopt_rows(relation regclass, key text, rows jsonb, removes text DEFAULT 'true', remakes text DEFAULT 'false') RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' SET jit = off AS $$
DECLARE
    columns text := (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
                     WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '');
    differs boolean;
    step    text;
BEGIN
    rows := coalesce(nullif(rows, 'null'), '[]');
    -- Triggers of a statement fire, too, where it finds no row.
    EXECUTE format('SELECT EXISTS (SELECT FROM %1$s t FULL JOIN jsonb_populate_recordset(NULL::%1$s, $1) n ON n.%2$I = t.%2$I
                                   WHERE to_jsonb(n) IS DISTINCT FROM to_jsonb(t) AND (n.%2$I IS NOT NULL OR (%3$s)))', relation, key, removes)
        INTO differs USING rows;
    IF NOT differs THEN
        RETURN;
    END IF;
    FOREACH step IN ARRAY ARRAY[
        'DELETE FROM %1$s t WHERE (%4$s) AND NOT EXISTS (SELECT FROM jsonb_populate_recordset(NULL::%1$s, $1) n WHERE n.%2$I = t.%2$I)',
        'DELETE FROM %1$s t USING jsonb_populate_recordset(NULL::%1$s, $1) n WHERE n.%2$I = t.%2$I AND (%5$s)',
        'UPDATE %1$s t SET (%3$s) = (SELECT %3$s FROM jsonb_populate_recordset(NULL::%1$s, $1) n WHERE n.%2$I = t.%2$I)
         WHERE EXISTS (SELECT FROM jsonb_populate_recordset(NULL::%1$s, $1) n WHERE n.%2$I = t.%2$I AND to_jsonb(n) <> to_jsonb(t))',
        'INSERT INTO %1$s (%3$s) SELECT %3$s FROM jsonb_populate_recordset(NULL::%1$s, $1) n
         WHERE NOT EXISTS (SELECT FROM %1$s t WHERE t.%2$I = n.%2$I) ORDER BY n.%2$I'] LOOP
        EXECUTE format(step, relation, key, columns, removes, remakes) USING rows;
    END LOOP;
END $$;
COMMENT ON FUNCTION leadscore._adopt_rows(regclass, text, jsonb, text, text) IS 'Makes the rows of a table of the configuration those of the coordinator';
REVOKE ALL ON FUNCTION leadscore._adopt_rows(regclass, text, jsonb, text, text) FROM PUBLIC;

-- Ids of different nodes are different: those of node N begin at N times ten to the power of 13.
CREATE FUNCTION leadscore._number_apart() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first bigint := leadscore._node() * 10000000000000;
    here  regclass;
    last  bigint;
BEGIN
    FOREACH here IN ARRAY ARRAY['leadscore.person_person_id_seq', 'leadscore.activity_activity_id_seq', 'leadscore.adjustment_adjustment_id_seq',
                                'leadscore.category_change_change_id_seq']::regclass[] LOOP
        EXECUTE format('SELECT q.last_value FROM %s q', here) INTO last;
        IF last < first THEN
            PERFORM setval(here, first);
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION leadscore._number_apart() IS 'Has this node number persons and what belongs to them apart from other nodes';
REVOKE ALL ON FUNCTION leadscore._number_apart() FROM PUBLIC;

-- On a node: the configuration becomes the coordinator's, and newly attached tables are followed. Returns which shards came and
-- went since, as two counts. `again` are attached tables whose triggers are put anew.
CREATE FUNCTION leadscore._follow(document jsonb, again int[] DEFAULT '{}') RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET lock_timeout = '60s' SET intervalstyle = 'postgres' AS $$
DECLARE
    s        leadscore.source;
    old      leadscore.source;
    item     record;
    to_take  int[] := '{}';
    here     regclass;
    newcomer boolean;
BEGIN
    IF leadscore._node() = 0 THEN
        RETURN leadscore._displaced();
    END IF;
    PERFORM set_config('leadscore.follows', 'on', true);
    PERFORM leadscore._begin();
    PERFORM leadscore._go_live(), leadscore._number_apart();
    PERFORM leadscore._adopt_rows('leadscore.activity_type', 'activity_type', document -> 'activity_type', removes => 'false');
    PERFORM leadscore._adopt_rows('leadscore.scorecard', 'scorecard', document -> 'scorecard', removes => 'false');
    PERFORM leadscore._adopt_rows('leadscore.rule', 'rule_id', document -> 'rule',
                                  remakes => '(t.tenant, t.name) IS DISTINCT FROM (n.tenant, n.name) AND EXISTS (SELECT FROM leadscore.rule o WHERE o.rule_id <> n.rule_id AND o.name = n.name AND o.tenant IS NOT DISTINCT FROM n.tenant)');
    PERFORM leadscore._adopt_rows('leadscore.category', 'category_id', document -> 'category',
                                  remakes => '(t.tenant, t.scorecard, t.person_kind, t.min_score) IS DISTINCT FROM (n.tenant, n.scorecard, n.person_kind, n.min_score)');
    PERFORM leadscore._adopt_rows('leadscore.scorecard', 'scorecard', document -> 'scorecard');
    IF (SELECT to_jsonb(x) FROM leadscore.settings x) <> document -> 'settings' THEN
        UPDATE leadscore.settings x
        SET (time_zone, notify_channel, keep_category_changes, scoring, person_url, outcome_type, outcome_horizon)
            = (n.time_zone, n.notify_channel, n.keep_category_changes, n.scoring, n.person_url, n.outcome_type, n.outcome_horizon)
        FROM jsonb_populate_record(NULL::leadscore.settings, document -> 'settings') n;
    END IF;
    PERFORM leadscore._adopt_rows('leadscore.event_type', 'event', document -> 'event_type');
    PERFORM leadscore._adopt_rows('leadscore.activity_type', 'activity_type', document -> 'activity_type',
                                  removes => 'NOT EXISTS (SELECT FROM leadscore.activity a WHERE a.activity_type = t.activity_type)');
    -- A node that joins starts on the day of the others.
    UPDATE leadscore.state w SET scored_on = (document ->> 'scored_on')::date
    WHERE w.scored_on <> (document ->> 'scored_on')::date AND NOT EXISTS (SELECT FROM leadscore.person) AND NOT EXISTS (SELECT FROM leadscore.run);
    IF FOUND THEN
        PERFORM leadscore._forget_configuration();
    END IF;

    FOR s IN SELECT * FROM leadscore.source x WHERE NOT coalesce(document -> 'known' @> to_jsonb(x.source_id), false) ORDER BY x.role, x.source_id LOOP
        PERFORM leadscore._drop_triggers(s.source_id), leadscore._remove_source(s.source_id), leadscore._forget_configuration();
    END LOOP;
    FOR item IN SELECT n.value FROM jsonb_array_elements(nullif(document -> 'source', 'null')) WITH ORDINALITY n(value, nth) ORDER BY n.nth LOOP
        here := to_regclass(item.value ->> 'name');
        IF here IS NULL THEN
            RAISE undefined_table USING
                MESSAGE = format('table %s is not there yet', item.value ->> 'name'),
                DETAIL = 'It was made in the transaction that attaches it, or Citus has not brought it.',
                HINT = 'Commit before you attach it.';
        END IF;
        s := jsonb_populate_record(NULL::leadscore.source, item.value || jsonb_build_object('source', here::oid::text));
        SELECT * INTO old FROM leadscore.source x WHERE x.source_id = s.source_id;
        -- When and in which zone it was read is each node's own.
        s.recorded_at := coalesce(old.recorded_at, now());
        s.read_in := old.read_in;
        CONTINUE WHEN old IS NOT DISTINCT FROM s AND s.source_id <> ALL (again);
        newcomer := NOT EXISTS (SELECT FROM leadscore.source x WHERE x.source = here AND x.attached);
        PERFORM leadscore._drop_triggers(s.source_id) WHERE old.source_id IS NOT NULL;
        DELETE FROM leadscore.source x WHERE x.source_id = s.source_id;
        INSERT INTO leadscore.source SELECT s.*;
        DELETE FROM leadscore.source_step t WHERE t.source_id = s.source_id;
        INSERT INTO leadscore.source_step SELECT t.* FROM jsonb_populate_recordset(NULL::leadscore.source_step, nullif(document -> 'source_step', 'null')) t WHERE t.source_id = s.source_id;
        PERFORM leadscore._drop_triggers(s.source_id);
        IF s.attached THEN
            PERFORM leadscore._put_triggers(s.source_id);
            IF newcomer THEN
                INSERT INTO leadscore.node_shard (shard_id) SELECT n.shard_id FROM leadscore._local_shards(here) n ON CONFLICT DO NOTHING;
            END IF;
            to_take := to_take || s.source_id;
        END IF;
        PERFORM leadscore._forget_configuration();
    END LOOP;
    PERFORM leadscore._resync(u.id) FROM unnest(to_take) WITH ORDINALITY u(id, nth);
    IF to_take <> '{}' THEN
        PERFORM leadscore._admit_waiting();
    END IF;
    RETURN leadscore._displaced();
END $$;
COMMENT ON FUNCTION leadscore._follow(jsonb, int[]) IS 'Brings a node to the configuration of the coordinator';
REVOKE ALL ON FUNCTION leadscore._follow(jsonb, int[]) FROM PUBLIC;

CREATE FUNCTION leadscore._arrived_shards() RETURNS TABLE (shard_id bigint, source regclass, relation regclass)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT n.shard_id, s.source, n.relation::oid::regclass
    FROM (SELECT DISTINCT x.source FROM leadscore.source x WHERE x.attached) s
    CROSS JOIN LATERAL leadscore._local_shards(s.source) n
    WHERE NOT EXISTS (SELECT FROM leadscore.node_shard k WHERE k.shard_id = n.shard_id);
END;
COMMENT ON FUNCTION leadscore._arrived_shards() IS 'Shards of attached tables that Citus brought to this node and that are not followed yet';

CREATE FUNCTION leadscore._left_shards() RETURNS SETOF bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT k.shard_id FROM leadscore.node_shard k
    WHERE NOT EXISTS (SELECT FROM (SELECT DISTINCT x.source FROM leadscore.source x WHERE x.attached) s
                      CROSS JOIN LATERAL leadscore._local_shards(s.source) n WHERE n.shard_id = k.shard_id);
END;
COMMENT ON FUNCTION leadscore._left_shards() IS 'Shards that were followed on this node and are not here any more';

CREATE FUNCTION leadscore._displaced() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT jsonb_build_object('arrived', (SELECT count(*) FROM leadscore._arrived_shards()), 'left', (SELECT count(*) FROM leadscore._left_shards()));
END;
COMMENT ON FUNCTION leadscore._displaced() IS 'How many shards came to this node and went from it';

-- --------------------------------------------------------------------------------------- persons who move

-- Persons whose rows are not on this node any more, with all that is leadscore's own, in the order of their ids.
CREATE FUNCTION leadscore._leaving(after bigint, most int) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    s   record;
    ids bigint[] := '{}';
    own bigint[];
BEGIN
    FOR s IN SELECT x.*, d.sort, d.column_name, leadscore._own_columns(x, 'key') AS key
             FROM leadscore.source x CROSS JOIN LATERAL leadscore._distribution(x.source) d
             WHERE x.attached AND x.role = 'person' AND d.sort IS NOT NULL
               AND (d.sort <> 'hash' OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = x.source AND a.attname = d.column_name AND leadscore._is_plain_type(a.atttypid))) LOOP
        IF s.sort = 'hash' THEN
            EXECUTE format('SELECT array_agg(l.person_id)
                            FROM (SELECT h.person_id
                                  FROM (SELECT p.person_id, worker_hash(leadscore._key_value(p.external_id, %s, %s)::%s) AS hash
                                        FROM leadscore.person p WHERE p.source_id = $1 AND p.person_id > $2) h
                                  WHERE NOT EXISTS (SELECT FROM unnest($3, $4) n(low, high) WHERE h.hash BETWEEN n.low AND n.high)
                                  ORDER BY h.person_id LIMIT $5) l',
                           cardinality(s.key), array_position(s.key, s.column_name) - 1,
                           (SELECT a.atttypid::regtype FROM pg_attribute a WHERE a.attrelid = s.source AND a.attname = s.column_name))
                INTO own USING s.source_id, after, ARRAY(SELECT n.low FROM leadscore._local_shards(s.source) n),
                               ARRAY(SELECT n.high FROM leadscore._local_shards(s.source) n), most;
        ELSE
            own := ARRAY(SELECT p.person_id FROM leadscore.person p
                         WHERE p.source_id = s.source_id AND p.person_id > after AND NOT EXISTS (SELECT FROM leadscore._local_shards(s.source))
                         ORDER BY p.person_id LIMIT most);
        END IF;
        ids := ids || own;
    END LOOP;
    RETURN (SELECT coalesce(jsonb_agg(d.document ORDER BY d.person_id), '[]')
            FROM (SELECT p.person_id, jsonb_build_object(
                             'person', to_jsonb(p),
                             'left_at', (SELECT max(k.recorded_at) FROM leadscore.node_shard k),
                             'adjustment', (SELECT jsonb_agg(to_jsonb(a)) FROM leadscore.adjustment a WHERE a.person_id = p.person_id),
                             'category_change', (SELECT jsonb_agg(to_jsonb(c)) FROM leadscore.category_change c WHERE c.person_id = p.person_id),
                             'person_score', (SELECT jsonb_agg(to_jsonb(c)) FROM leadscore.person_score c WHERE c.person_id = p.person_id),
                             'person_alias', (SELECT jsonb_agg(to_jsonb(l)) FROM leadscore.person_alias l WHERE l.person_id = p.person_id),
                             'person_consent', (SELECT to_jsonb(c) - 'refused' FROM leadscore.person_consent c WHERE c.person_id = p.person_id),
                             'activity', (SELECT jsonb_agg(to_jsonb(a)) FROM leadscore.activity a WHERE a.person_id = p.person_id AND a.source_id IS NULL),
                             -- Of tables that do not tell when.
                             'moment', (SELECT jsonb_agg(jsonb_build_object('source_id', a.source_id, 'source_key', a.source_key, 'person_kind', p.kind,
                                                                            'external_id', p.external_id, 'tenant', p.tenant, 'activity_type', a.activity_type,
                                                                            'occurred_at', a.occurred_at, 'attributes', a.attributes))
                                        FROM leadscore.activity a JOIN leadscore.source x ON x.source_id = a.source_id AND NOT x.parts ? 'moment'
                                        WHERE a.person_id = p.person_id)) AS document
                  FROM leadscore.person p WHERE p.person_id IN (SELECT u.id FROM unnest(ids) u(id) ORDER BY u.id LIMIT most)) d);
END $$;
COMMENT ON FUNCTION leadscore._leaving(bigint, int) IS 'Persons whose rows went to another node, as documents';
REVOKE ALL ON FUNCTION leadscore._leaving(bigint, int) FROM PUBLIC;

CREATE FUNCTION leadscore._key_value(key text, columns int, nth int) RETURNS text
LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'key_value_wrapper';
COMMENT ON FUNCTION leadscore._key_value(text, int, int) IS 'One of the values in a key of so many columns, counted from 0';

CREATE FUNCTION leadscore._part_of_key(of_source int, key text) RETURNS int
LANGUAGE c STABLE STRICT COST 1 AS 'MODULE_PATHNAME', 'part_of_key_wrapper';
COMMENT ON FUNCTION leadscore._part_of_key(int, text) IS 'The place of the shard of this node that has the row of an attached table with this key; NULL where it is no part of a table';
REVOKE ALL ON FUNCTION leadscore._part_of_key(int, text) FROM PUBLIC;

CREATE FUNCTION leadscore._receive(documents jsonb) RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp SET jit = off
BEGIN ATOMIC
    WITH stored AS (
        INSERT INTO leadscore.handover AS h (person_id, document, left_at)
        SELECT (d.value -> 'person' ->> 'person_id')::bigint, d.value, coalesce((d.value ->> 'left_at')::timestamptz, '-infinity')
        FROM jsonb_array_elements(documents) d
        ON CONFLICT (person_id) DO UPDATE SET document = EXCLUDED.document, left_at = EXCLUDED.left_at
        WHERE NOT h.taken AND h.left_at <= EXCLUDED.left_at
        RETURNING 1
    )
    SELECT count(*) FROM stored;
END;
COMMENT ON FUNCTION leadscore._receive(jsonb) IS 'Keeps what another node hands over';
REVOKE ALL ON FUNCTION leadscore._receive(jsonb) FROM PUBLIC;

-- Shards that came are followed from here on. Persons keep their ids and what is leadscore's own; everything else is derived anew.
CREATE FUNCTION leadscore._take_in() RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET plan_cache_mode = force_custom_plan SET lock_timeout = '60s' AS $$
DECLARE
    arrived record;
    before  text;
    s       record;
    came    bigint[] := '{}';
    -- Of those who came. Merged persons who came apart, and meet again: each with whom it was merged into.
    own     bigint[];
    losers  bigint[] := '{}';
    winners bigint[] := '{}';
    mark    bigint;
BEGIN
    PERFORM leadscore._begin();
    before := leadscore._local_ddl();
    FOR arrived IN SELECT * FROM leadscore._arrived_shards() a ORDER BY a.shard_id LOOP
        -- Whoever writes to it has committed, or sees that it is followed.
        EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', arrived.relation);
        INSERT INTO leadscore.node_shard (shard_id) VALUES (arrived.shard_id);
    END LOOP;
    PERFORM leadscore._local_ddl(before);
    PERFORM leadscore._put_triggers(x.source_id) FROM leadscore.source x WHERE x.attached AND leadscore._is_distributed(x.source) ORDER BY x.source_id;
    PERFORM leadscore._forget_configuration();
    mark := nextval('leadscore.category_change_change_id_seq');

    FOR s IN SELECT * FROM leadscore.source x WHERE x.attached AND leadscore._is_distributed(x.source) ORDER BY x.role DESC, x.source_id LOOP
        IF s.role = 'person' THEN
            WITH back AS (
                DELETE FROM leadscore.person_alias l USING leadscore.handover h
                WHERE NOT h.taken AND (h.document -> 'person' ->> 'source_id')::int = s.source_id AND l.kind = s.person_kind
                  AND l.external_id = h.document -> 'person' ->> 'external_id' AND l.tenant IS NOT DISTINCT FROM h.document -> 'person' ->> 'tenant'
                  AND leadscore._part_of_key(s.source_id, l.external_id) IS NOT NULL
                RETURNING h.person_id AS loser, l.person_id AS winner
            )
            SELECT losers || array_agg(b.loser), winners || array_agg(b.winner) INTO losers, winners FROM back b;
            WITH here AS MATERIALIZED (
                SELECT h.person_id, h.document FROM leadscore.handover h
                JOIN leadscore._source_rows(s.source_id) r ON r.key = h.document -> 'person' ->> 'external_id'
                 AND r.tenant IS NOT DISTINCT FROM h.document -> 'person' ->> 'tenant'
                WHERE NOT h.taken AND (h.document -> 'person' ->> 'source_id')::int = s.source_id
                  AND NOT EXISTS (SELECT FROM leadscore._person_key k WHERE k.kind = s.person_kind AND k.external_id = r.key AND k.tenant IS NOT DISTINCT FROM r.tenant)
                  AND NOT EXISTS (SELECT FROM leadscore.person p WHERE p.person_id = h.person_id)
            ), added AS (
                INSERT INTO leadscore.person (person_id, kind, tenant, external_id, name, status, owner, since, attributes, active, source_id, recorded_at)
                SELECT p.person_id, p.kind, p.tenant, p.external_id, p.name, p.status, p.owner, p.since, p.attributes, p.active, s.source_id, p.recorded_at
                FROM here h CROSS JOIN LATERAL jsonb_populate_record(NULL::leadscore.person, h.document -> 'person') p
            ), consent AS (
                INSERT INTO leadscore.person_consent (person_id, granted_at, refused_at)
                SELECT c.person_id, c.granted_at, c.refused_at
                FROM here h CROSS JOIN LATERAL jsonb_populate_record(NULL::leadscore.person_consent, h.document -> 'person_consent') c
                WHERE h.document -> 'person_consent' <> 'null'
            ), adjustment AS (
                INSERT INTO leadscore.adjustment
                SELECT a.* FROM here h CROSS JOIN LATERAL jsonb_populate_recordset(NULL::leadscore.adjustment, nullif(h.document -> 'adjustment', 'null')) a
            ), activity AS (
                INSERT INTO leadscore.activity
                SELECT a.* FROM here h CROSS JOIN LATERAL jsonb_populate_recordset(NULL::leadscore.activity, nullif(h.document -> 'activity', 'null')) a
            ), moment AS (
                INSERT INTO leadscore.waiting
                SELECT w.* FROM here h CROSS JOIN LATERAL jsonb_populate_recordset(NULL::leadscore.waiting, nullif(h.document -> 'moment', 'null')) w
                ON CONFLICT DO NOTHING
            )
            SELECT array_agg(h.person_id) INTO own FROM here h;
            came := came || own;
            WITH alias AS MATERIALIZED (
                SELECT l.*, p.person_id AS loser
                FROM leadscore.handover h
                CROSS JOIN LATERAL jsonb_populate_recordset(NULL::leadscore.person_alias, nullif(h.document -> 'person_alias', 'null')) l
                LEFT JOIN leadscore.person p ON p.kind = l.kind AND p.external_id = l.external_id AND p.tenant IS NOT DISTINCT FROM l.tenant
                WHERE h.person_id = ANY (own)
            ), kept AS (
                INSERT INTO leadscore.person_alias (kind, external_id, person_id, source_id, tenant)
                SELECT a.kind, a.external_id, a.person_id, a.source_id, a.tenant FROM alias a WHERE a.loser IS NULL
                ON CONFLICT DO NOTHING
            )
            SELECT losers || array_agg(a.loser), winners || array_agg(a.person_id) INTO losers, winners FROM alias a WHERE a.loser IS NOT NULL;
            -- It says whether anybody is merged, so that rows of merged persons show the score as well.
            PERFORM leadscore._forget_configuration();
        END IF;
        PERFORM leadscore._resync(s.source_id);
    END LOOP;
    PERFORM leadscore._admit_waiting();
    PERFORM leadscore._lock_persons(came);
    PERFORM leadscore._rescore(came);
    -- To have come is no change of category. What was one before the move is kept, and what became one by it is one change.
    DELETE FROM leadscore.category_change c WHERE c.person_id = ANY (came) AND c.change_id > mark;
    INSERT INTO leadscore.category_change (change_id, person_id, from_category, to_category, score, scored_on, changed_at, scorecard, tenant)
    SELECT c.change_id, c.person_id, c.from_category, c.to_category, c.score, c.scored_on, c.changed_at, c.scorecard, c.tenant
    FROM leadscore.handover h
    CROSS JOIN LATERAL jsonb_populate_recordset(NULL::leadscore.category_change, nullif(h.document -> 'category_change', 'null')) c
    WHERE h.person_id = ANY (came);
    INSERT INTO leadscore.category_change (person_id, from_category, to_category, score, scored_on, scorecard, tenant)
    SELECT p.person_id, h.document -> 'person' ->> 'category', p.category, p.score, w.scored_on, 'main', p.tenant
    FROM leadscore.handover h JOIN leadscore.person p USING (person_id) CROSS JOIN leadscore.state w
    WHERE h.person_id = ANY (came) AND h.document -> 'person' ->> 'category' IS DISTINCT FROM p.category AND h.document -> 'person' ->> 'category' IS NOT NULL
    UNION ALL
    SELECT c.person_id, o.value ->> 'category', c.category, c.score, w.scored_on, c.scorecard, h.document -> 'person' ->> 'tenant'
    FROM leadscore.handover h
    CROSS JOIN LATERAL jsonb_array_elements(nullif(h.document -> 'person_score', 'null')) o
    JOIN leadscore.person_score c ON c.person_id = h.person_id AND c.scorecard = o.value ->> 'scorecard'
    CROSS JOIN leadscore.state w
    WHERE h.person_id = ANY (came) AND o.value ->> 'category' IS DISTINCT FROM c.category AND o.value ->> 'category' IS NOT NULL;
    UPDATE leadscore.handover h SET taken = true WHERE h.person_id = ANY (came);
    PERFORM leadscore.merge_person(p.loser, p.winner)
    FROM unnest(losers, winners) p(loser, winner)
    WHERE EXISTS (SELECT FROM leadscore.person x WHERE x.person_id = p.loser) AND EXISTS (SELECT FROM leadscore.person x WHERE x.person_id = p.winner);
    RETURN cardinality(came);
END $$;
COMMENT ON FUNCTION leadscore._take_in() IS 'Follows the shards that came to this node, with what was handed over';
REVOKE ALL ON FUNCTION leadscore._take_in() FROM PUBLIC;

-- Others have taken in what went from here.
CREATE FUNCTION leadscore._leave() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET lock_timeout = '60s' AS $$
DECLARE
    aliases bigint := (SELECT count(*) FROM leadscore.person_alias);
BEGIN
    PERFORM leadscore._begin();
    DELETE FROM leadscore.node_shard k WHERE k.shard_id IN (SELECT l FROM leadscore._left_shards() l);
    IF FOUND THEN
        PERFORM leadscore._forget_configuration();
        PERFORM leadscore._resync(x.source_id) FROM leadscore.source x WHERE x.attached AND leadscore._is_distributed(x.source) ORDER BY x.role DESC, x.source_id;
        -- Rows of persons who were merged into one that left are persons of their own again.
        IF (SELECT count(*) FROM leadscore.person_alias) <> aliases THEN
            PERFORM leadscore._resync(x.source_id) FROM leadscore.source x WHERE x.attached AND leadscore._is_distributed(x.source) ORDER BY x.role DESC, x.source_id;
            PERFORM leadscore._admit_waiting();
        END IF;
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._leave() IS 'Drops persons whose rows went to another node';
REVOKE ALL ON FUNCTION leadscore._leave() FROM PUBLIC;

CREATE FUNCTION leadscore._forget_handover() RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    DELETE FROM leadscore.handover;
END;
COMMENT ON FUNCTION leadscore._forget_handover() IS 'Forgets what was handed over and is taken in';
REVOKE ALL ON FUNCTION leadscore._forget_handover() FROM PUBLIC;

-- ------------------------------------------------------------------------------------------ on the coordinator

-- Two that tell the nodes follow each other, so that no node goes back to what the first knew.
CREATE FUNCTION leadscore._tell_alone() RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT pg_advisory_xact_lock(27763, 1);
END;
COMMENT ON FUNCTION leadscore._tell_alone() IS 'Waits for another call that tells the nodes';
REVOKE ALL ON FUNCTION leadscore._tell_alone() FROM PUBLIC;

-- After attaching and detaching; what the nodes did stands whatever becomes of the transaction, and is put right by the next call.
CREATE FUNCTION leadscore._tell_nodes(again int[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    a record;
BEGIN
    PERFORM leadscore._tell_alone();
    FOR a IN SELECT * FROM leadscore._ask(format('SELECT leadscore._follow(%L, %L)', leadscore._cluster_document(), again)) LOOP
        IF NOT a.done THEN
            RAISE object_not_in_prerequisite_state USING
                MESSAGE = a.answer,
                DETAIL = 'Nodes that were told before have done it.',
                HINT = 'Call it again when what is wrong is mended; CALL leadscore.spread(); brings the nodes to what the coordinator has.';
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION leadscore._tell_nodes(int[]) IS 'Brings the configuration to all nodes';
REVOKE ALL ON FUNCTION leadscore._tell_nodes(int[]) FROM PUBLIC;

-- Returns how many persons or activities there are on all nodes.
CREATE FUNCTION leadscore._attach_on_nodes(of_source int) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own bigint;
BEGIN
    INSERT INTO leadscore.node_shard (shard_id)
    SELECT n.shard_id FROM leadscore.source s CROSS JOIN LATERAL leadscore._local_shards(s.source) n WHERE s.source_id = of_source
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM leadscore._forget_configuration();
        PERFORM leadscore._resync(of_source);
    END IF;
    PERFORM leadscore._tell_nodes();
    own := (SELECT count(*) FROM leadscore.person p WHERE p.source_id = of_source) + (SELECT count(*) FROM leadscore.activity a WHERE a.source_id = of_source);
    RETURN own + (SELECT coalesce(sum((a.answer -> 0 ->> 'rows')::bigint), 0)
                  FROM leadscore._ask_all(format('SELECT (SELECT count(*) FROM leadscore.person p WHERE p.source_id = %s) + (SELECT count(*) FROM leadscore.activity a WHERE a.source_id = %1$s) AS rows', of_source)) a);
END $$;
COMMENT ON FUNCTION leadscore._attach_on_nodes(int) IS 'Attaches a distributed table on all nodes';
REVOKE ALL ON FUNCTION leadscore._attach_on_nodes(int) FROM PUBLIC;

-- Every step is a transaction of each node's own, and can be done again. Returns what failed.
CREATE FUNCTION leadscore._spread() RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most   CONSTANT int := 5000;
    failed text[];
    moved  boolean;
    n      record;
    part   record;
    after  bigint;
    step   text;
BEGIN
    PERFORM leadscore._tell_alone();
    SELECT array_agg(a.answer ORDER BY a.node) FILTER (WHERE NOT a.done),
           bool_or(a.done AND a.answer::jsonb <> '{"left": 0, "arrived": 0}') INTO failed, moved
    FROM leadscore._ask(format('SELECT leadscore._follow(%L)', leadscore._cluster_document()), with_coordinator => true) a;
    -- Persons go from node to node only where all can be asked.
    IF failed IS NOT NULL OR moved IS NOT TRUE THEN
        RETURN failed;
    END IF;
    FOR n IN SELECT x.node FROM leadscore._nodes(true) x LOOP
        after := -1;
        LOOP
            SELECT a.* INTO part FROM leadscore._ask(format('SELECT leadscore._leaving(%s, %s)', after, most), ARRAY[n.node], true) a;
            IF NOT part.done THEN
                RETURN ARRAY[part.answer];
            END IF;
            EXIT WHEN part.answer = '[]';
            SELECT array_agg(a.answer) INTO failed
            FROM leadscore._ask(format('SELECT leadscore._receive(%L)', part.answer), ARRAY(SELECT x.node FROM leadscore._nodes(true) x WHERE x.node <> n.node), true) a
            WHERE NOT a.done;
            IF failed IS NOT NULL THEN
                RETURN failed;
            END IF;
            after := (SELECT max((d.value -> 'person' ->> 'person_id')::bigint) FROM jsonb_array_elements(part.answer::jsonb) d);
        END LOOP;
    END LOOP;
    FOREACH step IN ARRAY ARRAY['_take_in', '_leave', '_forget_handover'] LOOP
        SELECT array_agg(a.answer) INTO failed FROM leadscore._ask(format('SELECT leadscore.%I()', step), with_coordinator => true) a WHERE NOT a.done;
        IF failed IS NOT NULL THEN
            RETURN failed;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._spread() IS 'spread(); returns what failed';
REVOKE ALL ON FUNCTION leadscore._spread() FROM PUBLIC;

CREATE PROCEDURE leadscore.spread()
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    failed text[];
BEGIN
    IF NOT leadscore._leads() THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'there are no other nodes here',
            DETAIL = 'spread() brings configuration and moved persons from the coordinator of a Citus cluster to its nodes.',
            HINT = 'Call it on the coordinator.';
    END IF;
    failed := leadscore._spread();
    IF failed IS NOT NULL THEN
        RAISE connection_exception USING
            MESSAGE = array_to_string(failed, '; '),
            DETAIL = 'What other nodes did stands, and nobody is lost.',
            HINT = 'CALL leadscore.spread(); again when the node is back.';
    END IF;
END $$;
COMMENT ON PROCEDURE leadscore.spread() IS 'On the coordinator of a Citus cluster: brings the configuration to every node, and persons to the nodes to which their rows were moved';
-- It removes persons from nodes: the owner says who may.
REVOKE ALL ON PROCEDURE leadscore.spread() FROM PUBLIC;

-- The night of all nodes, for one moment: each runs a transaction of its own, and this node comes last, so that it stays on the
-- day before until all are done. Called again, nodes that are done have nothing to do.
CREATE FUNCTION leadscore._recompute_everywhere(as_of timestamptz, full_rebuild boolean) RETURNS leadscore.run
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    failed text[];
    later  text[];
    part   leadscore.run;
    total  leadscore.run;
    a      record;
BEGIN
    failed := leadscore._spread();
    FOR a IN SELECT * FROM leadscore._ask(format('SELECT to_jsonb(r)::text FROM leadscore._recompute_here(%L, %L) r', to_jsonb(as_of) #>> '{}', full_rebuild)) ORDER BY node LOOP
        IF a.done THEN
            part := jsonb_populate_record(NULL::leadscore.run, a.answer::jsonb);
            total.records_added := coalesce(total.records_added, 0) + part.records_added;
            total.records_removed := coalesce(total.records_removed, 0) + part.records_removed;
            total.persons_changed := coalesce(total.persons_changed, 0) + part.persons_changed;
            total.categories_changed := coalesce(total.categories_changed, 0) + part.categories_changed;
        ELSE
            later := later || a.answer;
        END IF;
    END LOOP;
    failed := coalesce(later, failed);
    IF failed IS NOT NULL THEN
        RAISE connection_exception USING
            MESSAGE = format('the run is not done on all nodes: %s', array_to_string(failed, '; ')),
            DETAIL = 'What the other nodes did stands, each for its own persons.',
            HINT = 'Call it again when the node is back: it goes on where it failed.';
    END IF;
    part := leadscore._recompute_here(as_of, full_rebuild);
    part.records_added := part.records_added + total.records_added;
    part.records_removed := part.records_removed + total.records_removed;
    part.persons_changed := part.persons_changed + total.persons_changed;
    part.categories_changed := part.categories_changed + total.categories_changed;
    UPDATE leadscore.run r
    SET records_added = part.records_added, records_removed = part.records_removed,
        persons_changed = part.persons_changed, categories_changed = part.categories_changed
    WHERE r.run_id = part.run_id;
    RETURN part;
END $$;
COMMENT ON FUNCTION leadscore._recompute_everywhere(timestamptz, boolean) IS 'A run on all nodes of a cluster';
REVOKE ALL ON FUNCTION leadscore._recompute_everywhere(timestamptz, boolean) FROM PUBLIC;

-- The same in batches that commit.
CREATE FUNCTION leadscore._batches_elsewhere(as_of timestamptz, batch_size int) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    failed text[];
    later  text[];
BEGIN
    PERFORM leadscore._need_right_to_batches();
    IF leadscore._leads() THEN
        failed := leadscore._spread();
        SELECT array_agg(a.answer ORDER BY a.node) INTO later
        FROM leadscore._ask(format('CALL leadscore.recompute_in_batches(%L, %s)', to_jsonb(as_of) #>> '{}', batch_size)) a WHERE NOT a.done;
        IF coalesce(later, failed) IS NOT NULL THEN
            RAISE connection_exception USING
                MESSAGE = format('the run is not done on all nodes: %s', array_to_string(coalesce(later, failed), '; ')),
                DETAIL = 'What the other nodes did stands, each for its own persons.',
                HINT = 'Call it again when the node is back: it goes on where it failed.';
        END IF;
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._batches_elsewhere(timestamptz, int) IS 'A run in batches on the other nodes of a cluster';

-- Statements over several shards of a node are a transaction in each. One that has begun to write keeps a run waiting, and a
-- run that waits keeps the others waiting: so it waits for a moment only, and tries again.
CREATE FUNCTION leadscore._lock_days() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before text := current_setting('lock_timeout');
BEGIN
    IF NOT leadscore._has_distributed_sources() THEN
        LOCK TABLE leadscore.state IN EXCLUSIVE MODE;
        RETURN;
    END IF;
    LOOP
        BEGIN
            PERFORM set_config('lock_timeout', '500ms', true);
            LOCK TABLE leadscore.state IN EXCLUSIVE MODE;
            PERFORM set_config('lock_timeout', before, true);
            -- Which shards are here may have changed.
            PERFORM leadscore._forget_configuration();
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            PERFORM pg_sleep(0.1 + random() / 5);
        END;
    END LOOP;
END $$;
COMMENT ON FUNCTION leadscore._lock_days() IS 'Waits for writers, and keeps others waiting';
REVOKE ALL ON FUNCTION leadscore._lock_days() FROM PUBLIC;

-- ------------------------------------------------------------------------------------- telling of all nodes

CREATE FUNCTION leadscore._node_statuses() RETURNS SETOF jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off
BEGIN ATOMIC
    SELECT to_jsonb(s) || jsonb_build_object(
               'node', leadscore._node(),
               'by_category', (SELECT jsonb_agg(jsonb_build_object('category', c.category, 'persons', c.persons))
                               FROM (SELECT p.category, count(*) FILTER (WHERE p.active) AS persons FROM leadscore.person p
                                     WHERE p.tenant IS NOT DISTINCT FROM s.tenant GROUP BY p.category) c))
    FROM leadscore._status_here() s;
END;
COMMENT ON FUNCTION leadscore._node_statuses() IS 'The rows of leadscore.status on this node, with numbers that can be added up';

CREATE FUNCTION leadscore._node_status() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off
BEGIN ATOMIC
    SELECT leadscore._displaced() || jsonb_build_object(
        'scored_on', min(s.scored_on), 'last_run_at', max(s.last_run_at), 'persons', sum(s.persons), 'activities_about', max(s.activities_about))
    FROM leadscore._status_here() s;
END;
COMMENT ON FUNCTION leadscore._node_status() IS 'How things stand on this node';

CREATE FUNCTION leadscore._all_nodes()
RETURNS TABLE (node int, host text, port int, reachable boolean, scored_on date, persons bigint, activities_about bigint, shards_arrived int, shards_left int,
               last_run_at timestamptz, remark text, status jsonb)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT a.node, n.host, n.port, a.done, (s.status ->> 'scored_on')::date, (s.status ->> 'persons')::bigint, (s.status ->> 'activities_about')::bigint,
           (s.status ->> 'arrived')::int, (s.status ->> 'left')::int, (s.status ->> 'last_run_at')::timestamptz,
           CASE WHEN NOT a.done THEN a.answer END, s.status
    FROM (SELECT 0 AS node, true AS done, leadscore._node_status()::text AS answer
          UNION ALL
          SELECT * FROM leadscore._ask('SELECT leadscore._node_status()::text')) a
    LEFT JOIN leadscore._nodes() n ON n.node = a.node
    CROSS JOIN LATERAL (SELECT CASE WHEN a.done THEN a.answer::jsonb END AS status) s
    ORDER BY a.node;
END $$;
COMMENT ON FUNCTION leadscore._all_nodes() IS 'The rows of leadscore.nodes';
CREATE VIEW leadscore.nodes WITH (security_invoker = true) AS
SELECT n.node, n.host, n.port, n.reachable, n.scored_on, n.last_run_at, n.persons, n.activities_about, n.shards_arrived, n.shards_left, n.remark
FROM leadscore._all_nodes() n;
COMMENT ON VIEW leadscore.nodes IS 'The nodes of a Citus cluster, asked on the coordinator, which is node 0; elsewhere this node alone';
COMMENT ON COLUMN leadscore.nodes.node IS 'Its number: that of its group in Citus';
COMMENT ON COLUMN leadscore.nodes.host IS 'Where it is';
COMMENT ON COLUMN leadscore.nodes.port IS 'Where it is';
COMMENT ON COLUMN leadscore.nodes.reachable IS 'Whether it answered';
COMMENT ON COLUMN leadscore.nodes.scored_on IS 'The day for which the scores stand there';
COMMENT ON COLUMN leadscore.nodes.last_run_at IS 'When its last run had done its work';
COMMENT ON COLUMN leadscore.nodes.persons IS 'Persons there who are active';
COMMENT ON COLUMN leadscore.nodes.activities_about IS 'Activities there, by the statistics of the last ANALYZE';
COMMENT ON COLUMN leadscore.nodes.shards_arrived IS 'Shards of attached tables that came and are not followed yet: CALL leadscore.spread();';
COMMENT ON COLUMN leadscore.nodes.shards_left IS 'Shards that went, and whose persons are still there: CALL leadscore.spread();';
COMMENT ON COLUMN leadscore.nodes.remark IS 'Why it did not answer';

-- The rows of all nodes together; an error where one does not answer, since sums without it would be wrong.
CREATE FUNCTION leadscore._status_everywhere()
RETURNS TABLE (scored_on date, last_run_at timestamptz, last_run_took interval, rebuild_due boolean, time_zone text, persons bigint,
               categories text, rules bigint, activities_about bigint, score_records_about bigint, category_changes_7 bigint,
               pending bigint, pending_since timestamptz, tenant text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH row AS MATERIALIZED (
        SELECT r.*
        FROM (SELECT leadscore._node_statuses() AS s
              UNION ALL
              SELECT x.value -> 's' FROM leadscore._ask_all('SELECT leadscore._node_statuses() AS s') a CROSS JOIN LATERAL jsonb_array_elements(a.answer) x) n
        CROSS JOIN LATERAL jsonb_to_record(n.s) r(
            node int, scored_on date, last_run_at timestamptz, last_run_took interval, rebuild_due boolean, time_zone text, persons bigint, rules bigint,
            activities_about bigint, score_records_about bigint, category_changes_7 bigint, pending bigint, pending_since timestamptz, tenant text, by_category jsonb)
    ), whole AS MATERIALIZED (
        SELECT min(r.scored_on) AS scored_on, max(r.last_run_at) AS last_run_at, max(r.last_run_took) AS last_run_took, bool_or(r.rebuild_due) AS rebuild_due
        FROM row r
    ), size AS MATERIALIZED (
        SELECT sum(x.activities)::bigint AS activities, sum(x.records)::bigint AS records
        FROM (SELECT max(r.activities_about) AS activities, max(r.score_records_about) AS records FROM row r GROUP BY r.node) x
    ), category AS MATERIALIZED (
        SELECT c.tenant, string_agg(format('%s %s', coalesce(c.category, 'none'), c.persons), ', ' ORDER BY c.persons DESC, c.category) FILTER (WHERE c.persons > 0) AS categories
        FROM (SELECT r.tenant, x.category, sum(x.persons) AS persons
              FROM row r CROSS JOIN LATERAL jsonb_to_recordset(r.by_category) x(category text, persons bigint)
              WHERE jsonb_typeof(r.by_category) = 'array'
              GROUP BY r.tenant, x.category) c
        GROUP BY c.tenant
    )
    SELECT w.scored_on, w.last_run_at, w.last_run_took, w.rebuild_due, min(r.time_zone), sum(r.persons)::bigint, min(c.categories), max(r.rules),
           z.activities, z.records, sum(r.category_changes_7)::bigint, sum(r.pending)::bigint, min(r.pending_since), r.tenant
    FROM row r
    CROSS JOIN whole w
    CROSS JOIN size z
    LEFT JOIN category c ON c.tenant IS NOT DISTINCT FROM r.tenant
    -- A node without persons has a row that says so.
    WHERE jsonb_typeof(r.by_category) = 'array' OR NOT EXISTS (SELECT FROM category)
    GROUP BY r.tenant, w.scored_on, w.last_run_at, w.last_run_took, w.rebuild_due, z.activities, z.records
    ORDER BY r.tenant NULLS FIRST;
END $$;
COMMENT ON FUNCTION leadscore._status_everywhere() IS 'The rows of leadscore.status on the coordinator of a cluster';

-- Merged persons of different shards. Only how many: their keys are for who may see them.
CREATE FUNCTION leadscore._doctor_merged()
RETURNS TABLE (severity text, finding text, detail text, remedy text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
#variable_conflict use_column
BEGIN
    IF NOT leadscore._has_distributed_sources() THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH merged AS MATERIALIZED (
        SELECT l.kind, leadscore._part_of_key(l.source_id, l.external_id) AS part, leadscore._part_of_key(p.source_id, p.external_id) AS of_winner
        FROM leadscore.person_alias l
        JOIN leadscore.person p USING (person_id)
        JOIN leadscore.source x ON x.source_id = l.source_id
        CROSS JOIN LATERAL leadscore._distribution(x.source) d
        WHERE x.attached AND d.sort = 'hash'
    )
    SELECT 'note', format('%s merged persons of kind %L have rows in several shards', count(*), m.kind),
           'If one of these shards moves to another node they come apart: each is then scored by its own rows. They are joined again when the shards meet.',
           'Merge them in the application''s own tables.'
    FROM merged m WHERE m.part <> m.of_winner GROUP BY m.kind
    UNION ALL
    SELECT 'warning', format('%s merged persons of kind %L came apart', count(*), m.kind),
           'The shard of one of them moved to another node. Each is scored by its own rows; adjustments and consent are where they were.',
           'Merge them in the application''s own tables; or bring their shards to one node: SELECT citus_move_shard_placement(…); CALL leadscore.spread();'
    FROM merged m WHERE m.part IS NULL AND m.of_winner IS NOT NULL GROUP BY m.kind
    ORDER BY 1, 2;
END $$;
COMMENT ON FUNCTION leadscore._doctor_merged() IS 'What doctor() finds about merged persons of different shards';

CREATE FUNCTION leadscore._are_in_different_shards(kind text, one text, other text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM leadscore.source s
                   WHERE s.attached AND s.role = 'person' AND s.person_kind = kind
                     AND leadscore._part_of_key(s.source_id, one) <> leadscore._part_of_key(s.source_id, other));
END;
COMMENT ON FUNCTION leadscore._are_in_different_shards(text, text, text) IS 'Whether the rows of two persons of this node are in different shards';

-- Apart from doctor(), which is the same on every node.
CREATE FUNCTION leadscore._doctor_cluster()
RETURNS TABLE (severity text, finding text, detail text, remedy text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
#variable_conflict use_column
DECLARE
    own text := md5((leadscore._cluster_document() - 'scored_on' - 'known')::text);
    day date := (SELECT w.scored_on FROM leadscore.state w);
    n   record;
BEGIN
    FOR n IN SELECT * FROM leadscore._all_nodes() x ORDER BY x.node LOOP
        IF NOT n.reachable THEN
            RETURN QUERY SELECT 'error', format('node %s cannot be asked', n.node), n.remark, 'SELECT * FROM leadscore.nodes;';
            CONTINUE;
        END IF;
        IF n.scored_on <> day THEN
            RETURN QUERY SELECT 'error', format('node %s is on another day', n.node), format('Scores stand for %s there, and for %s here.', n.scored_on, day),
                leadscore._cron_command() || ';';
        END IF;
        IF n.shards_arrived + n.shards_left > 0 THEN
            RETURN QUERY SELECT 'warning', format('%s shards came to node %s and %s went from it', n.shards_arrived, n.node, n.shards_left),
                'What is registered on their persons waits until they are followed.', 'CALL leadscore.spread();';
        END IF;
    END LOOP;
    RETURN QUERY
    SELECT 'warning', format('node %s has not the configuration of the coordinator', a.node), 'Rules, categories, settings or attached tables changed.', 'CALL leadscore.spread();'
    FROM leadscore._ask('SELECT md5((leadscore._cluster_document() - ''scored_on'' - ''known'')::text)') a
    WHERE a.done AND a.answer <> own;
    -- That a node has nobody of a rule's kind says nothing, unless none of them has.
    RETURN QUERY
    WITH found AS MATERIALIZED (
        SELECT a.node, d.*
        FROM leadscore._ask('SELECT coalesce(jsonb_agg(to_jsonb(d)), ''[]'')::text FROM leadscore.doctor() d') a
        CROSS JOIN LATERAL jsonb_to_recordset(CASE WHEN a.done THEN a.answer::jsonb END) d(severity text, finding text, detail text, remedy text)
    )
    SELECT f.severity, format('%s: %s', CASE WHEN count(*) = 1 THEN 'node ' ELSE 'nodes ' END || string_agg(f.node::text, ', ' ORDER BY f.node), f.finding), f.detail,
           format('On each of them: %s', f.remedy)
    FROM found f
    GROUP BY f.severity, f.finding, f.detail, f.remedy
    HAVING f.severity <> 'note' OR f.finding !~ '^(rule |no rule )' OR count(*) = (SELECT count(*) FROM leadscore._nodes())
    ORDER BY min(f.node), f.severity, f.finding;
END $$;
COMMENT ON FUNCTION leadscore._doctor_cluster() IS 'What doctor() finds about the nodes of a cluster, and what they find';

CREATE FUNCTION leadscore.cluster_worklist(most int DEFAULT 100, owner text DEFAULT NULL, tenant text DEFAULT NULL) RETURNS SETOF leadscore.worklist
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    query text := format('SELECT w.* FROM leadscore.worklist w WHERE (%1$L IS NULL OR w.owner = %1$L) AND (%2$L IS NULL OR w.tenant = %2$L)
                          ORDER BY w.score DESC, w.person_id LIMIT %3$s', owner, tenant, coalesce(most, 100));
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT (jsonb_populate_record(NULL::leadscore.worklist, x.row)).*
         FROM (SELECT to_jsonb(w) AS row FROM (%s) w
               UNION ALL
               SELECT r.value FROM leadscore._ask_all($1) a CROSS JOIN LATERAL jsonb_array_elements(a.answer) r) x
         ORDER BY (x.row ->> ''score'')::bigint DESC, (x.row ->> ''person_id'')::bigint LIMIT $2', query) USING query, coalesce(most, 100);
END $$;
COMMENT ON FUNCTION leadscore.cluster_worklist(int, text, text) IS 'The persons of all nodes to spend time on first: the rows of leadscore.worklist with the highest scores, of an owner and a tenant or of all';

-- ------------------------------------------------------------- one person, by the application's own key

-- Who asks may have no right to the application's table.
CREATE FUNCTION leadscore._node_of_row(kind text, key text) RETURNS int
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s    record;
    node int;
BEGIN
    IF leadscore._leads() THEN
        SELECT x.source, d.column_name, cardinality(k.columns) AS columns, array_position(k.columns, d.column_name) - 1 AS place,
               a.atttypid::regtype AS type INTO s
        FROM leadscore.source x
        CROSS JOIN LATERAL leadscore._distribution(x.source) d
        CROSS JOIN LATERAL (SELECT leadscore._own_columns(x, 'key') AS columns) k
        JOIN pg_attribute a ON a.attrelid = x.source AND a.attname = d.column_name
        WHERE x.role = 'person' AND x.attached AND x.person_kind = kind AND d.sort = 'hash' AND leadscore._is_plain_type(a.atttypid);
        IF FOUND THEN
            EXECUTE format('SELECT p.groupid FROM pg_dist_placement p WHERE p.shardid = get_shard_id_for_distribution_column($1, %L::%s)',
                           leadscore._key_value(key, s.columns, s.place), s.type) INTO node USING s.source::oid::regclass;
        END IF;
    END IF;
    RETURN node;
EXCEPTION WHEN data_exception THEN
    -- It is no key.
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._node_of_row(text, text) IS 'The node that has the row of a person of a kind with a key, whether or not there is one; NULL if that cannot be told';

-- Runs a query about a person where the person is: `k.person_id` in it is the person's id. Its rows come back as JSON.
CREATE FUNCTION leadscore._of_person(kind text, key text, tenant text, purpose text, query text) RETURNS SETOF jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    person CONSTANT text := format('SELECT k.person_id FROM leadscore._person_key k WHERE k.kind = %L AND k.external_id = %L AND k.tenant IS NOT DISTINCT FROM %L',
                                   kind, key, tenant);
    at     CONSTANT int := leadscore._node_of_row(kind, key);
    id     bigint;
    s      record;
    turn   text;
    -- Not called found, which is PL/pgSQL's own.
    is_there boolean := false;
BEGIN
    -- Where its row is, then here, then anywhere: it may be on its way, or have been merged with somebody elsewhere.
    FOREACH turn IN ARRAY ARRAY['there', 'here', 'elsewhere'] LOOP
        IF turn = 'here' THEN
            EXECUTE person INTO id;
            IF id IS NOT NULL THEN
                RETURN QUERY EXECUTE format('SELECT to_jsonb(x) FROM (SELECT %s::bigint AS person_id) k CROSS JOIN LATERAL (%s) x', id, query);
                RETURN;
            END IF;
            CONTINUE;
        END IF;
        FOR s IN SELECT * FROM leadscore._ask(format('SELECT jsonb_agg(p.rows)::text FROM (%s) k CROSS JOIN LATERAL (SELECT coalesce(jsonb_agg(to_jsonb(x)), ''[]'') AS rows FROM (%s) x) p',
                                                     person, query),
                                              ARRAY(SELECT n.node FROM leadscore._nodes() n WHERE (n.node IS NOT DISTINCT FROM at) = (turn = 'there'))) LOOP
            IF NOT s.done THEN
                RAISE connection_exception USING
                    MESSAGE = format('%s: %s', purpose, s.answer),
                    DETAIL = format('The person of kind %L with key %L may be there.', kind, key),
                    HINT = 'Call it again when the node is back; SELECT * FROM leadscore.nodes; shows all of them.';
            END IF;
            IF s.answer <> '' THEN
                RETURN QUERY SELECT r.value FROM jsonb_array_elements(s.answer::jsonb -> 0) r;
                is_there := true;
            END IF;
        END LOOP;
        EXIT WHEN is_there;
    END LOOP;
    IF NOT is_there THEN
        RAISE no_data_found USING
            MESSAGE = format('%s: there is no person of kind %L with key %L', purpose, kind, key),
            DETAIL = concat('leadscore.person has no such row', CASE WHEN tenant IS NOT NULL THEN format(' of tenant %L', tenant) END, '.'),
            HINT = 'Keys of several columns are their values with commas between them, such as 7,123; a person of a tenant is named with it.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._of_person(text, text, text, text, text) IS 'The rows of a query about a person, on whichever node the person is';

CREATE FUNCTION leadscore.explain_by_key(kind text, key text, on_day date DEFAULT NULL, scorecard text DEFAULT 'main', tenant text DEFAULT NULL)
RETURNS TABLE (rule text, activity_id bigint, activity_type text, occurred_at timestamptz, points bigint,
               counts boolean, counts_from date, counts_until date, why text)
LANGUAGE sql ROWS 50 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT x.*
    FROM leadscore._of_person(kind, key, tenant, 'explain_by_key', format('SELECT * FROM leadscore.explain(k.person_id, %L, %L)', on_day, scorecard)) r
    CROSS JOIN LATERAL jsonb_to_record(r) x(rule text, activity_id bigint, activity_type text, occurred_at timestamptz, points bigint,
                                            counts boolean, counts_from date, counts_until date, why text);
END;
COMMENT ON FUNCTION leadscore.explain_by_key(text, text, date, text, text) IS 'explain() by the kind and the application''s own key of a person, on whichever node the person is';

CREATE FUNCTION leadscore.score_at_by_key(kind text, key text, on_day date, scorecard text DEFAULT 'main', tenant text DEFAULT NULL) RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT (r ->> 'score')::bigint
    FROM leadscore._of_person(kind, key, tenant, 'score_at_by_key', format('SELECT leadscore.score_at(k.person_id, %L::date, %L) AS score', on_day, scorecard)) r;
END;
COMMENT ON FUNCTION leadscore.score_at_by_key(text, text, date, text, text) IS 'score_at() by the kind and the application''s own key of a person, on whichever node the person is';

CREATE FUNCTION leadscore.forecast_by_key(kind text, key text, until date, scorecard text DEFAULT 'main', tenant text DEFAULT NULL)
RETURNS TABLE (day date, score bigint, category text)
LANGUAGE sql ROWS 100 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT x.*
    FROM leadscore._of_person(kind, key, tenant, 'forecast_by_key', format('SELECT * FROM leadscore.forecast(k.person_id, %L::date, %L)', until, scorecard)) r
    CROSS JOIN LATERAL jsonb_to_record(r) x(day date, score bigint, category text);
END;
COMMENT ON FUNCTION leadscore.forecast_by_key(text, text, date, text, text) IS 'forecast() by the kind and the application''s own key of a person, on whichever node the person is';

-- On the other nodes a tenant is forgotten first: what they did stands, and the call can be made again.
CREATE FUNCTION leadscore._forget_tenant_elsewhere(tenant text) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT leadscore._leads() THEN
        RETURN '{}';
    END IF;
    PERFORM leadscore._tell_alone();
    RETURN (SELECT coalesce(jsonb_object_agg(t.table_name, t.removed), '{}')
            FROM (SELECT x.table_name, sum(x.removed)::bigint AS removed
                  FROM leadscore._ask_all(format('SELECT t.* FROM (SELECT set_config(''leadscore.follows'', ''on'', true) AS follows) s
                                                 CROSS JOIN LATERAL leadscore.forget_tenant(CASE s.follows WHEN ''on'' THEN %L END) t', tenant)) a
                  CROSS JOIN LATERAL jsonb_to_recordset(a.answer) x(table_name text, removed bigint)
                  -- Copies of the coordinator's.
                  WHERE x.table_name NOT IN ('rule', 'category', 'configuration_change', 'edited')
                  GROUP BY x.table_name) t);
END $$;
COMMENT ON FUNCTION leadscore._forget_tenant_elsewhere(text) IS 'Forgets a tenant on the other nodes, and returns how many rows went from which table';
REVOKE ALL ON FUNCTION leadscore._forget_tenant_elsewhere(text) FROM PUBLIC;

CREATE FUNCTION leadscore.forget_person_by_key(kind text, key text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT count(*) FROM leadscore._of_person(kind, key, tenant, 'forget_person_by_key', 'SELECT leadscore.forget_person(k.person_id) AS done') r;
END;
COMMENT ON FUNCTION leadscore.forget_person_by_key(text, text, text) IS 'forget_person() by the kind and the application''s own key of a person, on whichever node the person is, in a transaction of that node';
-- It removes persons: the owner says who may.
REVOKE ALL ON FUNCTION leadscore.forget_person_by_key(text, text, text) FROM PUBLIC;

-- On another node it is a transaction of its own, which stands whatever becomes of this one.
CREATE FUNCTION leadscore.adjust_by_key(kind text, key text, points int, reason text, from_day date DEFAULT NULL, until_day date DEFAULT NULL,
                                 scorecard text DEFAULT 'main', tenant text DEFAULT NULL) RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT (r ->> 'id')::bigint
    FROM leadscore._of_person(kind, key, tenant, 'adjust_by_key', format('SELECT leadscore.adjust(k.person_id, %L::int, %L, %L::date, %L::date, %L) AS id',
                                                                  points, reason, from_day, until_day, scorecard)) r;
END;
COMMENT ON FUNCTION leadscore.adjust_by_key(text, text, int, text, date, date, text, text) IS 'adjust() by the kind and the application''s own key of a person, on whichever node the person is, in a transaction of that node';
-- Whoever adjusts writes the score of anybody: the owner says who may.
REVOKE ALL ON FUNCTION leadscore.adjust_by_key(text, text, int, text, date, date, text, text) FROM PUBLIC;

-- It looks the adjustment up with the rights of who calls it.
CREATE FUNCTION leadscore.unadjust_by_key(kind text, key text, id bigint, tenant text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._of_person(kind, key, tenant, 'unadjust_by_key',
                                 format('SELECT leadscore.unadjust(a.adjustment_id) AS done FROM leadscore.adjustment a WHERE a.person_id = k.person_id AND a.adjustment_id = %L', id));
    IF NOT FOUND THEN
        RAISE no_data_found USING
            MESSAGE = format('unadjust_by_key: the person of kind %L with key %L has no adjustment %s', kind, key, coalesce(id::text, 'NULL')),
            DETAIL = 'Nothing was adjusted under that id, or it was taken back already.',
            HINT = 'adjust_by_key() returned the id; leadscore.adjustment on the person''s node has it.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore.unadjust_by_key(text, text, bigint, text) IS 'unadjust() by the kind and the application''s own key of a person, on whichever node the person is, in a transaction of that node';
REVOKE ALL ON FUNCTION leadscore.unadjust_by_key(text, text, bigint, text) FROM PUBLIC;

-- Persons of different nodes stay apart: a person is on one node, and the loser's rows would not be.
CREATE FUNCTION leadscore.merge_person_by_key(kind text, loser text, winner text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    apart boolean;
BEGIN
    SELECT (r ->> 'apart')::boolean INTO apart
    FROM leadscore._of_person(kind, loser, tenant, 'merge_person_by_key', format(
        'SELECT leadscore.merge_person(k.person_id, w.person_id) AS done, leadscore._are_in_different_shards(w.kind, %L, w.external_id) AS apart
         FROM leadscore._person_key w WHERE w.kind = %L AND w.external_id = %L AND w.tenant IS NOT DISTINCT FROM %L', loser, kind, winner, tenant)) r;
    IF apart THEN
        RAISE WARNING USING
            MESSAGE = format('merge_person_by_key: the persons of kind %L with keys %L and %L are in different shards', kind, loser, winner),
            DETAIL = 'They are one as long as both shards are on one node; when one of them moves, they come apart.',
            HINT = 'Merge them in the application''s own tables.';
    ELSIF apart IS NULL THEN
        PERFORM leadscore._of_person(kind, winner, tenant, 'merge_person_by_key', 'SELECT 1 AS there');
        RAISE feature_not_supported USING
            MESSAGE = format('merge_person_by_key: the persons of kind %L with keys %L and %L are on different nodes', kind, loser, winner),
            DETAIL = 'A person is on one node, with all that is registered on it.',
            HINT = 'Merge them in the application''s own tables; or move the shard of one of them to the node of the other: SELECT citus_move_shard_placement(…); CALL leadscore.spread();';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore.merge_person_by_key(text, text, text, text) IS 'merge_person() by the kind and the application''s own keys of two persons of one node, on whichever node they are, in a transaction of that node';
-- It removes a person and changes another one's score: the owner says who may.
REVOKE ALL ON FUNCTION leadscore.merge_person_by_key(text, text, text, text) FROM PUBLIC;

CREATE FUNCTION leadscore.person_card_by_key(kind text, key text, language text DEFAULT 'en', scorecard text DEFAULT 'main', tenant text DEFAULT NULL) RETURNS text
LANGUAGE sql SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT r ->> 'page'
    FROM leadscore._of_person(kind, key, tenant, 'person_card_by_key', format('SELECT leadscore.person_card(k.person_id, %L, %L) AS page', language, scorecard)) r;
END;
COMMENT ON FUNCTION leadscore.person_card_by_key(text, text, text, text, text) IS 'person_card() by the kind and the application''s own key of a person, on whichever node the person is';
