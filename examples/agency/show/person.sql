-- One person's score, record by record: a hot candidate with as many different rules as possible, one of them
-- negative, on not too long a list.

SELECT p.person_id, c.name || ', ' || c.profession || ', of ' || p.owner AS who, p.score, p.category
FROM leadscore.person AS p
JOIN agency.candidate AS c ON p.kind = 'candidate' AND p.external_id = c.candidate_id::text
JOIN leadscore.score_record AS s USING (person_id)
WHERE p.category = 'hot' AND p.status <> 'placed'
  AND s.counts_from <= leadscore.scoring_day() AND (s.counts_until IS NULL OR s.counts_until > leadscore.scoring_day())
GROUP BY p.person_id, c.name, c.profession, p.owner
ORDER BY count(*) <= 16 DESC, bool_or(s.points < 0) DESC, count(DISTINCT s.rule_id) DESC, count(*), p.person_id
LIMIT 1
\gset one_

\pset title :one_who
WITH counting AS (
    SELECT r.name AS rule, coalesce(a.activity_type, '(silence)') AS activity, a.occurred_at, s.points AS full_points,
           -- What a decaying record is worth falls with the days that it has left.
           CASE WHEN s.decays_until IS NULL THEN s.points
                ELSE round(s.points::numeric * (s.decays_until - today) / (s.decays_until - s.counts_from)) END AS points,
           s.counts_until
    FROM leadscore.score_record AS s
    CROSS JOIN leadscore.scoring_day() AS today
    LEFT JOIN leadscore.rule AS r USING (rule_id)
    LEFT JOIN leadscore.activity AS a ON a.person_id = s.person_id AND a.activity_id = s.activity_id
    WHERE s.person_id = :one_person_id AND s.counts_from <= today AND (s.counts_until IS NULL OR s.counts_until > today)
)
SELECT rule, activity, "on", "full", worth, "counts until"
FROM (
    SELECT 1 AS part, occurred_at, rule, activity, to_char(occurred_at, 'DD Mon HH24:MI') AS "on", full_points AS "full",
           points AS worth, to_char(counts_until, 'DD Mon') AS "counts until"
    FROM counting
    UNION ALL
    SELECT 2, NULL, 'Total', NULL, NULL, NULL, sum(points), NULL FROM counting
    UNION ALL
    SELECT 3, NULL, 'Score in leadscore.person', :'one_category', NULL, NULL, :one_score, NULL
) AS line
ORDER BY part, occurred_at DESC, rule;
