-- pg_ivm keeps the sum of the points of each person's activities. @arm@ is the schema. What a view that is kept
-- step by step cannot have is left out: windows that end by the day, caps, penalties, categories.
CREATE EXTENSION pg_ivm;
CREATE SCHEMA @arm@;
CREATE TABLE @arm@.activity (LIKE leadscore.activity INCLUDING DEFAULTS INCLUDING IDENTITY, PRIMARY KEY (person_id, activity_id));
-- The rules by type of activity; one without a condition matches everything.
CREATE TABLE @arm@.matching AS
SELECT r.rule_id, t.activity_type, coalesce(r.condition, '{}') AS condition, r.points
FROM leadscore.rule r CROSS JOIN LATERAL unnest(r.activity_types) t(activity_type);
ALTER TABLE @arm@.matching ADD PRIMARY KEY (activity_type, rule_id);
INSERT INTO @arm@.activity SELECT * FROM leadscore.activity;
SELECT setval(pg_get_serial_sequence('@arm@.activity', 'activity_id'), max(activity_id)) FROM @arm@.activity;
ANALYZE @arm@.activity, @arm@.matching;
SELECT pgivm.create_immv('@arm@.total', $$
    SELECT a.person_id, sum(m.points) AS points
    FROM @arm@.activity a JOIN @arm@.matching m ON m.activity_type = a.activity_type AND a.attributes @> m.condition
    GROUP BY a.person_id $$);
