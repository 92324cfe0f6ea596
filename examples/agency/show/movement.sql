-- How that moved, from the log of category changes. A change that the run of a night made
-- began together with the run; the others came with an activity during the day.

CREATE TEMP VIEW night AS
SELECT scored_on, categories_changed FROM leadscore.run
WHERE scored_on > leadscore.scoring_day() - 10
ORDER BY scored_on;

-- The category of every person at the end of each of these days: what the last change until then
-- led to, or what the first change after it led away from, or the only one there ever was.
CREATE TEMP VIEW standing AS
SELECT n.scored_on, p.person_id,
       CASE WHEN before.change_id IS NOT NULL THEN before.to_category
            WHEN after.change_id IS NOT NULL THEN after.from_category
            ELSE p.category END AS category
FROM night AS n
JOIN leadscore.person AS p ON leadscore.scoring_day(p.since) <= n.scored_on
LEFT JOIN LATERAL (SELECT change_id, to_category FROM leadscore.category_change AS c
                   WHERE c.person_id = p.person_id AND c.scored_on <= n.scored_on
                   ORDER BY change_id DESC LIMIT 1) AS before ON true
LEFT JOIN LATERAL (SELECT change_id, from_category FROM leadscore.category_change AS c
                   WHERE c.person_id = p.person_id AND c.scored_on > n.scored_on
                   ORDER BY change_id LIMIT 1) AS after ON true;

CREATE TEMP VIEW move AS
SELECT c.scored_on, f.min_score AS from_score, t.min_score AS to_score, c.from_category, c.to_category
FROM leadscore.category_change AS c
JOIN leadscore.category AS f ON f.name = c.from_category AND f.person_kind IS NULL
JOIN leadscore.category AS t ON t.name = c.to_category AND t.person_kind IS NULL;

\pset title 'The last ten days: persons in each category in the evening, and how many moved'
SELECT to_char(n.scored_on, 'Dy DD Mon') AS day,
       s.hot, s.warm, s.lukewarm, s.cold,
       m.warmer AS "became warmer", m.colder AS "became colder",
       n.categories_changed AS "of them at night"
FROM night AS n
JOIN LATERAL (
    SELECT count(*) FILTER (WHERE category = 'hot') AS hot,
           count(*) FILTER (WHERE category = 'warm') AS warm,
           count(*) FILTER (WHERE category = 'lukewarm') AS lukewarm,
           count(*) FILTER (WHERE category = 'cold') AS cold
    FROM standing WHERE standing.scored_on = n.scored_on
) AS s ON true
JOIN LATERAL (
    SELECT count(*) FILTER (WHERE coalesce(to_score, -1) > coalesce(from_score, -1)) AS warmer,
           count(*) FILTER (WHERE coalesce(to_score, -1) < coalesce(from_score, -1)) AS colder
    FROM move WHERE move.scored_on = n.scored_on
) AS m ON true
ORDER BY n.scored_on;

\pset title 'From where to where in these ten days'
SELECT from_category AS "from", to_category AS "to", count(*) AS times
FROM move
WHERE scored_on IN (SELECT scored_on FROM night)
GROUP BY from_category, to_category, from_score, to_score
ORDER BY from_score DESC NULLS LAST, to_score DESC NULLS LAST;
