-- The rules and categories that can be in effect for the persons of one tenant, as one document; NULL for a tenant that has
-- none of its own. The empty name is for those. Filters are as people write them, since explanations show them.
SELECT CASE WHEN $1 = '' OR EXISTS (SELECT FROM leadscore.rule r WHERE r.tenant = $1) OR EXISTS (SELECT FROM leadscore.category c WHERE c.tenant = $1) THEN
    jsonb_build_object(
        'rules', (SELECT coalesce(jsonb_agg(to_jsonb(r) - 'created_at'
                                            || jsonb_build_object('filter', leadscore._path(r.filter), 'person_filter', leadscore._path(r.person_filter))), '[]')
                  FROM leadscore.rule r WHERE r.tenant IS NULL OR r.tenant = $1),
        'categories', (SELECT coalesce(jsonb_agg(to_jsonb(c) - 'category_id' - 'recorded_at'), '[]')
                       FROM leadscore.category c WHERE c.tenant IS NULL OR c.tenant = $1))::text END
