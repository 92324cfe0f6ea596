-- What changed in an attached table, brought to activities. The parameters after the table's number and the kind of its persons are
-- arrays side by side, an element for each changed row: the key that it had (NULL: it is new) and the one that it has (NULL: it is
-- gone, or is none of what was attached), and what it says.
WITH moved AS MATERIALIZED (
    -- Keys that rows of this call leave. What has one until now is theirs, and nothing to a row that takes the key.
    SELECT DISTINCT c.old_key FROM unnest($3::text[], $4::text[]) c(old_key, new_key) WHERE c.old_key <> c.new_key
), change AS MATERIALIZED (
    SELECT c.*, o.own_key, coalesce(c.moment, h.occurred_at) AS told,
           k.person_id, k.person_id IS NOT NULL AND t.activity_type IS NOT NULL AS ready
    FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::text[]::jsonb[])
         c(old_key, new_key, external_id, tenant, type, moment, detail)
    LEFT JOIN moved m ON m.old_key = c.new_key AND c.old_key IS NULL
    CROSS JOIN LATERAL (SELECT coalesce(c.old_key, CASE WHEN m.old_key IS NULL THEN c.new_key END) AS own_key) o
    LEFT JOIN unnest($10::text[], $11::timestamptz[]) h(source_key, occurred_at) ON h.source_key = o.own_key
    LEFT JOIN leadscore._person_key k ON k.kind = $2 AND k.external_id = c.external_id AND k.tenant IS NOT DISTINCT FROM c.tenant AND c.new_key IS NOT NULL
    LEFT JOIN leadscore.activity_type t ON t.activity_type = c.type
), existing AS MATERIALIZED (
    SELECT a.person_id, a.activity_id, a.source_key, a.occurred_at
    FROM leadscore.activity a
    WHERE a.source_id = $1 AND (a.source_key = ANY ($3) OR a.source_key = ANY ($4))
), kept AS MATERIALIZED (
    -- An activity keeps its id when its row only changes.
    SELECT c.*, e.person_id AS old_person_id, e.activity_id, coalesce(c.moment, e.occurred_at) AS at
    FROM change c JOIN existing e ON e.source_key = c.own_key
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
    SELECT c.person_id, c.type, coalesce(c.told, now()), c.detail, $1, c.new_key
    FROM change c
    WHERE c.ready AND NOT EXISTS (SELECT FROM existing e WHERE e.source_key = c.own_key)
    ORDER BY coalesce(c.told, now()), c.new_key
)
INSERT INTO leadscore.waiting AS v (source_id, source_key, person_kind, tenant, external_id, activity_type, occurred_at, attributes)
SELECT $1, c.new_key, $2, c.tenant, c.external_id, c.type, coalesce(c.told, e.occurred_at, now()), c.detail
FROM change c
LEFT JOIN existing e ON e.source_key = c.old_key
WHERE c.new_key IS NOT NULL AND NOT c.ready
ON CONFLICT (source_id, source_key) DO UPDATE
SET tenant = EXCLUDED.tenant, external_id = EXCLUDED.external_id, activity_type = EXCLUDED.activity_type,
    occurred_at = EXCLUDED.occurred_at, attributes = EXCLUDED.attributes
WHERE (v.tenant, v.external_id, v.activity_type, v.occurred_at, v.attributes)
      IS DISTINCT FROM (EXCLUDED.tenant, EXCLUDED.external_id, EXCLUDED.activity_type, EXCLUDED.occurred_at, EXCLUDED.attributes)
