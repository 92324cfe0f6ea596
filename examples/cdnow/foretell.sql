-- Each customer twice: as known on 30 September 1997, and as known on 30 March 1998. evaluate() counts an outcome once for a person, and
-- a customer can buy again and again; so what is asked here is asked of two persons, each with one reference day. Those of
-- March are put ten years (3,652 days) later, where those of September have left. Variable: purchases (a file).

CREATE SCHEMA cdnow;
CREATE TABLE cdnow.purchase (customer int NOT NULL, purchased_on date NOT NULL, cds int NOT NULL, dollars numeric(8, 2) NOT NULL);
\set copy_purchases '\\copy cdnow.purchase FROM ' :'purchases' ' (FORMAT csv)'
:copy_purchases
CREATE INDEX ON cdnow.purchase (customer, purchased_on);
ANALYZE cdnow.purchase;

CREATE TABLE cdnow.copy AS
SELECT format('%s as of %s', c.customer, s.day) AS copy, c.customer, s.day, s.later, c.first,
       (SELECT min(b.purchased_on) FROM cdnow.purchase b WHERE b.customer = c.customer AND b.purchased_on > s.day AND b.purchased_on <= s.day + 90) AS again
FROM (SELECT customer, min(purchased_on) AS first FROM cdnow.purchase GROUP BY customer) c,
     (VALUES (date '1997-09-30', 0), ('1998-03-30', 3652)) s(day, later);

INSERT INTO leadscore.activity_type VALUES ('again', 'The outcome: the customer buys again within 90 days');
INSERT INTO leadscore.person (kind, external_id, since) SELECT 'customer', copy, first + later FROM cdnow.copy ORDER BY copy;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at)
SELECT p.person_id, 'purchase', b.purchased_on + c.later + time '12:00'
FROM cdnow.copy c JOIN cdnow.purchase b ON b.customer = c.customer AND b.purchased_on <= c.day JOIN leadscore.person p ON p.external_id = c.copy
ORDER BY c.copy, b.purchased_on;
-- Who does not buy again leaves, by an outcome that is too late to count.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at)
SELECT p.person_id, 'again', coalesce(c.again, c.day + 91) + c.later + time '12:00' FROM cdnow.copy c JOIN leadscore.person p ON p.external_id = c.copy;

-- What the rules count on the two days, in units of their points, for scikit-learn.
CREATE TABLE cdnow.count (copy text, rule text, units double precision);
CREATE PROCEDURE cdnow.count_on(day date, later int) LANGUAGE sql BEGIN ATOMIC
    INSERT INTO cdnow.count
    SELECT c.copy, r.name, sum(CASE r.decay WHEN 'linear' THEN (s.counts_until - (count_on.day + count_on.later)) / (s.counts_until - s.counts_from)::float ELSE 1 END)
    FROM cdnow.copy c JOIN leadscore.person p ON p.external_id = c.copy JOIN leadscore.score_record s USING (person_id) JOIN leadscore.rule r USING (rule_id)
    WHERE c.day = count_on.day AND s.counts_from <= count_on.day + count_on.later
    GROUP BY c.copy, r.name;
END;
SELECT leadscore_recompute('1997-09-30 23:00');
CALL cdnow.count_on('1997-09-30', 0);
SELECT leadscore_recompute(date '1998-03-30' + 3652 + time '23:00');
CALL cdnow.count_on('1998-03-30', 3652);
SELECT leadscore_recompute('2009-01-01 12:00');
CREATE VIEW cdnow.counted AS
SELECT c.day, (c.again IS NOT NULL)::int AS again, coalesce(max(n.units) FILTER (WHERE n.rule = 'Recent purchase'), 0) AS recent,
       coalesce(max(n.units) FILTER (WHERE n.rule = 'Regular customer'), 0) AS regular, coalesce(max(n.units) FILTER (WHERE n.rule = 'Silence'), 0) AS silence
FROM cdnow.copy c LEFT JOIN cdnow.count n USING (copy) GROUP BY c.copy, c.day, c.again ORDER BY c.copy;
