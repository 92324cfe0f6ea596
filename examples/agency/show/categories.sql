-- How many persons are in which category.

\pset title 'Persons by category, today'
SELECT c.name AS category,
       count(p.person_id) FILTER (WHERE p.kind = 'candidate') AS candidates,
       count(p.person_id) FILTER (WHERE p.kind = 'contact') AS contacts,
       round(100.0 * count(p.person_id) / (SELECT count(*) FROM leadscore.person), 1) || ' %' AS share,
       repeat('█', (60.0 * count(p.person_id) / (SELECT count(*) FROM leadscore.person))::int) AS " "
FROM leadscore.category AS c
LEFT JOIN leadscore.person AS p ON p.category = c.name
WHERE c.person_kind IS NULL
GROUP BY c.name, c.min_score
ORDER BY c.min_score DESC NULLS LAST;
