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
    -- Whether any tenant has rules or categories of its own.
    'has_tenants', EXISTS (SELECT FROM leadscore.rule r WHERE r.tenant IS NOT NULL) OR EXISTS (SELECT FROM leadscore.category c WHERE c.tenant IS NOT NULL),
    'renamed', (SELECT coalesce(jsonb_agg(jsonb_build_object('scorecard', c.scorecard, 'before', n.name, 'after', c.name)), '[]')
                FROM leadscore.renamed_category n JOIN leadscore.category c ON c.category_id = n.category_id
                WHERE c.name <> n.name),
    'has_aliases', EXISTS (SELECT FROM leadscore.person_alias l WHERE l.source_id IS NOT NULL),
    'sources', (SELECT coalesce(jsonb_agg(o), '[]') FROM (
        SELECT s.source_id, c.oid::int8 AS relation, c.relkind = 'p' AS partitioned, s.role, s.person_kind, s.activity_type, s.time_zone,
               s.parts, c.relowner::int8 AS owner, b.columns, b.types,
               -- The tables that its rows reach through foreign keys.
               (SELECT coalesce(jsonb_agg(jsonb_build_object('relation', r.oid::int8, 'partitioned', r.relkind = 'p',
                                                             'columns', w.columns, 'types', w.types,
                                                             'has_loose_keys', leadscore._has_loose_keys(r.oid) OR NOT leadscore._has_key(s, t.step)) ORDER BY t.step), '[]')
                FROM leadscore.source_step t
                JOIN pg_class r ON r.oid = t.relation
                CROSS JOIN LATERAL leadscore._bound_columns(r.oid, format('leadscore_%s_%s_columns', t.source_id, t.step)) w
                WHERE t.source_id = s.source_id) AS steps
        FROM leadscore.source s
        JOIN pg_class c ON c.oid = s.source
        CROSS JOIN LATERAL leadscore._bound_columns(c.oid, format('leadscore_%s_columns', s.source_id)) b
        WHERE s.attached) o))::text
