-- Who bought again within 90 days after each month's end, by the category at that moment. The days
-- after the moment were unknown to the run. Only months whose 90 days lie within the log.

CREATE TEMP TABLE outcome AS
SELECT s.scored_on, s.category,
       count(*) AS customers,
       count(*) FILTER (WHERE EXISTS (SELECT FROM cdnow.purchase AS b
                                      WHERE b.customer = s.customer
                                        AND b.purchased_on > s.scored_on AND b.purchased_on <= s.scored_on + 90)) AS bought
FROM cdnow.standing AS s
WHERE s.scored_on + 90 <= (SELECT max(purchased_on) FROM cdnow.purchase)
GROUP BY s.scored_on, s.category;

CREATE TEMP VIEW rate AS
SELECT scored_on,
       coalesce(sum(customers) FILTER (WHERE category = 'hot'), 0) AS hot,
       coalesce(sum(customers) FILTER (WHERE category = 'warm'), 0) AS warm,
       coalesce(sum(customers) FILTER (WHERE category = 'cold'), 0) AS cold,
       100.0 * sum(bought) FILTER (WHERE category = 'hot') / sum(customers) FILTER (WHERE category = 'hot') AS hot_rate,
       100.0 * sum(bought) FILTER (WHERE category = 'warm') / sum(customers) FILTER (WHERE category = 'warm') AS warm_rate,
       100.0 * sum(bought) FILTER (WHERE category = 'cold') / sum(customers) FILTER (WHERE category = 'cold') AS cold_rate,
       100.0 * sum(bought) / sum(customers) AS rate
FROM outcome
GROUP BY GROUPING SETS ((scored_on), ());

\pset title 'Customers by category, and how many of them bought again within the next 90 days'
SELECT coalesce(to_char(scored_on, 'DD Mon YYYY'), 'All months') AS "at the end of",
       hot, warm, cold,
       round(hot_rate, 1) || ' %' AS "hot bought", round(warm_rate, 1) || ' %' AS "warm bought", round(cold_rate, 1) || ' %' AS "cold bought",
       round(rate, 1) || ' %' AS "all bought",
       round(hot_rate / nullif(cold_rate, 0), 1) || ' ×' AS "hot : cold"
FROM rate
ORDER BY scored_on NULLS LAST;

\pset title
\pset tuples_only on
\pset format unaligned
SELECT format(E'\nOver all months %s %% of the hot, %s %% of the warm and %s %% of the cold bought again within 90 days:\n'
              'hot is %s times as likely as cold and %s times as likely as the average customer.\n'
              'Hot above warm in %s of %s months, warm above cold in %s.',
              round(o.hot_rate, 1), round(o.warm_rate, 1), round(o.cold_rate, 1),
              round(o.hot_rate / nullif(o.cold_rate, 0), 1), round(o.hot_rate / nullif(o.rate, 0), 1),
              (SELECT count(*) FROM rate WHERE scored_on IS NOT NULL AND hot_rate > warm_rate),
              (SELECT count(*) FROM rate WHERE scored_on IS NOT NULL),
              (SELECT count(*) FROM rate WHERE scored_on IS NOT NULL AND warm_rate > cold_rate))
FROM rate AS o WHERE scored_on IS NULL;

-- A yardstick that needs no scoring: how many of the hot would be found by taking, each month, as many
-- customers as there are hot ones, the latest buyers first.
SELECT format(E'For comparison, as many customers each month taken by the date of their last purchase alone: %s %%,\n'
              'and by the number of their purchases alone: %s %%.',
              round(100.0 * sum(latest_bought) / sum(hot), 1), round(100.0 * sum(most_bought) / sum(hot), 1))
FROM (
    SELECT hot, count(*) FILTER (WHERE bought AND by_last <= hot) AS latest_bought, count(*) FILTER (WHERE bought AND by_number <= hot) AS most_bought
    FROM (
        SELECT r.hot, r.scored_on,
               row_number() OVER (PARTITION BY r.scored_on ORDER BY p.last DESC, s.customer) AS by_last,
               row_number() OVER (PARTITION BY r.scored_on ORDER BY p.number DESC, p.last DESC, s.customer) AS by_number,
               EXISTS (SELECT FROM cdnow.purchase AS b
                       WHERE b.customer = s.customer AND b.purchased_on > r.scored_on AND b.purchased_on <= r.scored_on + 90) AS bought
        FROM rate AS r
        JOIN cdnow.standing AS s USING (scored_on)
        JOIN LATERAL (SELECT max(purchased_on) AS last, count(DISTINCT purchased_on) AS number FROM cdnow.purchase AS b
                      WHERE b.customer = s.customer AND b.purchased_on <= r.scored_on) AS p ON true
    ) AS ranked
    GROUP BY scored_on, hot
) AS month;
