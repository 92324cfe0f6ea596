-- Leads and their activities. Variables: leads, activities (files).

CREATE SCHEMA forge;
CREATE TABLE forge.lead (lead text PRIMARY KEY, split text NOT NULL, converted boolean NOT NULL, attributes jsonb NOT NULL);
CREATE TABLE forge.activity (lead text NOT NULL, day int NOT NULL, activity_type text NOT NULL);
\set copy_leads '\\copy forge.lead FROM ' :'leads' ' (FORMAT csv)'
:copy_leads
\set copy_activities '\\copy forge.activity FROM ' :'activities' ' (FORMAT csv)'
:copy_activities
CREATE INDEX ON forge.activity (lead, activity_type);

-- The 30th day of all leads of train and valid is 1 February, that of test 1 July.
CREATE FUNCTION forge.created(split text) RETURNS date LANGUAGE sql IMMUTABLE
RETURN CASE split WHEN 'test' THEN date '2024-07-01' ELSE date '2024-02-01' END - 30;

INSERT INTO leadscore.person (kind, external_id, attributes, since)
SELECT 'lead', l.lead, l.attributes, forge.created(l.split) FROM forge.lead l ORDER BY l.lead;

INSERT INTO leadscore.activity (person_id, activity_type, occurred_at)
SELECT p.person_id, a.activity_type, forge.created(l.split) + a.day
FROM forge.activity a JOIN forge.lead l USING (lead) JOIN leadscore.person p ON p.external_id = l.lead
ORDER BY l.lead, a.day;

INSERT INTO leadscore.activity (person_id, activity_type, occurred_at)
SELECT p.person_id, 'closed_won', forge.created(l.split) + CASE WHEN l.converted THEN 90 ELSE 91 END
FROM forge.lead l JOIN leadscore.person p ON p.external_id = l.lead;

SELECT leadscore_recompute('2024-12-31');

-- What the rules count, for scikit-learn.
SELECT format('CREATE VIEW forge.count AS SELECT l.lead, l.split, l.converted::int AS converted, %s FROM forge.lead l JOIN leadscore.person p ON p.external_id = l.lead',
              string_agg(CASE r.kind WHEN 'profile' THEN format('coalesce(jsonb_path_match(l.attributes, %L::jsonpath), false)::int AS %I', r.person_filter, r.name)
                              ELSE format('(SELECT count(*) FROM forge.activity a WHERE a.lead = l.lead AND a.activity_type = %L) AS %I', r.activity_types[1], r.name) END, ', ' ORDER BY r.rule_id))
FROM leadscore.rule r
\gexec
