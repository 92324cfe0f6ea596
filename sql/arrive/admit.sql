-- Waiting rows whose person and type are known become activities: of the persons $1, or of all when it is NULL.
WITH ready AS (
    DELETE FROM leadscore.waiting w
    USING leadscore._person_key k, leadscore.activity_type t
    WHERE k.kind = w.person_kind AND k.external_id = w.external_id AND k.tenant IS NOT DISTINCT FROM w.tenant
      AND t.activity_type = w.activity_type AND ($1::bigint[] IS NULL OR k.person_id = ANY ($1))
    RETURNING w.*, k.person_id
)
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes, source_id, source_key)
SELECT r.person_id, r.activity_type, r.occurred_at, r.attributes, r.source_id, r.source_key
FROM ready r
ORDER BY r.occurred_at, r.source_id, r.source_key
