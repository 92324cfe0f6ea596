-- What a backend keeps of the configuration, but for the rules and categories of tenants, as one document.
SELECT jsonb_build_object(
    'scored_on', (SELECT s.scored_on - date '2000-01-01' FROM leadscore.state s),
    'live', EXISTS (SELECT FROM leadscore.instance),
    'time_zone', (SELECT s.time_zone FROM leadscore.settings s),
    'activity_types', (SELECT coalesce(jsonb_agg(t.activity_type), '[]') FROM leadscore.activity_type t),
    'deferred', (SELECT s.scoring = 'deferred' FROM leadscore.settings s),
    'online_types', (SELECT coalesce(jsonb_agg(m.activity_type), '[]') FROM leadscore.event_mapping m
                     WHERE m.only_online AND m.activity_type IS NOT NULL),
    'scorecards', (SELECT jsonb_agg(to_jsonb(c) - 'description' - 'recorded_at') FROM leadscore.scorecard c),
    -- Tenants that have rules or categories of their own; of the others everything is as for nobody in particular.
    'tenants', (SELECT coalesce(jsonb_agg(t.tenant), '[]')
                FROM (SELECT r.tenant FROM leadscore.rule r WHERE r.tenant IS NOT NULL
                      UNION
                      SELECT c.tenant FROM leadscore.category c WHERE c.tenant IS NOT NULL) t),
    'renamed', (SELECT coalesce(jsonb_agg(jsonb_build_object('scorecard', c.scorecard, 'before', n.name, 'after', c.name)), '[]')
                FROM leadscore.renamed_category n JOIN leadscore.category c ON c.category_id = n.category_id
                WHERE c.name <> n.name),
    'has_aliases', EXISTS (SELECT FROM leadscore.person_alias l WHERE l.source_id IS NOT NULL),
    'sources', (SELECT coalesce(jsonb_agg(o), '[]') FROM (
        SELECT s.source_id, c.oid::int8 AS relation, c.relkind = 'p' AS partitioned, s.role, s.person_kind, s.activity_type, s.parts,
               c.relowner::int8 AS owner,
               -- The columns in the order of the binding trigger's list, by their names of today.
               (SELECT jsonb_agg(a.attname ORDER BY l.at)
                FROM pg_trigger g
                CROSS JOIN LATERAL unnest(g.tgattr) WITH ORDINALITY l(number, at)
                JOIN pg_attribute a ON a.attrelid = g.tgrelid AND a.attnum = l.number
                WHERE g.tgrelid = c.oid AND g.tgname = 'leadscore_' || s.source_id || '_columns') AS columns,
               (SELECT format('%I.%I', tn.nspname, t.typname)
                FROM pg_trigger g
                JOIN pg_attribute a ON a.attrelid = g.tgrelid AND a.attnum = g.tgattr[(s.parts ->> 'key')::int]
                JOIN pg_type t ON t.oid = a.atttypid
                JOIN pg_namespace tn ON tn.oid = t.typnamespace
                WHERE g.tgrelid = c.oid AND g.tgname = 'leadscore_' || s.source_id || '_columns') AS key_type
        FROM leadscore.source s
        JOIN pg_class c ON c.oid = s.source
        WHERE s.attached) o))::text
