-- All that a backend keeps to score a few activities by itself, as one document.
SELECT jsonb_build_object(
    'scored_on', (SELECT s.scored_on - date '2000-01-01' FROM leadscore.state s),
    'live', EXISTS (SELECT FROM leadscore.instance),
    'time_zone', (SELECT s.time_zone FROM leadscore.settings s),
    'activity_types', (SELECT coalesce(jsonb_agg(t.activity_type), '[]') FROM leadscore.activity_type t),
    'rules', (SELECT coalesce(jsonb_agg(r), '[]') FROM (
        SELECT r.rule_id, r.points, r.person_kinds, r.statuses, r.condition::text AS condition,
               r.kind = 'inactivity' AS inactivity, r.decay = 'linear' AS decays, r.max_per_day, r.max_counted,
               CASE WHEN r.relevant_for IS NOT NULL THEN jsonb_build_object('months', (12 * extract(year FROM r.relevant_for) + extract(month FROM r.relevant_for))::int, 'days', extract(day FROM r.relevant_for)::int) END AS relevant_for,
               CASE WHEN r.inactive_for IS NOT NULL THEN jsonb_build_object('months', (12 * extract(year FROM r.inactive_for) + extract(month FROM r.inactive_for))::int, 'days', extract(day FROM r.inactive_for)::int) END AS inactive_for,
               CASE WHEN r.repeat_every IS NOT NULL THEN jsonb_build_object('months', (12 * extract(year FROM r.repeat_every) + extract(month FROM r.repeat_every))::int, 'days', extract(day FROM r.repeat_every)::int) END AS repeat_every,
               r.max_repeats, r.effective_from - date '2000-01-01' AS effective_from,
               r.rule_id IN (SELECT o.rule_id FROM leadscore._online_rule o) AS online,
               ARRAY(SELECT t.activity_type FROM leadscore._rule_by_type t WHERE t.rule_id = r.rule_id) AS activity_types
        FROM leadscore.rule r
        WHERE r.enabled) r),
    'rule_names', (SELECT coalesce(jsonb_object_agg(r.rule_id, r.name), '{}') FROM leadscore.rule r),
    'bands', (SELECT coalesce(jsonb_agg(b), '[]') FROM leadscore._band b),
    'has_aliases', EXISTS (SELECT FROM leadscore.person_alias l WHERE l.source_id IS NOT NULL),
    'sources', (SELECT coalesce(jsonb_agg(o), '[]') FROM (
        SELECT s.source_id, c.oid::int8 AS relation, c.relkind = 'p' AS partitioned, s.role, s.person_kind, s.activity_type, s.time_zone,
               s.parts, c.relowner::int8 AS owner, b.columns, b.types,
               -- The tables that its rows reach through foreign keys.
               (SELECT coalesce(jsonb_agg(jsonb_build_object('relation', r.oid::int8, 'partitioned', r.relkind = 'p',
                                                             'columns', w.columns, 'types', w.types) ORDER BY t.step), '[]')
                FROM leadscore.source_step t
                JOIN pg_class r ON r.oid = t.relation
                CROSS JOIN LATERAL leadscore._bound_columns(r.oid, format('leadscore_%s_%s_columns', t.source_id, t.step)) w
                WHERE t.source_id = s.source_id) AS steps
        FROM leadscore.source s
        JOIN pg_class c ON c.oid = s.source
        CROSS JOIN LATERAL leadscore._bound_columns(c.oid, format('leadscore_%s_columns', s.source_id)) b
        WHERE s.attached) o))::text
