-- A role that sees one customer of several: the one that the setting app.tenant names. Run it as a superuser, or as the owner of
-- leadscore; it can be run again after an upgrade.
--
--   psql -d mydatabase -f examples/tenants/policies.sql
--
-- The application connects as the role and says at the beginning of each transaction whose it is:
--
--   SET LOCAL app.tenant = 'acme';
--
-- Whoever may send statements of their own as the role can set another tenant: give such users a role each, and policies that
-- name the tenant instead of the setting.
BEGIN;
DO $$ BEGIN CREATE ROLE leadscore_tenant; EXCEPTION WHEN duplicate_object THEN NULL; END $$;

-- Policies for every table that names a tenant or a person, whether it is granted or not: what a later GRANT opens is closed to
-- others. What is everybody's is read by all: rules, categories, and the history of these.
DO $$
DECLARE
    -- Without the setting nothing is anybody's.
    own   CONSTANT text := 'tenant = current_setting(''app.tenant'', true)';
    t     record;
    seen  text;
BEGIN
    FOR t IN
        SELECT c.relname AS name, c.oid::regclass AS relation, c.relname IN ('rule', 'category', 'configuration_change') AS has_common,
               'tenant' = ANY (a.columns) AS has_tenant, 'person_id' = ANY (a.columns) AND c.relname <> 'person' AS has_person
        FROM pg_class c
        CROSS JOIN LATERAL (SELECT array_agg(x.attname) AS columns FROM pg_attribute x WHERE x.attrelid = c.oid) a
        WHERE c.relnamespace = 'leadscore'::regnamespace AND c.relkind = 'r'
          AND (a.columns && '{tenant,person_id}' OR c.relname = 'renamed_category')
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t.relation);
        EXECUTE format('DROP POLICY IF EXISTS own_tenant ON %s', t.relation);
        EXECUTE format('DROP POLICY IF EXISTS common ON %s', t.relation);
        -- Of a person, or of a category, that the role sees.
        seen := CASE t.name WHEN 'renamed_category' THEN 'EXISTS (SELECT FROM leadscore.category c WHERE c.category_id = renamed_category.category_id)'
                            ELSE format('(person_id IS NULL OR EXISTS (SELECT FROM leadscore.person p WHERE p.person_id = %I.person_id))', t.name) END;
        EXECUTE format('CREATE POLICY own_tenant ON %s TO leadscore_tenant USING (%s) WITH CHECK (%s)', t.relation,
                       CASE WHEN t.has_tenant THEN own ELSE seen END,
                       concat_ws(' AND ', CASE WHEN t.has_tenant THEN own END, CASE WHEN t.has_person OR NOT t.has_tenant THEN seen END));
        IF t.has_common THEN
            EXECUTE format('CREATE POLICY common ON %s FOR SELECT TO leadscore_tenant USING (tenant IS NULL)', t.relation);
        END IF;
    END LOOP;
END $$;

-- What questions read.
GRANT USAGE ON SCHEMA leadscore TO leadscore_tenant;
GRANT SELECT ON leadscore.settings, leadscore.state, leadscore.instance, leadscore.activity_type, leadscore.scorecard, leadscore.event_type,
    leadscore.person, leadscore.activity, leadscore.adjustment, leadscore.score_record, leadscore.person_score, leadscore.due, leadscore.pending,
    leadscore.person_consent, leadscore.category_change, leadscore.rule, leadscore.category, leadscore.configuration_change,
    leadscore.worklist, leadscore.status, leadscore.rule_in_words, leadscore.configuration_history, leadscore.event_mapping TO leadscore_tenant;

-- When it was, not how many of all customers it changed.
GRANT SELECT (run_id, scored_on, started_at, finished_at) ON leadscore.run TO leadscore_tenant;

-- What a customer's users do. Ids are leadscore's to give: whether one is taken tells of others.
GRANT INSERT (tenant, kind, external_id, name, status, owner, attributes, since, active), UPDATE (kind, external_id, name, status, owner, attributes, since, active),
    DELETE ON leadscore.person TO leadscore_tenant;
GRANT INSERT (person_id, activity_type, occurred_at, attributes), UPDATE (person_id, activity_type, occurred_at, attributes), DELETE
    ON leadscore.activity TO leadscore_tenant;
GRANT EXECUTE ON FUNCTION leadscore.adjust(bigint, int, text, date, date, text), leadscore.unadjust(bigint), leadscore.merge_person(bigint, bigint),
    leadscore.forget_person(bigint), leadscore.set_consent(bigint, boolean, timestamptz) TO leadscore_tenant;

-- Rules and categories of its own.
GRANT INSERT, UPDATE, DELETE ON leadscore.rule, leadscore.category TO leadscore_tenant;

-- Events of its website: track() itself takes events for any tenant, so it is for a collector of its own, or called like this.
CREATE OR REPLACE FUNCTION public.track_own(event jsonb) RETURNS jsonb
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
RETURN leadscore.track(event, current_setting('app.tenant'));
REVOKE ALL ON FUNCTION public.track_own(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.track_own(jsonb) TO leadscore_tenant;
COMMIT;
