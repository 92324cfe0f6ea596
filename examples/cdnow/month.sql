-- One month: leadscore hears of its purchases, and of nothing later; the run at its end is recorded.
-- Variables: first_day, last_day.

BEGIN;

INSERT INTO leadscore.person (kind, external_id, since)
SELECT 'customer', customer::text, min(purchased_on) + time '12:00'
FROM cdnow.purchase
WHERE purchased_on <= :'last_day'
GROUP BY customer
HAVING min(purchased_on) >= :'first_day'
ORDER BY customer;

INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes)
SELECT p.person_id, 'purchase', b.purchased_on + time '12:00', jsonb_build_object('cds', b.cds, 'dollars', b.dollars)
FROM cdnow.purchase AS b
JOIN leadscore.person AS p ON p.kind = 'customer' AND p.external_id = b.customer::text
WHERE b.purchased_on BETWEEN :'first_day' AND :'last_day'
ORDER BY b.line;

COMMIT;

SELECT scored_on, records_added, records_removed, categories_changed
FROM leadscore_recompute(as_of => :'last_day'::date + time '23:00')
\gset run_

INSERT INTO cdnow.standing (scored_on, customer, category, score)
SELECT :'run_scored_on', external_id::int, category, score FROM leadscore.person;

SELECT format('  %s  %10s  %12s  %12s  %12s  %12s', to_char(:'last_day'::date, 'DD Mon YYYY'),
              (SELECT count(*) FROM leadscore.person), (SELECT count(*) FROM leadscore.activity),
              :run_records_added, :run_records_removed, :run_categories_changed);
