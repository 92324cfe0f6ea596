-- Who would have been found among the leads of test. Variable: reference (a file).

CREATE TEMP TABLE reference (points text, auc numeric, top_decile numeric);
\set copy_reference '\\copy reference FROM ' :'reference' ' (DELIMITER \'|\')'
:copy_reference

CREATE TEMP TABLE suggested AS
SELECT s.*, keep_signs FROM (VALUES (true), (false)) k(keep_signs),
    leadscore.suggest_points('closed_won', '60 days', '2024-02-01', '2024-07-01', '5 months', person_kind => 'lead', keep_signs => keep_signs) s;

\pset title 'The points'
SELECT r.name AS rule, r.points AS "by hand", max((n.rule ->> 'points')::int) FILTER (WHERE s.keep_signs) AS suggested,
       max((n.rule ->> 'points')::int) FILTER (WHERE NOT s.keep_signs) AS "suggested, signs may change"
FROM leadscore.rule r JOIN suggested s ON true CROSS JOIN LATERAL jsonb_array_elements(s.config -> 'rules') n(rule)
WHERE n.rule ->> 'name' = r.name
GROUP BY r.rule_id ORDER BY r.rule_id;

\pset title 'Judged on the leads of test'
SELECT points, round(auc, 3) AS "AUC", round(100 * top_decile, 1) || ' %' AS "buyers among the top tenth"
FROM (SELECT 1 AS nth, 'points by hand' AS points, e.auc, e.top_decile
      FROM leadscore.evaluate('closed_won', '60 days', '2024-07-01', '2024-07-01', person_kind => 'lead') e WHERE e.category IS NULL
      UNION ALL
      SELECT CASE WHEN s.keep_signs THEN 2 ELSE 3 END, 'suggested points' || CASE WHEN s.keep_signs THEN '' ELSE ', signs may change' END, e.auc, e.top_decile
      FROM suggested s, leadscore.evaluate('closed_won', '60 days', '2024-07-01', '2024-07-01', person_kind => 'lead', config => s.config) e WHERE e.category IS NULL
      UNION ALL
      SELECT 4, r.points, r.auc, r.top_decile FROM reference r) x
ORDER BY nth, points DESC;

\pset title
\pset tuples_only on
\pset format unaligned
SELECT format(E'Learned from %s leads with %s buyers until %s, judged on %s with %s; AUC gained by the suggested points: %s to %s.',
              persons, outcomes, learned_until, judged_persons, judged_outcomes, round(gain_low, 3), round(gain_high, 3))
FROM suggested WHERE keep_signs;
