-- Rules and categories of tenants: which apply to whom, and that a person who moves has those of the new tenant at once.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call'), ('mail');
INSERT INTO leadscore.rule (tenant, name, activity_types, points, enabled) VALUES
    (NULL, 'Call', '{call}', 10, true), (NULL, 'Mail', '{mail}', 1, true), (NULL, 'Off', '{call}', 1000, false),
    ('acme', 'Call', '{call}', 40, true), ('acme', 'Mail', '{mail}', 1, false), ('acme', 'Off', '{call}', 3, true), ('other', 'Extra', '{call}', 100, true);
INSERT INTO leadscore.category (tenant, person_kind, name, min_score) VALUES
    (NULL, NULL, 'cold', NULL), (NULL, NULL, 'hot', 10), (NULL, 'contact', 'contact', NULL), ('acme', NULL, 'later', NULL), ('acme', NULL, 'now', 40), ('acme', 'contact', 'acme-contact', NULL),
    ('other', 'contact', 'other-contact', NULL);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
-- The same key in each tenant is another person.
INSERT INTO leadscore.person (person_id, tenant, kind, external_id, since)
SELECT 10 * k + t, (ARRAY['acme', 'other', 'third', NULL])[t], (ARRAY['candidate', 'contact'])[k], 'x', '2026-02-01' FROM generate_series(1, 4) t, generate_series(1, 2) k;
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT p.person_id, a, '2026-02-10' FROM leadscore.person p, unnest('{call,mail}'::text[]) a;
SELECT person_id, tenant, kind, score, category FROM leadscore.person ORDER BY 1;
SELECT rule, points, counts, why FROM leadscore.explain(11) ORDER BY rule, activity_id;
SELECT rule, points, counts, why FROM leadscore.explain(13) ORDER BY rule, activity_id;
-- Errors name the tenant.
INSERT INTO leadscore.person (tenant, kind, external_id) VALUES ('acme', 'candidate', 'x');
INSERT INTO leadscore.rule (tenant, name, points) VALUES ('acme', 'Call', 1);
INSERT INTO leadscore.category (tenant, name, min_score) VALUES ('acme', 'soon', 40);
UPDATE leadscore.person SET tenant = 'acme' WHERE person_id = 12;
\set VERBOSITY terse
INSERT INTO leadscore.person (tenant, kind) VALUES ('', 'candidate');
\set VERBOSITY default
-- Who moves is scored at once, and the change of category is the new tenant's.
UPDATE leadscore.person SET external_id = 'y' WHERE person_id IN (12, 24);
UPDATE leadscore.person SET tenant = 'acme' WHERE person_id IN (12, 24);
UPDATE leadscore.person SET external_id = 'z', tenant = NULL WHERE person_id = 11;
SELECT person_id, tenant, kind, score, category FROM leadscore.person WHERE person_id IN (11, 12, 24) ORDER BY 1;
SELECT person_id, tenant, from_category, to_category, score FROM leadscore.category_change ORDER BY change_id DESC LIMIT 3;
SELECT * FROM leadscore.verify();
-- What a tenant's rule replaced is back when it goes.
DELETE FROM leadscore.rule WHERE tenant = 'acme' AND name <> 'Off';
DELETE FROM leadscore.category WHERE tenant = 'acme' AND person_kind IS NULL;
SELECT persons_changed, categories_changed FROM leadscore_recompute('2026-03-01 12:00');
SELECT person_id, tenant, score, category FROM leadscore.person WHERE tenant = 'acme' ORDER BY 1;
SELECT * FROM leadscore.verify();
-- Many tenants, most of whom have nothing of their own, in one session.
INSERT INTO leadscore.person (person_id, tenant, kind, external_id, since) SELECT 1000 + n, 'tenant ' || n, 'candidate', 'x', '2026-02-01' FROM generate_series(1, 200) n;
INSERT INTO leadscore.rule (tenant, name, activity_types, points) SELECT 'tenant ' || n, 'Call', '{call}', 1000 + n FROM generate_series(10, 200, 10) n;
DO $$
DECLARE
    p record;
BEGIN
    FOR p IN SELECT q.person_id FROM leadscore.person q WHERE q.tenant LIKE 'tenant %' ORDER BY q.person_id LOOP
        INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (p.person_id, 'call', '2026-02-10');
    END LOOP;
END $$;
SELECT score = 10 AS common, count(*), sum(score) FROM leadscore.person WHERE tenant LIKE 'tenant %' GROUP BY 1 ORDER BY 1;
SELECT records_added, records_removed, persons_changed FROM leadscore_recompute('2026-03-01 12:00', true);
SELECT * FROM leadscore.verify();
