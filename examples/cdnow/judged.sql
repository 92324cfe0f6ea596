-- Which score tells who buys again, judged on 30 March 1998. Variable: reference (a file).

CREATE TEMP TABLE reference (score text, auc numeric, top_decile numeric);
\set copy_reference '\\copy reference FROM ' :'reference' ' (DELIMITER \'|\')'
:copy_reference

CREATE TEMP TABLE suggested AS
SELECT * FROM leadscore.suggest_points('again', '90 days', '1997-09-30', date '1998-03-30' + 3652, (date '1998-03-30' + 3652 - date '1997-09-30') * interval '1 day');

\pset title 'The points'
SELECT r.name AS rule, r.points AS "by hand", n.rule ->> 'points' AS suggested
FROM leadscore.rule r JOIN (SELECT jsonb_array_elements(config -> 'rules') FROM suggested) n(rule) ON n.rule ->> 'name' = r.name ORDER BY r.rule_id;

CREATE TEMP TABLE score (nth int, score text, config jsonb);
INSERT INTO score VALUES
    (1, 'points by hand', NULL),
    (2, 'suggested points', (SELECT config FROM suggested)),
    (3, 'recency alone', '{"rules": [{"name": "Recency", "activity_types": ["purchase"], "points": 100000, "relevant_for": "3 years", "decay": "linear", "max_counted": 1}]}'),
    (4, 'number of purchases alone', '{"rules": [{"name": "Number", "activity_types": ["purchase"], "points": 1, "max_per_day": 1}]}');

\pset title 'Judged on 30 March 1998: who buys again within 90 days'
SELECT score, round(auc, 3) AS "AUC", round(100 * top_decile, 1) || ' %' AS "buyers among the top tenth"
FROM (SELECT s.nth, s.score, e.auc, e.top_decile
      FROM score s, leadscore.evaluate('again', '90 days', date '1998-03-30' + 3652, date '1998-03-30' + 3652, config => s.config) e WHERE e.category IS NULL
      UNION ALL
      SELECT 5, r.score, r.auc, r.top_decile FROM reference r) x
ORDER BY nth;

\pset title 'By category, with the points by hand'
SELECT category, persons AS customers, outcomes AS "bought again", round(100 * rate, 1) || ' %' AS rate, round(100 * low, 1) || ' to ' || round(100 * high, 1) || ' %' AS limits, round(lift, 1) AS lift
FROM leadscore.evaluate('again', '90 days', date '1998-03-30' + 3652, date '1998-03-30' + 3652);

\pset title 'By rule'
SELECT rule, round(100 * rate_with, 1) || ' %' AS "rate with it", round(100 * rate_without, 1) || ' %' AS "without it", round(auc, 3) AS "AUC", round(auc_without, 3) AS "AUC without it", verdict
FROM leadscore.evaluate_rules('again', '90 days', date '1998-03-30' + 3652, date '1998-03-30' + 3652);

\pset title
\pset tuples_only on
\pset format unaligned
SELECT format(E'Learned from %s customers as known on %s, %s of whom bought again; judged on %s with %s.\nAUC gained by the suggested points: %s to %s.',
              persons, learned_until, outcomes, judged_persons, judged_outcomes, round(gain_low, 3), round(gain_high, 3)) FROM suggested;
