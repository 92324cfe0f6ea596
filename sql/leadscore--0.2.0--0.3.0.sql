-- leadscore 0.2.0 to 0.3.0. tools/upgrade-script makes this script: what is by hand in it comes from
-- tests/upgrade/by_hand. tests/upgrade/run holds it to the install script.
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL check_function_bodies = false;
-- Writers are waited for, and wait, as for a run.
LOCK TABLE leadscore.state IN EXCLUSIVE MODE;
-- Whatever is stored is derived anew by the first run.
UPDATE leadscore.instance SET rebuild_due = true WHERE NOT rebuild_due;

-- The views of an assumed configuration: the engine reads it instead.
DROP SCHEMA leadscore_what_if CASCADE;

-- Records say what they are.
ALTER TABLE leadscore.score_record ADD COLUMN kind "char" NOT NULL DEFAULT 'a';
UPDATE leadscore.score_record SET kind = CASE WHEN adjustment_id IS NULL THEN 'i' ELSE 'm' END WHERE activity_id IS NULL;

-- Attached tables: columns may be several and reached through foreign keys, so that what is read is a list of its own. The
-- names are those of today, which the column list of a trigger knows; of a table without triggers those that were noted.
ALTER TABLE leadscore.source ADD COLUMN name text, ADD COLUMN owner name, ADD COLUMN label text NOT NULL DEFAULT '', ADD COLUMN time_zone text, ADD COLUMN read_in text;
UPDATE leadscore.source s
SET parts = s.parts
        || jsonb_build_object('key', jsonb_build_array(s.parts -> 'key'), 'steps', '[]'::jsonb, 'reads', n.reads, 'names', n.names,
                              'columns', (SELECT jsonb_agg(jsonb_build_array(0, g) ORDER BY g) FROM generate_series(0, n.reads - 1) g))
        || CASE WHEN s.parts ? 'person' THEN jsonb_build_object('person', jsonb_build_array(s.parts -> 'person')) ELSE '{}' END,
    name = n.called,
    owner = n.holder,
    read_in = CASE WHEN s.parts ? 'moment' THEN (SELECT z.time_zone FROM leadscore.settings z) END
FROM (SELECT x.source_id, b.names, CASE WHEN c.oid IS NULL THEN quote_ident(x.source::text) ELSE format('%I.%I', h.nspname, c.relname) END AS called,
             coalesce(pg_get_userbyid(c.relowner), current_user) AS holder,
             jsonb_array_length(b.names) - (x.parts ? 'score')::int - (x.parts ? 'category')::int AS reads
      FROM leadscore.source x
      LEFT JOIN pg_class c ON c.oid = x.source
      LEFT JOIN pg_namespace h ON h.oid = c.relnamespace
      CROSS JOIN LATERAL (
          SELECT coalesce((SELECT jsonb_agg(a.attname ORDER BY l.at)
                           FROM pg_trigger g
                           CROSS JOIN LATERAL unnest(g.tgattr) WITH ORDINALITY l(number, at)
                           JOIN pg_attribute a ON a.attrelid = g.tgrelid AND a.attnum = l.number
                           WHERE g.tgrelid = x.source AND g.tgname = format('leadscore_%s_columns', x.source_id)), x.parts -> 'names') AS names) b) n
WHERE n.source_id = s.source_id;
ALTER TABLE leadscore.source ALTER COLUMN name SET NOT NULL, ALTER COLUMN owner SET NOT NULL;
-- Their triggers go, and come again when all is there.
DO $$
DECLARE
    g record;
BEGIN
    FOR g IN SELECT t.tgname, t.tgrelid::regclass AS relation
             FROM leadscore.source s
             JOIN pg_trigger t ON t.tgrelid = s.source AND t.tgname LIKE 'leadscore\_' || s.source_id || '\_%' AND t.tgparentid = 0
             ORDER BY t.tgrelid, t.tgname LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', g.tgname, g.relation);
    END LOOP;
END $$;

DROP FUNCTION leadscore.person_card(bigint,text);

DROP FUNCTION leadscore.report(text);

DROP FUNCTION leadscore._category_course(integer);

DROP FUNCTION leadscore._require_tests_pass(jsonb);

DROP FUNCTION leadscore.test_config(jsonb);

DROP FUNCTION leadscore.preview(jsonb,timestamp with time zone);

DROP FUNCTION leadscore.preview_persons(jsonb,timestamp with time zone);

DROP FUNCTION leadscore._check_assumed_rule(leadscore.rule,text[]);

DROP FUNCTION leadscore._assumption(jsonb);

DROP FUNCTION leadscore.cooling(integer);

DROP FUNCTION leadscore.forecast(bigint,date);

DROP FUNCTION leadscore.history(bigint,date,date);

DROP FUNCTION leadscore._course(bigint,date,date);

DROP FUNCTION leadscore._step(integer,date,date,date,date,date);

DROP FUNCTION leadscore.explain(bigint,date);

DROP FUNCTION leadscore._words(text[]);

DROP FUNCTION leadscore.track(jsonb);

DROP FUNCTION leadscore._withdraw(leadscore._read_event);

DROP FUNCTION leadscore._join_visitors(text,text);

DROP FUNCTION leadscore._take_events(leadscore._read_event[]);

ALTER TABLE leadscore.event DROP CONSTRAINT event_message_id_key;

DROP INDEX leadscore.visitor_visitor_id_idx;

ALTER TABLE leadscore.visitor DROP CONSTRAINT visitor_pkey;

DROP FUNCTION leadscore.load_preset(text);

DROP FUNCTION leadscore.import_config(jsonb);

DROP FUNCTION leadscore._apply_config(jsonb,boolean);

DROP FUNCTION leadscore._document_rules(jsonb);

DROP FUNCTION leadscore.export_config();

DROP FUNCTION leadscore._checked_config(text);

DROP FUNCTION leadscore.adjust(bigint,integer,text,date,date);

DROP FUNCTION leadscore.score_at(bigint,date);

DROP FUNCTION leadscore._begin_run(timestamp with time zone,boolean);

DROP FUNCTION leadscore._pass(date,date);

DROP FUNCTION leadscore._pass_days(bigint[],bigint[],bigint[],bigint[],date,date);

DROP FUNCTION leadscore.detach(regclass,boolean);

DROP FUNCTION leadscore._detach(regclass,boolean);

DROP FUNCTION leadscore.attach_activity(regclass,text,name,text,name,name,name,name[],jsonb);

DROP FUNCTION leadscore._attach_activity(regclass,text,name,text,name,name,name,name[],jsonb);

DROP FUNCTION leadscore.attach_person(regclass,text,name,name,name,name,name,name);

DROP FUNCTION leadscore._attach_person(regclass,text,name,name,name,name,name,name);

DROP FUNCTION leadscore._register_source(regclass,text,text,text,jsonb);

DROP FUNCTION leadscore._drop_triggers(integer,regclass);

DROP FUNCTION leadscore._put_triggers(integer,regclass,name[],name[]);

DROP FUNCTION leadscore._key_column(regclass,name);

DROP FUNCTION leadscore._is_unique(regclass,name);

DROP FUNCTION leadscore._check_key_type(regclass,name,text);

DROP FUNCTION leadscore._check_column(regclass,name,text,text[]);

DROP FUNCTION leadscore._check_source(regclass,text);

DROP FUNCTION leadscore._source_rows(integer);

DROP FUNCTION leadscore._take_persons(integer,text[],text[],text[],text[],timestamp with time zone[]);

DROP FUNCTION leadscore._make_way(text,text[],bigint[]);

DROP FUNCTION leadscore._take_activities(integer,text[],text[],text[],text[],timestamp with time zone[],jsonb[]);

DROP TRIGGER recheck ON leadscore.source;

DROP FUNCTION leadscore._recheck_at_commit(integer);

DROP TRIGGER score_changed ON leadscore.person;

DROP TRIGGER note_changed ON leadscore.person;

DROP TRIGGER a_changes ON leadscore.person;

DROP FUNCTION leadscore._refuse_bound(text,text,text,bigint);

DROP TRIGGER configuration_changed ON leadscore.settings;

DROP TRIGGER configuration_changed ON leadscore.category;

DROP TRIGGER configuration_changed ON leadscore.rule;

DROP FUNCTION leadscore._nobody_waits_unseen(bigint[]);

ALTER TABLE leadscore.person_alias DROP CONSTRAINT person_alias_pkey;

ALTER TABLE leadscore.source DROP CONSTRAINT source_source_role_key;

DROP FUNCTION leadscore._rescore_due(bigint[]);

DROP FUNCTION leadscore._rescore_each(bigint[]);

DROP FUNCTION leadscore._rescore(bigint[],boolean);

DROP FUNCTION leadscore._drop_copies(bigint[]);

DROP FUNCTION leadscore._note_derived();

DROP FUNCTION leadscore._reach(bigint[],date[]);

DROP FUNCTION leadscore._begin();

DROP FUNCTION leadscore._standing(date);

DROP FUNCTION leadscore._band_at(text,bigint);

DROP VIEW leadscore._band;

DROP FUNCTION leadscore._derived(date,boolean,date);

DROP FUNCTION leadscore._stands(date,date,date,date,date);

DROP FUNCTION leadscore._candidate(date,date);

DROP FUNCTION leadscore._other_candidate(date,date);

DROP FUNCTION leadscore._penalty(date,date);

DROP FUNCTION leadscore._least_days(interval);

DROP VIEW leadscore._spell;

DROP VIEW leadscore._capped_record;

DROP VIEW leadscore._plain_record;

DROP VIEW leadscore._match;

DROP FUNCTION leadscore._matching_rule(text,jsonb,text,text);

DROP VIEW leadscore._rule_by_type;

DROP FUNCTION leadscore._applies(text[],text[],text,text);

DROP FUNCTION leadscore._worth(integer,date,date,date);

DROP VIEW leadscore._online_rule;

ALTER TABLE leadscore.pending DROP CONSTRAINT pending_pkey;

ALTER TABLE leadscore.category DROP CONSTRAINT category_person_kind_name_key;

ALTER TABLE leadscore.category DROP CONSTRAINT category_person_kind_min_score_key;

ALTER TABLE leadscore.rule DROP CONSTRAINT rule_name_key;

ALTER TABLE leadscore.person DROP CONSTRAINT person_kind_external_id_key;

ALTER TABLE leadscore.settings ADD COLUMN scoring text DEFAULT 'at_once'::text NOT NULL;

ALTER TABLE leadscore.settings ADD COLUMN person_url text;

ALTER TABLE leadscore.settings ADD COLUMN outcome_type text;

ALTER TABLE leadscore.settings ADD COLUMN outcome_horizon interval;

CREATE TABLE leadscore.edited (
    tenant text,
    person_kind text,
    rule_id integer
);

ALTER TABLE leadscore.person ADD COLUMN tenant text;

ALTER TABLE leadscore.person ADD COLUMN name text;

ALTER TABLE leadscore.person ADD COLUMN attributes jsonb;

ALTER TABLE leadscore.person ADD COLUMN active boolean DEFAULT true NOT NULL;

CREATE UNIQUE INDEX person_key_idx ON leadscore.person USING btree (kind, external_id, tenant) NULLS NOT DISTINCT WHERE (external_id IS NOT NULL);

CREATE INDEX person_tenant_idx ON leadscore.person USING btree (tenant) WHERE (tenant IS NOT NULL);

ALTER TABLE leadscore.rule ADD COLUMN tenant text;

ALTER TABLE leadscore.rule ADD COLUMN scorecard text DEFAULT 'main'::text NOT NULL;

ALTER TABLE leadscore.rule ADD COLUMN filter jsonpath;

ALTER TABLE leadscore.rule ADD COLUMN person_filter jsonpath;

ALTER TABLE leadscore.rule ADD COLUMN half_life interval;

ALTER TABLE leadscore.rule ADD COLUMN excused_by_planned boolean DEFAULT false NOT NULL;

ALTER TABLE leadscore.rule ADD COLUMN at_least integer;

ALTER TABLE leadscore.rule ADD COLUMN within interval;

ALTER TABLE leadscore.rule ADD CONSTRAINT rule_tenant_check CHECK ((tenant <> ''::text));

ALTER TABLE leadscore.rule ADD CONSTRAINT rule_tenant_name_key UNIQUE NULLS NOT DISTINCT (tenant, name);

ALTER TABLE leadscore.category ADD COLUMN tenant text;

ALTER TABLE leadscore.category ADD COLUMN scorecard text DEFAULT 'main'::text NOT NULL;

ALTER TABLE leadscore.category ADD COLUMN recorded_at timestamp with time zone DEFAULT now() NOT NULL;

ALTER TABLE leadscore.category ADD CONSTRAINT category_tenant_check CHECK ((tenant <> ''::text));

ALTER TABLE leadscore.category ADD CONSTRAINT category_tenant_scorecard_person_kind_min_score_key UNIQUE NULLS NOT DISTINCT (tenant, scorecard, person_kind, min_score);

ALTER TABLE leadscore.category ADD CONSTRAINT category_tenant_scorecard_person_kind_name_key UNIQUE NULLS NOT DISTINCT (tenant, scorecard, person_kind, name);

CREATE TABLE leadscore.renamed_category (
    category_id integer NOT NULL,
    name text NOT NULL
);

ALTER TABLE leadscore.renamed_category ADD CONSTRAINT renamed_category_pkey PRIMARY KEY (category_id, name);

CREATE TABLE leadscore.scorecard (
    scorecard text NOT NULL,
    part_of text,
    min_score bigint,
    max_score bigint,
    description text,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL
);

INSERT INTO leadscore.scorecard (scorecard, part_of, min_score, max_score, description, recorded_at) OVERRIDING SYSTEM VALUE VALUES ('main'::text, NULL, NULL, NULL, NULL, DEFAULT);

ALTER TABLE leadscore.scorecard ADD CONSTRAINT scorecard_scorecard_check CHECK ((scorecard <> ''::text));

ALTER TABLE leadscore.scorecard ADD CONSTRAINT scorecard_pkey PRIMARY KEY (scorecard);

CREATE OR REPLACE FUNCTION leadscore._replace_main()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF NEW.recorded_at = now() THEN
        RETURN NEW;
    END IF;
    UPDATE leadscore.scorecard c
    SET part_of = NEW.part_of, min_score = NEW.min_score, max_score = NEW.max_score, description = NEW.description, recorded_at = NEW.recorded_at
    WHERE c.scorecard = 'main';
    IF FOUND THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $function$;

CREATE TRIGGER replace_main BEFORE INSERT ON leadscore.scorecard FOR EACH ROW WHEN ((new.scorecard = 'main'::text)) EXECUTE FUNCTION leadscore._replace_main();

CREATE TABLE leadscore.person_score (
    person_id bigint NOT NULL,
    scorecard text NOT NULL,
    score bigint DEFAULT 0 NOT NULL,
    category text
) WITH (fillfactor=80);

ALTER TABLE leadscore.person_score ADD CONSTRAINT person_score_pkey PRIMARY KEY (person_id, scorecard);

ALTER TABLE leadscore.score_record ADD COLUMN half_life interval;

ALTER TABLE leadscore.score_record ADD COLUMN scorecard text;

ALTER TABLE leadscore.adjustment ADD COLUMN scorecard text DEFAULT 'main'::text NOT NULL;

ALTER TABLE leadscore.category_change ADD COLUMN scorecard text DEFAULT 'main'::text NOT NULL;

ALTER TABLE leadscore.category_change ADD COLUMN tenant text;

ALTER TABLE leadscore.run ADD COLUMN configuration_change_id bigint;

ALTER TABLE leadscore.pending ADD COLUMN day date;

ALTER TABLE leadscore.pending ADD COLUMN recorded_at timestamp with time zone DEFAULT now() NOT NULL;

CREATE INDEX pending_person_id_idx ON leadscore.pending USING btree (person_id);

CREATE OR REPLACE VIEW leadscore.progress WITH (security_invoker=true) AS
 SELECT r.run_id,
    r.scored_on,
    r.started_at,
        CASE
            WHEN (p.left_over = 0) THEN 'finishing'::text
            ELSE 'deriving persons'::text
        END AS phase,
    (r.persons_due - p.left_over) AS done,
    r.persons_due AS total,
    round(((100.0 * ((r.persons_due - p.left_over))::numeric) / (NULLIF(r.persons_due, 0))::numeric), 1) AS percent
   FROM (leadscore.run r
     CROSS JOIN ( SELECT count(DISTINCT n.person_id) AS left_over
           FROM leadscore.pending n) p)
  WHERE (r.finished_at IS NULL);

CREATE TABLE leadscore.configuration_change (
    configuration_change_id bigint GENERATED BY DEFAULT AS IDENTITY NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    changed_by name DEFAULT SESSION_USER NOT NULL,
    tenant text,
    before jsonb NOT NULL,
    after jsonb
);

ALTER TABLE leadscore.configuration_change ADD CONSTRAINT configuration_change_pkey PRIMARY KEY (configuration_change_id);

CREATE INDEX configuration_change_begun_idx ON leadscore.configuration_change USING btree (tenant) WHERE (after IS NULL);

CREATE OR REPLACE FUNCTION leadscore._differences(before jsonb, after jsonb)
 RETURNS SETOF text
 LANGUAGE sql
 IMMUTABLE
BEGIN ATOMIC
 SELECT (i.what ||
         CASE
             WHEN (i.new IS NULL) THEN ': removed'::text
             WHEN (i.old IS NULL) THEN (': added'::text || COALESCE((' with '::text || c."values"), ''::text))
             ELSE (': '::text || c.changes)
         END)
    FROM (( SELECT 1 AS section,
             'settings'::text AS what,
             (_differences.before -> 'settings'::text) AS old,
             (_differences.after -> 'settings'::text) AS new
         UNION ALL
          SELECT 2,
             format('scorecard "%s"'::text, (COALESCE(o.item, n.item) ->> 'scorecard'::text)) AS format,
             o.item,
             n.item
            FROM (jsonb_array_elements((_differences.before -> 'scorecards'::text)) o(item)
              FULL JOIN jsonb_array_elements((_differences.after -> 'scorecards'::text)) n(item) ON (((n.item ->> 'scorecard'::text) = (o.item ->> 'scorecard'::text))))
         UNION ALL
          SELECT 3,
             concat_ws(' '::text, format('category "%s"'::text, (COALESCE(o.item, n.item) ->> 'name'::text)), ('of kind '::text || (COALESCE(o.item, n.item) ->> 'person_kind'::text)), ('on scorecard '::text || NULLIF((COALESCE(o.item, n.item) ->> 'scorecard'::text), 'main'::text))) AS concat_ws,
             o.item,
             n.item
            FROM (jsonb_array_elements((_differences.before -> 'categories'::text)) o(item)
              FULL JOIN jsonb_array_elements((_differences.after -> 'categories'::text)) n(item) ON ((((n.item ->> 'name'::text) = (o.item ->> 'name'::text)) AND ((n.item ->> 'scorecard'::text) = (o.item ->> 'scorecard'::text)) AND (COALESCE((n.item ->> 'person_kind'::text), ''::text) = COALESCE((o.item ->> 'person_kind'::text), ''::text)))))
         UNION ALL
          SELECT 4,
             format('rule "%s"'::text, (COALESCE(o.item, n.item) ->> 'name'::text)) AS format,
             o.item,
             n.item
            FROM (jsonb_array_elements((_differences.before -> 'rules'::text)) o(item)
              FULL JOIN jsonb_array_elements((_differences.after -> 'rules'::text)) n(item) ON (((n.item ->> 'name'::text) = (o.item ->> 'name'::text))))) i
      CROSS JOIN LATERAL ( SELECT string_agg(format('%s %s → %s'::text, k.key, COALESCE((i.old ->> k.key), 'none'::text), COALESCE((i.new ->> k.key), 'none'::text)), ', '::text ORDER BY k.key) FILTER (WHERE ((i.old -> k.key) IS DISTINCT FROM (i.new -> k.key))) AS changes,
             string_agg(format('%s %s'::text, k.key, (i.new ->> k.key)), ', '::text ORDER BY k.key) FILTER (WHERE ((k.key <> ALL (ARRAY['name'::text, 'person_kind'::text])) AND ((k.key <> 'scorecard'::text) OR (i.section = 4)) AND (((k.key || ' '::text) || COALESCE((i.new ->> k.key), ''::text)) <> ALL ('{"kind activity","scorecard main","decay none","excused_by_planned false","enabled true"}'::text[])))) AS "values"
            FROM jsonb_object_keys((COALESCE(i.old, '{}'::jsonb) || COALESCE(i.new, '{}'::jsonb))) k(key)) c)
   WHERE (i.old IS DISTINCT FROM i.new)
   ORDER BY i.section, i.what;
END;

CREATE OR REPLACE VIEW leadscore.configuration_history WITH (security_invoker=true) AS
 SELECT c.configuration_change_id,
    c.changed_at,
    c.changed_by,
    c.tenant,
    d.what
   FROM (leadscore.configuration_change c
     CROSS JOIN LATERAL leadscore._differences(c.before, c.after) WITH ORDINALITY d(what, nth))
  WHERE (c.after IS NOT NULL)
  ORDER BY c.configuration_change_id, d.nth;

CREATE OR REPLACE FUNCTION leadscore._present_configuration()
 RETURNS bigint
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT max(c.configuration_change_id) AS max
    FROM leadscore.configuration_change c;
END;

CREATE OR REPLACE VIEW leadscore.event_mapping WITH (security_invoker=true) AS
 SELECT m.event,
    m.activity_type,
    m.only_online
   FROM leadscore.event_type m
UNION ALL
( SELECT DISTINCT ON (d.event) d.event,
    d.activity_type,
    d.only_online
   FROM (( VALUES ('pageview'::text,'website_visit'::text,true,1), ('pageview'::text,'websitebezoek'::text,true,2), ('jobview'::text,'job_view'::text,true,1), ('jobview'::text,'vacature_bekeken'::text,true,2), ('apply-start'::text,'application_started'::text,true,1), ('apply-start'::text,'sollicitatie_begonnen'::text,true,2), ('conversion'::text,'application'::text,false,1), ('conversion'::text,'sollicitatie'::text,false,2)) d(event, activity_type, only_online, nth)
     JOIN leadscore.activity_type t ON ((t.activity_type = d.activity_type)))
  WHERE (NOT (EXISTS ( SELECT
           FROM leadscore.event_type m
          WHERE (m.event = d.event))))
  ORDER BY d.event, d.nth);

CREATE OR REPLACE FUNCTION leadscore._refuse_person(id bigint, purpose text)
 RETURNS void
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RAISE no_data_found USING
        MESSAGE = format('%s: person %s does not exist', purpose, coalesce(id::text, 'NULL')),
        DETAIL = 'leadscore.person has no such row.',
        HINT = CASE WHEN leadscore._leads() THEN 'Ids are those of the person''s node; here persons are named by kind and key, as in explain_by_key(), adjust_by_key() or merge_person_by_key().'
                    ELSE 'Look the person up in leadscore.person.' END;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._need_person(id bigint, purpose text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF NOT EXISTS (SELECT FROM leadscore.person p WHERE p.person_id = id) THEN
        PERFORM leadscore._refuse_person(id, purpose);
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._is_seen(person_id bigint)
 RETURNS boolean
 LANGUAGE c
AS 'MODULE_PATHNAME', $function$is_seen_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._sees_all()
 RETURNS boolean
 LANGUAGE c
AS 'MODULE_PATHNAME', $function$sees_all_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._need_sight_of_all(purpose text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF NOT leadscore._sees_all() THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('%s: policies hide persons from role %I', purpose, CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role') END),
            DETAIL = 'What it does is for a role that sees all persons.',
            HINT = 'Call it as a role that owns leadscore.person or has BYPASSRLS.';
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._need_own_person(id bigint, purpose text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF NOT leadscore._is_seen(id) THEN
        PERFORM leadscore._refuse_person(id, purpose);
    END IF;
    PERFORM leadscore._need_person(id, purpose);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._need_scorecard(name text, purpose text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF name IS DISTINCT FROM 'main' AND NOT EXISTS (SELECT FROM leadscore.scorecard c WHERE c.scorecard = name) THEN
        RAISE undefined_object USING
            MESSAGE = format('%s: scorecard %s does not exist', purpose, coalesce(quote_literal(name), 'NULL')),
            DETAIL = 'leadscore.scorecard has no such row.',
            HINT = 'Leave it out for main; SELECT scorecard FROM leadscore.scorecard; lists all.';
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._begin()
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    LOCK TABLE leadscore.state IN ROW SHARE MODE;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._rescore_counts(ids bigint[], days date[], in_run boolean)
 RETURNS bigint[]
 LANGUAGE c
AS 'MODULE_PATHNAME', $function$rescore_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._rescore(ids bigint[], days date[] DEFAULT NULL::date[], in_run boolean DEFAULT false)
 RETURNS leadscore._outcome
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    counts bigint[];
BEGIN
    counts := leadscore._rescore_counts(ids, days, in_run);
    RETURN (counts[1], counts[2], counts[3], counts[4])::leadscore._outcome;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._rescore_all(ahead boolean)
 RETURNS leadscore._outcome
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
DECLARE
    ids      bigint[];
    orphaned bigint;
    outcome  leadscore._outcome;
BEGIN
    PERFORM leadscore._begin();
    IF NOT ahead THEN
        UPDATE leadscore.person SET scored_through = NULL WHERE scored_through IS NOT NULL;
    END IF;
    ids := ARRAY(SELECT leadscore._differing(true));
    -- Of persons who are not there, which only tampering can leave.
    WITH gone AS MATERIALIZED (
        SELECT u.id FROM unnest(ids) u(id) WHERE NOT EXISTS (SELECT FROM leadscore.person p WHERE p.person_id = u.id)
    ), other AS (
        DELETE FROM leadscore.person_score s WHERE s.person_id IN (SELECT g.id FROM gone g)
    ), removed AS (
        DELETE FROM leadscore.score_record s WHERE s.person_id IN (SELECT g.id FROM gone g) RETURNING s.person_id
    )
    SELECT count(*) INTO orphaned FROM removed;
    outcome := leadscore._rescore(ids, in_run => true);
    outcome.records_removed := outcome.records_removed + orphaned;
    RETURN outcome;
END $function$;

ALTER TABLE leadscore.source ADD CONSTRAINT source_source_role_person_kind_label_key UNIQUE (source, role, person_kind, label);

CREATE TABLE leadscore.source_step (
    source_id integer NOT NULL,
    step integer NOT NULL,
    relation regclass NOT NULL,
    names text[] NOT NULL
);

ALTER TABLE leadscore.source_step ADD CONSTRAINT source_step_pkey PRIMARY KEY (source_id, step);

CREATE INDEX source_step_relation_idx ON leadscore.source_step USING btree (relation);

CREATE OR REPLACE FUNCTION leadscore._bound_columns(relation oid, trigger_name text, OUT columns jsonb, OUT types jsonb)
 RETURNS record
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT jsonb_agg(a.attname ORDER BY l.at) AS jsonb_agg,
     jsonb_agg(format('%I.%I'::text, n.nspname, t.typname) ORDER BY l.at) AS jsonb_agg
    FROM ((((pg_trigger g
      CROSS JOIN LATERAL unnest(g.tgattr) WITH ORDINALITY l(number, at))
      JOIN pg_attribute a ON (((a.attrelid = g.tgrelid) AND (a.attnum = l.number))))
      JOIN pg_type t ON ((t.oid = a.atttypid)))
      JOIN pg_namespace n ON ((n.oid = t.typnamespace)))
   WHERE ((g.tgrelid = _bound_columns.relation) AND (g.tgname = _bound_columns.trigger_name));
END;

ALTER TABLE leadscore.waiting ADD COLUMN tenant text;

CREATE INDEX waiting_type_idx ON leadscore.waiting USING btree (activity_type);

CREATE TABLE leadscore.renumbered (
    person_id bigint NOT NULL
);

ALTER TABLE leadscore.renumbered ADD CONSTRAINT renumbered_pkey PRIMARY KEY (person_id);

ALTER TABLE leadscore.person_alias ADD COLUMN tenant text;

CREATE UNIQUE INDEX person_alias_key_idx ON leadscore.person_alias USING btree (kind, external_id, tenant) NULLS NOT DISTINCT;

CREATE OR REPLACE VIEW leadscore._person_key WITH (security_invoker=true) AS
 SELECT person.kind,
    person.external_id,
    person.person_id,
    person.source_id,
    person.tenant
   FROM leadscore.person
UNION ALL
 SELECT person_alias.kind,
    person_alias.external_id,
    person_alias.person_id,
    person_alias.source_id,
    person_alias.tenant
   FROM leadscore.person_alias;

CREATE OR REPLACE FUNCTION leadscore._admit_waiting(ids bigint[] DEFAULT NULL::bigint[])
 RETURNS void
 LANGUAGE c
AS 'MODULE_PATHNAME', $function$admit_waiting_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._admit_present()
 RETURNS void
 LANGUAGE c
AS 'MODULE_PATHNAME', $function$admit_present_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._go_live()
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF NOT EXISTS (SELECT FROM leadscore.instance) THEN
        INSERT INTO leadscore.instance DEFAULT VALUES ON CONFLICT DO NOTHING;
        -- Whatever a dump brought is derived anew by the first run.
        INSERT INTO leadscore.edited DEFAULT VALUES;
        PERFORM leadscore._forget_configuration();
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._configuration_write_begins()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF leadscore._is_clustered() THEN
        PERFORM leadscore._refuse_edits_of_nodes(TG_RELID);
    END IF;
    PERFORM leadscore._begin();
    PERFORM FROM leadscore.instance FOR NO KEY UPDATE;
    RETURN NULL;
END $function$;

CREATE TRIGGER a_write_begins BEFORE INSERT OR DELETE OR UPDATE ON leadscore.scorecard FOR EACH STATEMENT EXECUTE FUNCTION leadscore._configuration_write_begins();

CREATE OR REPLACE FUNCTION leadscore._note_edited(concerned leadscore.edited[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF cardinality(concerned) > 0 AND EXISTS (SELECT FROM leadscore.instance) THEN
        INSERT INTO leadscore.edited SELECT DISTINCT e.* FROM unnest(concerned) e;
        -- Even if it is due already: an older snapshot would not see that a run has just been.
        UPDATE leadscore.instance SET rebuild_due = true;
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._configuration_changed()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    PERFORM leadscore._begin();
    IF TG_ARGV[0] = 'rebuild' THEN
        PERFORM leadscore._note_edited('{"(,,)"}');
    END IF;
    PERFORM leadscore._forget_configuration();
    IF TG_TABLE_NAME = 'activity_type' AND EXISTS (SELECT FROM leadscore.instance) THEN
        PERFORM leadscore._admit_waiting();
    END IF;
    RETURN NULL;
END $function$;

CREATE TRIGGER configuration_emptied AFTER TRUNCATE ON leadscore.rule FOR EACH STATEMENT EXECUTE FUNCTION leadscore._configuration_changed('rebuild');

CREATE TRIGGER configuration_emptied AFTER TRUNCATE ON leadscore.category FOR EACH STATEMENT EXECUTE FUNCTION leadscore._configuration_changed('rebuild');

CREATE OR REPLACE FUNCTION leadscore._rules_changed()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    concerned leadscore.edited[];
BEGIN
    PERFORM leadscore._begin();
    -- A tenant's rule takes the place of everybody's of the same name, so it concerns all of the tenant's persons.
    IF TG_OP = 'INSERT' THEN
        IF EXISTS (SELECT FROM new_rows n WHERE n.created_at = now()) THEN
            PERFORM leadscore._go_live();
        END IF;
        concerned := ARRAY(SELECT DISTINCT ROW(n.tenant, NULL, CASE WHEN n.tenant IS NULL THEN n.rule_id END)::leadscore.edited FROM new_rows n);
    ELSIF TG_OP = 'DELETE' THEN
        concerned := ARRAY(SELECT DISTINCT ROW(o.tenant, NULL, CASE WHEN o.tenant IS NULL THEN o.rule_id END)::leadscore.edited FROM old_rows o);
    ELSE
        concerned := ARRAY(
            SELECT DISTINCT ROW(w.tenant, NULL, CASE WHEN w.tenant IS NULL THEN w.rule_id END)::leadscore.edited
            FROM old_rows o
            FULL JOIN new_rows n ON n.rule_id = o.rule_id
            CROSS JOIN LATERAL (VALUES (o.tenant, o.rule_id), (n.tenant, n.rule_id)) w(tenant, rule_id)
            WHERE to_jsonb(o) - 'created_at' IS DISTINCT FROM to_jsonb(n) - 'created_at' AND w.rule_id IS NOT NULL);
    END IF;
    PERFORM leadscore._note_edited(concerned), leadscore._forget_configuration();
    RETURN NULL;
END $function$;

CREATE TRIGGER rules_added AFTER INSERT ON leadscore.rule REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION leadscore._rules_changed();

CREATE TRIGGER rules_changed AFTER UPDATE ON leadscore.rule REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION leadscore._rules_changed();

CREATE TRIGGER rules_removed AFTER DELETE ON leadscore.rule REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION leadscore._rules_changed();

CREATE OR REPLACE FUNCTION leadscore._categories_changed()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    concerned leadscore.edited[];
BEGIN
    PERFORM leadscore._begin();
    IF TG_OP = 'INSERT' THEN
        concerned := ARRAY(SELECT DISTINCT ROW(n.tenant, n.person_kind, NULL)::leadscore.edited FROM new_rows n);
    ELSIF TG_OP = 'DELETE' THEN
        concerned := ARRAY(SELECT DISTINCT ROW(o.tenant, o.person_kind, NULL)::leadscore.edited FROM old_rows o);
    ELSE
        concerned := ARRAY(
            SELECT DISTINCT ROW(w.tenant, w.person_kind, NULL)::leadscore.edited
            FROM old_rows o
            FULL JOIN new_rows n ON n.category_id = o.category_id
            CROSS JOIN LATERAL (VALUES (o.category_id, o.tenant, o.person_kind), (n.category_id, n.tenant, n.person_kind)) w(category_id, tenant, person_kind)
            WHERE to_jsonb(o) - 'color' IS DISTINCT FROM to_jsonb(n) - 'color' AND w.category_id IS NOT NULL);
    END IF;
    PERFORM leadscore._note_edited(concerned), leadscore._forget_configuration();
    RETURN NULL;
END $function$;

CREATE TRIGGER categories_added AFTER INSERT ON leadscore.category REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION leadscore._categories_changed();

CREATE TRIGGER categories_changed AFTER UPDATE ON leadscore.category REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION leadscore._categories_changed();

CREATE TRIGGER categories_removed AFTER DELETE ON leadscore.category REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION leadscore._categories_changed();

CREATE OR REPLACE FUNCTION leadscore._scorecards_changed()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    concerns_all boolean := true;
BEGIN
    PERFORM leadscore._begin();
    IF TG_OP = 'INSERT' THEN
        IF EXISTS (SELECT FROM new_rows n WHERE n.recorded_at = now() AND n.scorecard <> 'main') THEN
            PERFORM leadscore._go_live();
        END IF;
        concerns_all := EXISTS (SELECT FROM new_rows);
    ELSIF TG_OP = 'DELETE' THEN
        concerns_all := EXISTS (SELECT FROM old_rows);
    ELSE
        concerns_all := EXISTS (SELECT FROM old_rows o FULL JOIN new_rows n ON n.scorecard = o.scorecard
                                WHERE (o.part_of, o.min_score, o.max_score) IS DISTINCT FROM (n.part_of, n.min_score, n.max_score));
    END IF;
    PERFORM leadscore._note_edited(CASE WHEN concerns_all THEN '{"(,,)"}' ELSE '{}' END::leadscore.edited[]), leadscore._forget_configuration();
    RETURN NULL;
END $function$;

CREATE TRIGGER scorecards_added AFTER INSERT ON leadscore.scorecard REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION leadscore._scorecards_changed();

CREATE TRIGGER scorecards_changed AFTER UPDATE ON leadscore.scorecard REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION leadscore._scorecards_changed();

CREATE TRIGGER scorecards_removed AFTER DELETE ON leadscore.scorecard REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION leadscore._scorecards_changed();

CREATE OR REPLACE FUNCTION leadscore._settings_changed()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    PERFORM leadscore._begin();
    IF EXISTS (SELECT FROM new_rows n WHERE NOT EXISTS (SELECT FROM old_rows o WHERE o.time_zone = n.time_zone)) THEN
        PERFORM leadscore._note_edited('{"(,,)"}');
        -- Rows may come before it changes back.
        UPDATE leadscore.source x SET read_in = '' WHERE x.time_zone IS NULL AND x.parts ? 'moment' AND x.read_in <> '';
    END IF;
    PERFORM leadscore._forget_configuration();
    RETURN NULL;
END $function$;

CREATE TRIGGER settings_changed AFTER UPDATE ON leadscore.settings REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION leadscore._settings_changed();

CREATE TRIGGER configuration_changed AFTER INSERT ON leadscore.settings FOR EACH STATEMENT EXECUTE FUNCTION leadscore._configuration_changed('rebuild');

CREATE OR REPLACE FUNCTION leadscore._persons_edited()
 RETURNS bigint[]
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
DECLARE
    rules   int[] := ARRAY(SELECT DISTINCT e.rule_id FROM leadscore.edited e WHERE e.rule_id IS NOT NULL);
    tenants text[] := ARRAY(SELECT DISTINCT e.tenant FROM leadscore.edited e WHERE e.tenant IS NOT NULL);
    -- Of tenants that were forgotten; see forget_tenant().
    sums    text[] := ARRAY(SELECT DISTINCT e.tenant FROM leadscore.edited e WHERE e.tenant LIKE 'md5 %');
    kinds   text[] := ARRAY(SELECT DISTINCT e.person_kind FROM leadscore.edited e WHERE e.tenant IS NULL AND e.person_kind IS NOT NULL);
    ids     bigint[];
BEGIN
    IF NOT EXISTS (SELECT FROM leadscore.instance i WHERE i.rebuild_due) THEN
        RETURN '{}';
    END IF;
    IF NOT EXISTS (SELECT FROM leadscore.edited)
        OR EXISTS (SELECT FROM leadscore.edited e WHERE e.tenant IS NULL AND e.person_kind IS NULL AND e.rule_id IS NULL)
        OR EXISTS (SELECT FROM leadscore.rule r WHERE r.rule_id = ANY (rules) AND r.enabled AND r.tenant IS NULL
                   AND r.person_kinds IS NULL AND r.statuses IS NULL AND r.person_filter IS NULL) THEN
        RETURN NULL;
    END IF;
    SELECT array_agg(c.person_id ORDER BY c.person_id) INTO ids
    FROM (SELECT p.person_id
          FROM leadscore.person p
          WHERE p.tenant = ANY (tenants)
            AND EXISTS (SELECT FROM leadscore.edited e WHERE e.tenant = p.tenant AND (e.person_kind IS NULL OR e.person_kind = p.kind))
          UNION
          SELECT p.person_id FROM leadscore.person p WHERE sums <> '{}' AND p.tenant IS NOT NULL AND 'md5 ' || md5(p.tenant) = ANY (sums)
          UNION
          SELECT p.person_id FROM leadscore.person p WHERE kinds <> '{}' AND p.kind = ANY (kinds)
          UNION
          SELECT p.person_id
          FROM leadscore.person p
          JOIN leadscore.rule r ON r.rule_id = ANY (rules) AND r.enabled AND r.tenant IS NULL
           AND (r.person_kinds IS NULL OR p.kind = ANY (r.person_kinds)) AND (r.statuses IS NULL OR p.status = ANY (r.statuses))
           AND (r.person_filter IS NULL OR jsonb_path_match(coalesce(p.attributes, '{}'), r.person_filter, silent => true))
          WHERE rules <> '{}'
          UNION
          SELECT s.person_id FROM leadscore.score_record s WHERE rules <> '{}' AND s.rule_id = ANY (rules)) c;
    RETURN coalesce(ids, '{}');
END $function$;

CREATE OR REPLACE FUNCTION leadscore._take_edits_in()
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    DELETE FROM leadscore.edited;
    UPDATE leadscore.instance SET rebuild_due = false WHERE rebuild_due;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._check_rule(rule text, restored boolean)
 RETURNS void
 LANGUAGE c
 IMMUTABLE
AS 'MODULE_PATHNAME', $function$check_rule_row_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._no_predicate(path jsonpath)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET standard_conforming_strings TO 'on'
AS $function$
DECLARE
    variable text;
BEGIN
    IF regexp_replace(path::text, '^strict ', '') IN ('true', 'false', 'null') THEN
        RETURN 'It says the same of everybody, where a comparison was expected.';
    END IF;
    -- Days with and without a time zone cannot be compared without knowing the session's: PostgreSQL raises an error, even where silent.
    IF regexp_replace(path::text, '"([^"\\]|\\.)*"', '""', 'g') ~ '\.(date|datetime|time|time_tz|timestamp|timestamp_tz)\(' THEN
        RETURN 'How days and times compare depends on the time zone of the session; as texts such as "2026-01-31" they compare well.';
    END IF;
    -- PostgreSQL raises an error where it comes to a variable, even where silent; in an object without keys it may come to none.
    variable := (SELECT min(t.token[1]) FROM regexp_matches(path::text, '(\$?"(?:[^"\\]|\\.)*")', 'g') t(token) WHERE t.token[1] LIKE '$%');
    IF variable IS NOT NULL THEN
        RETURN format('Nothing gives variable %s a value.', variable);
    END IF;
    PERFORM jsonb_path_match('{}', path);
    RETURN NULL;
EXCEPTION
    WHEN singleton_sql_json_item_required OR sql_json_member_not_found THEN
        RETURN 'It gives a value, where a comparison was expected.';
    WHEN data_exception THEN
        RETURN format('It cannot be evaluated: %s.', SQLERRM);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._check_rule_names(rule leadscore.rule, known_types text[], known_scorecards text[])
 RETURNS void
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    unknown text := (SELECT min(t.name) FROM unnest(rule.activity_types) t(name) WHERE t.name <> ALL (known_types));
    filter  record;
BEGIN
    IF unknown IS NOT NULL THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('rule "%s": activity type "%s" does not exist', rule.name, unknown),
            DETAIL = 'A rule that waits for an activity which cannot be registered would never apply.',
            HINT = format('INSERT INTO leadscore.activity_type (activity_type) VALUES (%L);', unknown);
    END IF;
    IF rule.scorecard IS NOT NULL AND rule.scorecard <> ALL (known_scorecards) THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('rule "%s": scorecard "%s" does not exist', rule.name, rule.scorecard),
            DETAIL = 'The points of a rule belong to a scorecard.',
            HINT = format('INSERT INTO leadscore.scorecard (scorecard) VALUES (%L);', rule.scorecard);
    END IF;
    FOR filter IN
        SELECT f.name, leadscore._no_predicate(f.path) AS problem, f.example
        FROM (VALUES ('filter', rule.filter, '$.minutes >= 30 && $.channel == "video"'), ('person_filter', rule.person_filter, '$.region == "west"'))
             f(name, path, example)
        WHERE f.path IS NOT NULL
    LOOP
        IF filter.problem IS NOT NULL THEN
            RAISE invalid_parameter_value USING
                MESSAGE = format('rule "%s": %s is no predicate', rule.name, filter.name),
                DETAIL = filter.problem,
                HINT = format('Write it as a comparison, such as %L.', filter.example);
        END IF;
    END LOOP;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._check_assumed_rule(rule leadscore.rule, known_types text[], known_scorecards text[] DEFAULT NULL::text[])
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "IntervalStyle" TO 'iso_8601'
AS $function$
BEGIN
    PERFORM leadscore._check_rule((to_jsonb(rule) - 'created_at')::text, false),
            leadscore._check_rule_names(rule, known_types, coalesce(known_scorecards, ARRAY(SELECT c.scorecard FROM leadscore.scorecard c)));
END $function$;

CREATE OR REPLACE FUNCTION leadscore._check_rule()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "IntervalStyle" TO 'iso_8601'
AS $function$
DECLARE
    -- What was stored once can be restored, and what it names may follow.
    restored boolean := TG_OP = 'INSERT' AND NEW.created_at <> now() AND NOT EXISTS (SELECT FROM leadscore.instance);
BEGIN
    IF NEW.points IS NULL OR NEW.enabled IS NULL OR NEW.scorecard IS NULL THEN
        RETURN NEW;  -- PostgreSQL refuses it
    END IF;
    PERFORM leadscore._check_rule(
        (to_jsonb(NEW) - 'created_at' || jsonb_build_object('name', coalesce(NEW.name, ''))
            -- To JSON a NULL is a null, which is no object.
            || CASE WHEN jsonb_typeof(NEW.condition) = 'null' AND NOT restored THEN '{"condition": "null"}' ELSE '{}' END::jsonb)::text,
        restored);
    IF NOT restored THEN
        PERFORM leadscore._check_rule_names(NEW,
            ARRAY(SELECT t.activity_type FROM leadscore.activity_type t WHERE t.activity_type = ANY (NEW.activity_types)),
            ARRAY(SELECT c.scorecard FROM leadscore.scorecard c));
    END IF;
    RETURN NEW;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._check_filled()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    empty text := (SELECT min(c.name) FROM unnest(TG_ARGV) c(name) WHERE to_jsonb(NEW) ->> c.name = '');
BEGIN
    IF empty IS NOT NULL THEN
        RAISE check_violation USING
            MESSAGE = format('column %I of leadscore.%I is empty', empty, TG_TABLE_NAME),
            DETAIL = 'Nothing is told by an empty name.',
            HINT = CASE WHEN (SELECT a.attnotnull FROM pg_attribute a WHERE a.attrelid = TG_RELID AND a.attname = empty)
                        THEN 'Give it a name.' ELSE 'Leave it NULL for all, or give it a name.' END;
    END IF;
    RETURN NEW;
END $function$;

CREATE TRIGGER check_filled BEFORE INSERT OR UPDATE ON leadscore.rule FOR EACH ROW EXECUTE FUNCTION leadscore._check_filled('tenant');

CREATE TRIGGER check_filled BEFORE INSERT OR UPDATE ON leadscore.category FOR EACH ROW EXECUTE FUNCTION leadscore._check_filled('name', 'person_kind', 'tenant');

CREATE TRIGGER check_filled BEFORE INSERT OR UPDATE ON leadscore.scorecard FOR EACH ROW EXECUTE FUNCTION leadscore._check_filled('scorecard');

CREATE TRIGGER check_filled BEFORE INSERT OR UPDATE ON leadscore.activity_type FOR EACH ROW EXECUTE FUNCTION leadscore._check_filled('activity_type');

CREATE OR REPLACE FUNCTION leadscore._refuse_bound(name text, other text, person_kind text, min_score bigint, scorecard text DEFAULT 'main'::text, tenant text DEFAULT NULL::text)
 RETURNS void
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    whom text := concat_ws(' ', coalesce('kind ' || quote_literal(person_kind), 'all kinds'),
                           'on scorecard ' || quote_literal(nullif(scorecard, 'main')), 'of tenant ' || quote_literal(tenant));
BEGIN
    IF min_score IS NULL THEN
        RAISE unique_violation USING
            MESSAGE = format('category %L would be a second lowest one', name),
            DETAIL = format('Category %L has no min_score already, for %s.', other, whom),
            HINT = format('Give %L a min_score, the lowest score that falls in it.', name);
    ELSE
        RAISE unique_violation USING
            MESSAGE = format('category %L begins at %s like category %L', name, min_score, other),
            DETAIL = format('Two categories for %s cannot begin at the same score.', whom),
            HINT = 'Choose another min_score, or change the category that is there.';
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._is_category_seen(category_id integer)
 RETURNS boolean
 LANGUAGE c
AS 'MODULE_PATHNAME', $function$is_category_seen_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._check_category()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    -- A dump may bring the scorecard later.
    IF NOT EXISTS (SELECT FROM leadscore.scorecard c WHERE c.scorecard = NEW.scorecard)
       AND (TG_OP = 'UPDATE' OR NEW.recorded_at = now() OR EXISTS (SELECT FROM leadscore.instance)) THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('category %L: scorecard %L does not exist', NEW.name, NEW.scorecard),
            DETAIL = 'A category is a band of the score of a scorecard.',
            HINT = format('INSERT INTO leadscore.scorecard (scorecard) VALUES (%L);', NEW.scorecard);
    END IF;
    PERFORM leadscore._refuse_bound(NEW.name, c.name, c.person_kind, c.min_score, c.scorecard, c.tenant)
    FROM leadscore.category c
    WHERE c.person_kind IS NOT DISTINCT FROM NEW.person_kind
      AND c.min_score IS NOT DISTINCT FROM NEW.min_score
      AND c.scorecard = NEW.scorecard
      AND c.tenant IS NOT DISTINCT FROM NEW.tenant
      AND c.category_id <> NEW.category_id
      AND leadscore._is_category_seen(c.category_id);
    RETURN NEW;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._category_renamed()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    INSERT INTO leadscore.renamed_category (category_id, name) VALUES (OLD.category_id, OLD.name) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $function$;

CREATE TRIGGER a_renamed AFTER UPDATE ON leadscore.category FOR EACH ROW WHEN ((old.name <> new.name)) EXECUTE FUNCTION leadscore._category_renamed();

CREATE OR REPLACE FUNCTION leadscore._check_scorecards(rows text)
 RETURNS void
 LANGUAGE c
 IMMUTABLE
AS 'MODULE_PATHNAME', $function$check_scorecards_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._check_scorecards()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    -- A dump may bring a part before the whole.
    IF TG_OP = 'INSERT' AND NOT EXISTS (SELECT FROM leadscore.instance) THEN
        IF NOT EXISTS (SELECT FROM added n WHERE n.recorded_at = now()) THEN
            RETURN NULL;
        END IF;
    ELSIF TG_OP = 'UPDATE' AND pg_trigger_depth() > 1 AND NOT EXISTS (SELECT FROM leadscore.instance) THEN
        -- The row main of a dump, which may be part of one that is still to come.
        RETURN NULL;
    END IF;
    PERFORM leadscore._check_scorecards((SELECT jsonb_agg(to_jsonb(c) - 'recorded_at' - 'description')::text FROM leadscore.scorecard c));
    RETURN NULL;
END $function$;

CREATE TRIGGER check_scorecards AFTER DELETE OR UPDATE ON leadscore.scorecard FOR EACH STATEMENT EXECUTE FUNCTION leadscore._check_scorecards();

CREATE TRIGGER check_added_scorecards AFTER INSERT ON leadscore.scorecard REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION leadscore._check_scorecards();

CREATE OR REPLACE FUNCTION leadscore._require_unused(scorecard text)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    adjusted bigint := (SELECT min(j.adjustment_id) FROM leadscore.adjustment j WHERE j.scorecard = _require_unused.scorecard);
    written  text   := (SELECT min(s.source::text) FROM leadscore.source s
                        WHERE s.attached AND s.parts -> 'scorecards' @> jsonb_build_array(jsonb_build_object('scorecard', _require_unused.scorecard))
                          AND leadscore._name_of(s.source) IS NOT NULL);
BEGIN
    IF adjusted IS NOT NULL THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('scorecard %L is in use', scorecard),
            DETAIL = format('Adjustment %s belongs to it.', adjusted),
            HINT = 'Take it back first: SELECT leadscore.unadjust(…);';
    ELSIF written IS NOT NULL THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('scorecard %L is in use', scorecard),
            DETAIL = format('Its score is written back to %s.', written),
            HINT = format('Attach the table without it first: SELECT leadscore.detach(%L); then attach_person() again.', written);
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._keep_scorecard()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    named text;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.scorecard = OLD.scorecard THEN
            RETURN NEW;
        END IF;
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('scorecard %L cannot be renamed', OLD.scorecard),
            DETAIL = 'Scores, rules, categories and adjustments know it by its name.',
            HINT = CASE OLD.scorecard WHEN 'main' THEN 'main is the scorecard of person.score; its description can be anything.'
                                      ELSE format('INSERT a scorecard %L, let what names %L name it, and DELETE %2$L.', NEW.scorecard, OLD.scorecard) END;
    END IF;
    -- An INSERT that replaces the row removes the old one from within a trigger.
    IF OLD.scorecard = 'main' THEN
        IF pg_trigger_depth() > 1 THEN
            RETURN OLD;
        END IF;
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'scorecard ''main'' cannot go',
            DETAIL = 'It is the one of person.score and person.category.',
            HINT = 'UPDATE its limits or its description instead.';
    END IF;
    named := coalesce((SELECT format('Rule %L', min(r.name)) FROM leadscore.rule r WHERE r.scorecard = OLD.scorecard HAVING count(*) > 0),
                      (SELECT format('Category %L', min(c.name)) FROM leadscore.category c WHERE c.scorecard = OLD.scorecard HAVING count(*) > 0));
    IF named IS NOT NULL THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('scorecard %L is in use', OLD.scorecard),
            DETAIL = format('%s belongs to it.', named),
            HINT = format('Move it first: UPDATE leadscore.%s SET scorecard = ''main'' WHERE scorecard = %L;', lower(split_part(named, ' ', 1)), OLD.scorecard);
    END IF;
    PERFORM leadscore._require_unused(OLD.scorecard);
    DELETE FROM leadscore.person_score s WHERE s.scorecard = OLD.scorecard;
    RETURN OLD;
END $function$;

CREATE TRIGGER keep_scorecard BEFORE DELETE OR UPDATE OF scorecard ON leadscore.scorecard FOR EACH ROW EXECUTE FUNCTION leadscore._keep_scorecard();

CREATE OR REPLACE FUNCTION leadscore._keep_scorecards()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RAISE object_not_in_prerequisite_state USING
        MESSAGE = 'leadscore.scorecard cannot be emptied',
        DETAIL = 'Scorecard main is always there.',
        HINT = 'Name those that are to go: DELETE FROM leadscore.scorecard WHERE …';
END $function$;

CREATE TRIGGER keep_scorecards BEFORE TRUNCATE ON leadscore.scorecard FOR EACH STATEMENT EXECUTE FUNCTION leadscore._keep_scorecards();

CREATE OR REPLACE FUNCTION leadscore._check_setting_length(setting text, length interval)
 RETURNS void
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "IntervalStyle" TO 'postgres'
AS $function$
BEGIN
    -- In this order: an infinite one has no fields.
    IF length NOT BETWEEN '1 day' AND '1000 years' OR date_trunc('day', length) <> length
        OR least(extract(year FROM length), extract(month FROM length), extract(day FROM length)) < 0 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('settings: %s of %s cannot be used', setting, length),
            DETAIL = format('%s is a length of whole days, at least one of them and at most 1000 years.', setting),
            HINT = 'Use days, weeks, months or years, such as ''90 days'', or NULL.';
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._check_outbox(notify_channel text, keep_category_changes interval)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    room int := current_setting('max_identifier_length');
BEGIN
    IF notify_channel = '' OR octet_length(notify_channel) > room THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('settings: notify_channel %L cannot be listened to', notify_channel),
            DETAIL = format('The name of a channel has 1 to %s bytes; this one has %s.', room, octet_length(notify_channel)),
            HINT = 'Use a name such as leadscore, or NULL to send nothing.';
    END IF;
    PERFORM leadscore._check_setting_length('keep_category_changes', keep_category_changes);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._check_settings(settings leadscore.settings, known_types text[])
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET standard_conforming_strings TO 'on'
AS $function$
DECLARE
    unknown text := (SELECT p.part[1] FROM regexp_matches(settings.person_url, '\{[^}]*\}?', 'g') p(part)
                     WHERE p.part[1] NOT IN ('{person_id}', '{tenant}', '{kind}', '{external_id}') LIMIT 1);
BEGIN
    PERFORM leadscore._require_time_zone(settings.time_zone), leadscore._check_outbox(settings.notify_channel, settings.keep_category_changes),
            leadscore._check_setting_length('outcome_horizon', settings.outcome_horizon);
    IF settings.scoring NOT IN ('at_once', 'deferred') THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('settings: scoring %L does not exist', settings.scoring),
            DETAIL = 'What is registered is scored in its own transaction, or waits for score_pending().',
            HINT = 'Set scoring to at_once or deferred.';
    END IF;
    IF unknown IS NOT NULL THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('settings: person_url has %s, which no person has', unknown),
            DETAIL = format('The address is %s.', settings.person_url),
            HINT = 'Use {external_id}, {kind}, {tenant} and {person_id}, such as https://app/{kind}/{external_id}.';
    -- Pages leave control characters out of an address, so that /, a tab and / are two slashes, after which comes another host.
    ELSIF settings.person_url !~ '^(https?://[^/\\]|/(?![/\\]))' OR settings.person_url ~ '[[:cntrl:]]' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('settings: person_url %L is no address', settings.person_url),
            DETAIL = 'Pages link to it, so it begins with https:// or http:// and a host, or with one / for a path on the host of the page.',
            HINT = 'Write it as https://app/{kind}/{external_id}, or NULL for no links.';
    END IF;
    IF settings.outcome_type IS NOT NULL AND settings.outcome_type <> ALL (known_types) THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('settings: activity type %L does not exist', settings.outcome_type),
            DETAIL = 'outcome_type names the activities that scores are to foretell.',
            HINT = format('INSERT INTO leadscore.activity_type (activity_type) VALUES (%L);', settings.outcome_type);
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._check_settings()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    -- A dump may bring the types afterwards.
    PERFORM leadscore._check_settings(NEW, CASE WHEN TG_OP = 'UPDATE' OR EXISTS (SELECT FROM leadscore.instance)
                                                THEN ARRAY(SELECT t.activity_type FROM leadscore.activity_type t) END);
    RETURN NEW;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._check_activity_type()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.activity_type = NEW.activity_type THEN
        RETURN NEW;
    END IF;
    IF EXISTS (SELECT FROM leadscore.activity a WHERE a.activity_type = OLD.activity_type) THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('activity type %L is in use', OLD.activity_type),
            DETAIL = 'Activities of that type are registered.',
            HINT = format('Move them first: UPDATE leadscore.activity SET activity_type = … WHERE activity_type = %L;', OLD.activity_type);
    END IF;
    IF EXISTS (SELECT FROM leadscore.rule r WHERE OLD.activity_type = ANY (r.activity_types)) THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('activity type %L is in use', OLD.activity_type),
            DETAIL = format('Rule %L names it.', (SELECT r.name FROM leadscore.rule r WHERE OLD.activity_type = ANY (r.activity_types) ORDER BY 1 LIMIT 1)),
            HINT = 'Change the rule first.';
    END IF;
    IF EXISTS (SELECT FROM leadscore.settings s WHERE s.outcome_type = OLD.activity_type) THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('activity type %L is in use', OLD.activity_type),
            DETAIL = 'It is the outcome_type of leadscore.settings.',
            HINT = 'UPDATE leadscore.settings SET outcome_type = NULL; first.';
    END IF;
    RETURN CASE TG_OP WHEN 'UPDATE' THEN NEW ELSE OLD END;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._history_document(tenant text)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RETURN leadscore.export_config(tenant) - 'activity_types';
END $function$;

CREATE OR REPLACE FUNCTION leadscore._note_configuration(tenant text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF NOT EXISTS (SELECT FROM leadscore.configuration_change c WHERE c.after IS NULL AND c.tenant IS NOT DISTINCT FROM _note_configuration.tenant) THEN
        -- Whatever the transaction says of constraints: at once it would find that nothing has changed yet.
        SET CONSTRAINTS leadscore.complete_change DEFERRED;
        INSERT INTO leadscore.configuration_change (tenant, before)
        VALUES (_note_configuration.tenant, leadscore._history_document(_note_configuration.tenant));
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._note_configuration()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    -- A dump brings rows by INSERTs into a database that is not in use, whose single rows these take the place of; a row
    -- that is made here and now is none of a dump's.
    noted boolean := EXISTS (SELECT FROM leadscore.instance)
                     OR (TG_OP = 'UPDATE' AND NOT (TG_TABLE_NAME = 'scorecard' AND pg_trigger_depth() > 1));
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        IF noted AND TG_TABLE_NAME = 'rule' THEN
            PERFORM leadscore._note_configuration(t.tenant) FROM (SELECT DISTINCT r.tenant FROM leadscore.rule r) t;
        ELSIF noted THEN
            PERFORM leadscore._note_configuration(t.tenant) FROM (SELECT DISTINCT c.tenant FROM leadscore.category c) t;
        END IF;
        RETURN NULL;
    END IF;
    IF TG_OP = 'INSERT' AND NOT noted THEN
        IF TG_TABLE_NAME = 'rule' THEN
            noted := NEW.created_at = now();
        ELSIF TG_TABLE_NAME = 'scorecard' THEN
            noted := NEW.recorded_at = now();
        END IF;
    END IF;
    IF noted THEN
        IF TG_TABLE_NAME IN ('settings', 'scorecard') THEN
            PERFORM leadscore._note_configuration(NULL::text);
        ELSE
            IF TG_OP <> 'INSERT' THEN
                PERFORM leadscore._note_configuration(OLD.tenant);
            END IF;
            IF TG_OP <> 'DELETE' THEN
                PERFORM leadscore._note_configuration(NEW.tenant);
            END IF;
        END IF;
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $function$;

CREATE TRIGGER a_note_configuration BEFORE INSERT OR DELETE OR UPDATE ON leadscore.rule FOR EACH ROW EXECUTE FUNCTION leadscore._note_configuration();

CREATE TRIGGER a_note_configuration BEFORE INSERT OR DELETE OR UPDATE ON leadscore.category FOR EACH ROW EXECUTE FUNCTION leadscore._note_configuration();

CREATE TRIGGER a_note_configuration BEFORE INSERT OR DELETE OR UPDATE ON leadscore.scorecard FOR EACH ROW EXECUTE FUNCTION leadscore._note_configuration();

CREATE TRIGGER a_note_configuration BEFORE INSERT OR DELETE OR UPDATE ON leadscore.settings FOR EACH ROW EXECUTE FUNCTION leadscore._note_configuration();

CREATE TRIGGER a_note_configurations BEFORE TRUNCATE ON leadscore.rule FOR EACH STATEMENT EXECUTE FUNCTION leadscore._note_configuration();

CREATE TRIGGER a_note_configurations BEFORE TRUNCATE ON leadscore.category FOR EACH STATEMENT EXECUTE FUNCTION leadscore._note_configuration();

CREATE OR REPLACE FUNCTION leadscore._complete_change()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    present jsonb := leadscore._history_document(NEW.tenant);
BEGIN
    IF present = NEW.before THEN
        DELETE FROM leadscore.configuration_change c WHERE c.configuration_change_id = NEW.configuration_change_id;
    ELSE
        UPDATE leadscore.configuration_change c SET after = present WHERE c.configuration_change_id = NEW.configuration_change_id;
    END IF;
    RETURN NULL;
END $function$;

CREATE CONSTRAINT TRIGGER complete_change AFTER INSERT ON leadscore.configuration_change DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((new.after IS NULL)) EXECUTE FUNCTION leadscore._complete_change();

CREATE OR REPLACE FUNCTION leadscore._refuse_activity(person_id bigint, activity_type text, occurred_at timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
BEGIN
    IF NOT isfinite(occurred_at) OR occurred_at NOT BETWEEN '0001-01-01 UTC' AND '9999-12-31 UTC' THEN
        RAISE datetime_field_overflow USING
            MESSAGE = format('activity of person %s: occurred_at %L is out of range', person_id, occurred_at),
            DETAIL = 'An activity takes place at one finite moment between the years 1 and 9999.',
            HINT = 'Correct occurred_at, or leave it out for the present moment.';
    END IF;
    IF NOT EXISTS (SELECT FROM leadscore.activity_type t WHERE t.activity_type = _refuse_activity.activity_type) THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('activity type %L does not exist', activity_type),
            DETAIL = format('An activity of person %s names it, and leadscore.activity_type has no such row.', person_id),
            HINT = format('INSERT INTO leadscore.activity_type (activity_type) VALUES (%L);', activity_type);
    END IF;
    IF NOT EXISTS (SELECT FROM leadscore.person p WHERE p.person_id = _refuse_activity.person_id) THEN
        IF leadscore._has_distributed_sources() THEN
            RAISE feature_not_supported USING
                MESSAGE = format('person %s is not on this node', person_id),
                DETAIL = 'Persons of distributed tables are on the nodes that have their rows, and a plain INSERT would not follow them when they move.',
                HINT = 'Insert into a table of the application that is distributed with them and attached: SELECT leadscore.attach_activity(…);';
        END IF;
        RAISE foreign_key_violation USING
            MESSAGE = format('person %s does not exist', person_id),
            DETAIL = format('An activity of type %L names it, and leadscore.person has no such row.', activity_type),
            HINT = 'Insert the person into leadscore.person first.';
    END IF;
END $function$;

CREATE TRIGGER a_changes BEFORE UPDATE OF person_id, tenant, kind, since ON leadscore.person FOR EACH ROW EXECUTE FUNCTION leadscore._person_arrives();

CREATE OR REPLACE FUNCTION leadscore._persons_arrived(ids bigint[], attached bigint[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
BEGIN
    IF EXISTS (SELECT FROM leadscore.source) THEN
        PERFORM leadscore._write_back(attached);
        PERFORM leadscore._admit_waiting(ids);
    END IF;
    PERFORM leadscore._claim_visits(ids);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._person_inserted()
 RETURNS trigger
 LANGUAGE c
 SECURITY DEFINER
AS 'MODULE_PATHNAME', $function$person_inserted_wrapper$function$;

CREATE TRIGGER note_changed AFTER UPDATE ON leadscore.person FOR EACH ROW EXECUTE FUNCTION leadscore._person_changed();

CREATE TRIGGER score_changed AFTER UPDATE ON leadscore.person FOR EACH STATEMENT EXECUTE FUNCTION leadscore._person_changed();

CREATE OR REPLACE FUNCTION leadscore._person_deleted()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    strayed record;
BEGIN
    -- In deferred mode others register activities without waiting: what they bring is seen by all of this statement or by no part
    -- of it, and then when it is scored. Rows of attached tables whose person goes with its row wait for its key.
    FOR strayed IN
        WITH gone AS (
            DELETE FROM leadscore.activity t USING old_row o WHERE t.person_id = o.person_id RETURNING t.*, o.kind, o.tenant, o.external_id
        ), scored AS (
            -- Those that score_pending() is taking are left to it: it may wait for a row that is locked here.
            DELETE FROM leadscore.pending t
            WHERE t.ctid = ANY (ARRAY(SELECT n.ctid FROM leadscore.pending n JOIN old_row o ON o.person_id = n.person_id FOR UPDATE OF n SKIP LOCKED))
        ), waits AS (
            SELECT g.* FROM gone g
            WHERE g.source_id IS NOT NULL AND g.external_id IS NOT NULL AND current_setting('leadscore.loses', true) = 'on'
        ), shelved AS (
            INSERT INTO leadscore.waiting (source_id, source_key, person_kind, tenant, external_id, activity_type, occurred_at, attributes)
            SELECT w.source_id, w.source_key, w.kind, w.tenant, w.external_id, w.activity_type, w.occurred_at, w.attributes
            FROM waits w
            ON CONFLICT (source_id, source_key) DO NOTHING
        )
        SELECT w.source_id, array_agg(w.source_key) AS keys
        FROM waits w JOIN leadscore.renumbered r ON r.person_id = w.person_id
        GROUP BY w.source_id
    LOOP
        -- Some of them may name the key that the person had before.
        PERFORM leadscore._recheck_at_commit(strayed.source_id, strayed.keys);
    END LOOP;
    DELETE FROM leadscore.score_record t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.person_score t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.due t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.renumbered t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.adjustment t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.category_change t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.person_alias t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.person_consent t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.handover t USING old_row o WHERE t.person_id = o.person_id;
    PERFORM leadscore._remove_visits(array_agg(o.person_id)) FROM old_row o;
    RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._person_truncated()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    TRUNCATE leadscore.activity, leadscore.score_record, leadscore.person_score, leadscore.due, leadscore.pending, leadscore.renumbered, leadscore.adjustment, leadscore.category_change,
             leadscore.person_alias, leadscore.person_consent, leadscore.event, leadscore.visitor_person, leadscore.visitor;
    RETURN NULL;
END $function$;

CREATE TABLE leadscore.recheck (
    recheck_id uuid DEFAULT gen_random_uuid() NOT NULL,
    source_id integer NOT NULL,
    keys text[] NOT NULL
);

ALTER TABLE leadscore.recheck ADD CONSTRAINT recheck_pkey PRIMARY KEY (recheck_id);

CREATE OR REPLACE FUNCTION leadscore._recheck_at_commit(of_source integer, keys text[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    SET CONSTRAINTS leadscore.recheck DEFERRED;
    INSERT INTO leadscore.recheck (source_id, keys) VALUES (of_source, array_remove(keys, NULL));
END $function$;

CREATE OR REPLACE FUNCTION leadscore._bring_rows(of_source integer, keys text[])
 RETURNS void
 LANGUAGE c
AS 'MODULE_PATHNAME', $function$bring_rows_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._source_rechecked()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
DECLARE
    keys text[];
BEGIN
    -- All of them are read when the first is due.
    IF EXISTS (SELECT FROM leadscore.recheck r WHERE r.recheck_id = NEW.recheck_id) THEN
        WITH due AS (
            DELETE FROM leadscore.recheck r WHERE r.source_id = NEW.source_id RETURNING r.keys
        )
        SELECT array_agg(DISTINCT k) INTO keys FROM due d CROSS JOIN LATERAL unnest(d.keys) k;
        PERFORM leadscore._bring_rows(s.source_id, keys) FROM leadscore.source s WHERE s.source_id = NEW.source_id AND s.attached;
    END IF;
    RETURN NULL;
END $function$;

CREATE CONSTRAINT TRIGGER recheck AFTER INSERT ON leadscore.recheck DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION leadscore._source_rechecked();

CREATE OR REPLACE FUNCTION leadscore._shelve_activities(ids bigint[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    strayed record;
BEGIN
    FOR strayed IN
        WITH gone AS (
            DELETE FROM leadscore.activity a
            USING leadscore.person p
            WHERE a.person_id = ANY (ids) AND p.person_id = a.person_id AND a.source_id IS NOT NULL AND p.external_id IS NOT NULL
            RETURNING a.*, p.kind, p.tenant, p.external_id
        ), shelved AS (
            INSERT INTO leadscore.waiting (source_id, source_key, person_kind, tenant, external_id, activity_type, occurred_at, attributes)
            SELECT g.source_id, g.source_key, g.kind, g.tenant, g.external_id, g.activity_type, g.occurred_at, g.attributes
            FROM gone g
            ON CONFLICT (source_id, source_key) DO NOTHING
        )
        SELECT g.source_id, array_agg(g.source_key) AS keys
        FROM gone g JOIN leadscore.renumbered r ON r.person_id = g.person_id
        GROUP BY g.source_id
    LOOP
        -- Some of them may name the key that the person had before.
        PERFORM leadscore._recheck_at_commit(strayed.source_id, strayed.keys);
    END LOOP;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._lose_persons(ids bigint[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "leadscore.loses" TO 'on'
AS $function$
BEGIN
    -- What is being registered on them now is waited for, and then seen.
    PERFORM FROM leadscore.person p WHERE p.person_id = ANY (ids) ORDER BY p.person_id FOR UPDATE;
    PERFORM leadscore._shelve_activities(ids);
    DELETE FROM leadscore.person p WHERE p.person_id = ANY (ids);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._make_way(of_kind text, keys text[], tenants text[], to_persons bigint[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    gone   bigint[];
    holder leadscore.person;
BEGIN
    SELECT array_agg(p.person_id) INTO gone
    FROM unnest(keys, tenants) c(key, tenant)
    JOIN leadscore.person p ON p.kind = of_kind AND p.external_id = c.key AND p.tenant IS NOT DISTINCT FROM c.tenant
    WHERE p.departed AND p.person_id <> ALL (to_persons);
    IF gone IS NOT NULL THEN
        PERFORM leadscore._lose_persons(gone);
    END IF;
    SELECT p.* INTO holder
    FROM unnest(keys, tenants) c(key, tenant)
    JOIN leadscore.person p ON p.kind = of_kind AND p.external_id = c.key AND p.tenant IS NOT DISTINCT FROM c.tenant
    WHERE p.person_id <> ALL (to_persons) LIMIT 1;
    IF FOUND THEN
        RAISE unique_violation USING
            MESSAGE = format('person %s of kind %L has the key %L still', holder.person_id, of_kind, holder.external_id),
            DETAIL = 'A row changes to that key while another has it, or is only about to change, too.',
            HINT = 'Exchange keys in one statement, on a partitioned table by way of keys that no row has.';
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._as_told(source leadscore.source, keys text[], tenants text[], names text[], statuses text[], owners text[], moments timestamp with time zone[], details jsonb[], actives boolean[])
 RETURNS TABLE(person_id bigint, name text, status text, owner text, moment timestamp with time zone, detail jsonb, active boolean)
 LANGUAGE sql
 STABLE ROWS 1
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT p.person_id,
         CASE
             WHEN ((_as_told.source).parts ? 'name'::text) THEN c.name
             ELSE p.name
         END AS name,
         CASE
             WHEN ((_as_told.source).parts ? 'status'::text) THEN c.status
             ELSE p.status
         END AS status,
         CASE
             WHEN ((_as_told.source).parts ? 'owner'::text) THEN c.owner
             ELSE p.owner
         END AS owner,
     c.moment,
         CASE
             WHEN ((_as_told.source).parts ? 'attributes'::text) THEN c.detail
             ELSE p.attributes
         END AS attributes,
         CASE
             WHEN ((_as_told.source).parts ? 'only_when'::text) THEN c.active
             ELSE p.active
         END AS active
    FROM (UNNEST(_as_told.keys, _as_told.tenants, _as_told.names, _as_told.statuses, _as_told.owners, _as_told.moments, _as_told.details, _as_told.actives) c(key, tenant, name, status, owner, moment, detail, active)
      JOIN leadscore.person p ON (((p.kind = (_as_told.source).person_kind) AND (p.external_id = c.key) AND (NOT (p.tenant IS DISTINCT FROM c.tenant)))));
END;

CREATE OR REPLACE FUNCTION leadscore._take_persons(of_source integer, old_keys text[], new_keys text[], tenants text[], names text[], statuses text[], owners text[], moments timestamp with time zone[], details jsonb[], actives boolean[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
DECLARE
    source     leadscore.source;
    renumbered bigint[];
    given      text[];
    of_tenants text[];
BEGIN
    source := leadscore._source_in_sight(of_source);

    -- Persons are written in the order of their ids, everywhere; their rows are had already.
    IF array_length(old_keys, 1) > 1 AND array_remove(old_keys, NULL) <> '{}' THEN
        PERFORM FROM leadscore.person p
        WHERE p.kind = source.person_kind AND p.external_id = ANY (old_keys) AND p.source_id = of_source
        ORDER BY p.person_id FOR NO KEY UPDATE;
    END IF;

    IF array_position(new_keys, NULL) IS NOT NULL THEN
        -- A row may come back until the commit, whatever the transaction says of constraints.
        SET CONSTRAINTS leadscore.remove_departed DEFERRED;
        UPDATE leadscore.person p SET departed = true
        FROM unnest(old_keys, new_keys) c(old_key, new_key)
        WHERE c.new_key IS NULL AND p.kind = source.person_kind AND p.external_id = c.old_key AND p.source_id = of_source;
        DELETE FROM leadscore.person_alias l
        USING unnest(old_keys, new_keys) c(old_key, new_key)
        WHERE c.new_key IS NULL AND l.kind = source.person_kind AND l.external_id = c.old_key AND coalesce(l.source_id, of_source) = of_source;
        -- Most often nothing but rows that go.
        IF array_remove(new_keys, NULL) = '{}' THEN
            RETURN;
        END IF;
    END IF;

    -- The application renumbered persons, or gave them to another tenant. Rows that name a new key already wait for it, and
    -- those that still name the old one have no person now.
    SELECT array_agg(p.person_id), array_agg(c.new_key), array_agg(c.tenant) INTO renumbered, given, of_tenants
    FROM unnest(old_keys, new_keys, tenants) c(old_key, new_key, tenant)
    JOIN leadscore.person p ON p.kind = source.person_kind AND p.external_id = c.old_key AND p.source_id = of_source
    WHERE c.old_key <> c.new_key OR (c.new_key IS NOT NULL AND p.tenant IS DISTINCT FROM c.tenant);
    IF renumbered IS NOT NULL THEN
        PERFORM leadscore._make_way(source.person_kind, given, of_tenants, renumbered);
        PERFORM leadscore._shelve_activities(renumbered);
        -- Deferred, nobody who registers something on them waits: what is not seen here comes right when it is scored.
        INSERT INTO leadscore.renumbered (person_id)
        SELECT r.id FROM leadscore.settings z, unnest(renumbered) r(id)
        WHERE z.scoring = 'deferred' AND NOT EXISTS (SELECT FROM leadscore.renumbered o WHERE o.person_id = r.id);
        -- First out of each other's way: keys may be exchanged.
        UPDATE leadscore.person p SET external_id = NULL WHERE p.person_id = ANY (renumbered);
        UPDATE leadscore.person p SET external_id = r.key, tenant = r.tenant
        FROM unnest(renumbered, given, of_tenants) r(person_id, key, tenant)
        WHERE p.person_id = r.person_id;
        PERFORM leadscore._admit_waiting(renumbered);
        PERFORM leadscore._write_back(renumbered);
    END IF;

    -- A new row with the key of one that is there is another row, of the same person in the end, if of any.
    IF EXISTS (SELECT FROM unnest(old_keys, new_keys, tenants) c(old_key, new_key, tenant)
               JOIN leadscore.person p ON p.kind = source.person_kind AND p.external_id = c.new_key AND p.tenant IS NOT DISTINCT FROM c.tenant
               WHERE c.old_key IS NULL AND p.source_id = of_source AND NOT p.departed) THEN
        PERFORM leadscore._recheck_at_commit(of_source, new_keys);
    END IF;
    INSERT INTO leadscore.person AS p (kind, tenant, external_id, name, status, owner, since, attributes, active, source_id)
    SELECT source.person_kind, c.tenant, c.new_key, c.name, c.status, c.owner, coalesce(c.moment, now()), c.detail, c.active, of_source
    FROM unnest(new_keys, tenants, names, statuses, owners, moments, details, actives) WITH ORDINALITY
         c(new_key, tenant, name, status, owner, moment, detail, active, nth)
    WHERE c.new_key IS NOT NULL
      AND NOT EXISTS (SELECT FROM leadscore.person_alias l
                      WHERE l.kind = source.person_kind AND l.external_id = c.new_key AND l.tenant IS NOT DISTINCT FROM c.tenant)
      AND NOT EXISTS (SELECT FROM leadscore.person q
                      WHERE q.kind = source.person_kind AND q.external_id = c.new_key AND q.tenant IS NOT DISTINCT FROM c.tenant)
    -- They are stored, and get their ids, as their rows came.
    ORDER BY c.nth
    -- By somebody else meanwhile, or after the snapshot of the transaction.
    ON CONFLICT DO NOTHING;

    UPDATE leadscore.person p
    SET name = c.name, status = c.status, owner = c.owner, attributes = c.detail, active = c.active,
        since = coalesce(c.moment, p.since), source_id = of_source, departed = false
    FROM leadscore._as_told(source, new_keys, tenants, names, statuses, owners, moments, details, actives) c
    WHERE p.person_id = c.person_id
      AND (p.name, p.status, p.owner, p.attributes, p.active, p.since, p.source_id, p.departed)
          IS DISTINCT FROM (c.name, c.status, c.owner, c.detail, c.active, coalesce(c.moment, p.since), of_source, false);
    -- A row that came back has empty columns, and one that took the key of a row that is gone others.
    PERFORM leadscore._write_back(array_agg(p.person_id))
    FROM unnest(old_keys, new_keys, tenants) c(old_key, new_key, tenant)
    JOIN leadscore.person p ON p.kind = source.person_kind AND p.external_id = c.new_key AND p.tenant IS NOT DISTINCT FROM c.tenant
    WHERE c.old_key IS DISTINCT FROM c.new_key;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._source_rows(of_source integer)
 RETURNS TABLE(key text, person text, tenant text, activity_type text, moment timestamp with time zone, attributes jsonb, name text, status text, owner text, active boolean, score text, category text, scorecards jsonb)
 LANGUAGE c
 ROWS 100000
AS 'MODULE_PATHNAME', $function$source_table_rows_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._takes_all(of_source integer)
 RETURNS boolean
 LANGUAGE c
AS 'MODULE_PATHNAME', $function$takes_all_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._take_all(of_source integer)
 RETURNS TABLE(key text, person text, tenant text, activity_type text, moment timestamp with time zone, attributes jsonb)
 LANGUAGE c
AS 'MODULE_PATHNAME', $function$take_all_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._source_begins()
 RETURNS trigger
 LANGUAGE c
 SECURITY DEFINER
AS 'MODULE_PATHNAME', $function$source_begins_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._reached_row_changed()
 RETURNS trigger
 LANGUAGE c
 SECURITY DEFINER
AS 'MODULE_PATHNAME', $function$reached_row_changed_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._reached_changed()
 RETURNS trigger
 LANGUAGE c
 SECURITY DEFINER
AS 'MODULE_PATHNAME', $function$reached_changed_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._source_is_left(of_source integer)
 RETURNS boolean
 LANGUAGE c
 STRICT
AS 'MODULE_PATHNAME', $function$source_is_left_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._all_depart(of_source integer)
 RETURNS void
 LANGUAGE c
 STRICT
AS 'MODULE_PATHNAME', $function$all_depart_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._source_truncated()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
DECLARE
    source leadscore.source;
    gone   bigint := 1;
    before bigint;
BEGIN
    SELECT * INTO source FROM leadscore.source s WHERE s.source_id = TG_ARGV[0]::int AND s.source = TG_RELID;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF source.role = 'person' THEN
        SET CONSTRAINTS leadscore.remove_departed DEFERRED;
        PERFORM leadscore._all_depart(source.source_id);
        PERFORM leadscore._source_is_left(source.source_id);
        RETURN NULL;
    END IF;
    LOOP
        -- Persons before their activities; deferred, nobody is waited for.
        PERFORM leadscore._lock_persons(ARRAY(SELECT DISTINCT a.person_id FROM leadscore.activity a WHERE a.source_id = source.source_id))
        FROM leadscore.settings z WHERE z.scoring <> 'deferred';
        before := gone;
        WITH waiting AS (
            DELETE FROM leadscore.waiting w WHERE w.source_id = source.source_id RETURNING 1
        ), activity AS (
            DELETE FROM leadscore.activity a WHERE a.source_id = source.source_id RETURNING 1
        )
        SELECT (SELECT count(*) FROM waiting) + (SELECT count(*) FROM activity) INTO gone;
        -- What waits may just have become activities, or the other way round, by others who were waited for.
        EXIT WHEN NOT leadscore._source_is_left(source.source_id) OR (gone = 0 AND before = 0);
    END LOOP;
    RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._check_source(source regclass, is_admitted boolean DEFAULT false)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    t           pg_class;
    admitted    boolean := is_admitted OR leadscore._admitted(source);
BEGIN
    IF source IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = 'attach: the source is NULL',
            DETAIL = 'There is no table to put triggers on.',
            HINT = 'Name the table, such as ''app.candidate''.';
    END IF;
    SELECT * INTO t FROM pg_class c WHERE c.oid = source;
    IF NOT FOUND THEN
        RAISE undefined_table USING
            MESSAGE = format('attach: table with OID %s does not exist', source::oid),
            DETAIL = 'It was dropped, or never there.',
            HINT = 'Name the table, such as ''app.candidate''.';
    END IF;
    IF NOT admitted THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('must be owner of table %s', source),
            DETAIL = 'What is in an attached table decides scores, and triggers are put on it.',
            HINT = format('Let its owner, %s, or a superuser attach it.', pg_get_userbyid(t.relowner));
    END IF;
    IF t.relkind NOT IN ('r', 'p') THEN
        RAISE wrong_object_type USING
            MESSAGE = format('%s is %s, not a table', source, CASE t.relkind WHEN 'v' THEN 'a view' WHEN 'm' THEN 'a materialized view'
                WHEN 'f' THEN 'a foreign table' WHEN 'S' THEN 'a sequence' WHEN 'i' THEN 'an index' ELSE 'another kind of relation' END),
            DETAIL = 'Only a table tells, by triggers, when its rows change.',
            HINT = 'Attach the table that holds the rows.';
    END IF;
    IF t.relpersistence = 't' OR t.relnamespace = 'leadscore'::regnamespace OR t.relnamespace = 'pg_catalog'::regnamespace THEN
        RAISE wrong_object_type USING
            MESSAGE = format('%s is no table of an application', source),
            DETAIL = 'Temporary tables, system catalogs and leadscore''s own tables cannot be attached.',
            HINT = 'Attach a permanent table that the application writes to.';
    END IF;
    IF t.relispartition THEN
        RAISE wrong_object_type USING
            MESSAGE = format('%s is a partition', source),
            DETAIL = 'A partitioned table is attached as a whole.',
            HINT = format('Attach %s.', (SELECT p.inhparent::regclass FROM pg_inherits p WHERE p.inhrelid = source));
    END IF;
    PERFORM leadscore._check_distributed(source);
    IF t.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits p WHERE source IN (p.inhparent, p.inhrelid)) THEN
        RAISE feature_not_supported USING
            MESSAGE = format('%s takes part in table inheritance', source),
            DETAIL = 'Triggers of a parent do not see the rows of its children, and keys are not unique across them.',
            HINT = 'Use declarative partitioning.';
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._check_column(source regclass, column_name text, purpose text, types text[])
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    a pg_attribute;
BEGIN
    IF column_name IS NULL THEN
        RETURN;
    END IF;
    SELECT * INTO a FROM pg_attribute x WHERE x.attrelid = source AND x.attname = column_name AND x.attnum > 0 AND NOT x.attisdropped;
    IF NOT FOUND THEN
        RAISE undefined_column USING
            MESSAGE = format('column %I of %s does not exist', column_name, source),
            DETAIL = format('It was named as %s.', purpose),
            HINT = format('Columns: %s.', (SELECT string_agg(quote_ident(x.attname), ', ' ORDER BY x.attnum) FROM pg_attribute x
                                           WHERE x.attrelid = source AND x.attnum > 0 AND NOT x.attisdropped));
    END IF;
    IF a.attgenerated = 'v' THEN
        RAISE wrong_object_type USING
            MESSAGE = format('column %I of %s is generated when it is read', column_name, source),
            DETAIL = 'A trigger does not see its value.',
            HINT = 'Name a stored column.';
    END IF;
    IF types IS NOT NULL AND NOT leadscore._base_type(a.atttypid)::text = ANY (types) THEN
        RAISE datatype_mismatch USING
            MESSAGE = format('column %I of %s is of type %s', column_name, source, format_type(a.atttypid, a.atttypmod)),
            DETAIL = format('As %s it must be one of: %s.', purpose, array_to_string(types, ', ')),
            HINT = 'Name another column.';
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._check_key_type(source regclass, column_name text, purpose text, one_of_several boolean DEFAULT false)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    collation_name regcollation;
BEGIN
    PERFORM leadscore._check_column(source, column_name, purpose, ARRAY['smallint', 'integer', 'bigint', 'uuid', 'text',
        'character varying', 'character', 'numeric']
        || CASE WHEN one_of_several THEN ARRAY['date', 'timestamp without time zone', 'timestamp with time zone', 'boolean'] END);
    SELECT c.oid INTO collation_name
    FROM pg_attribute a JOIN pg_collation c ON c.oid = a.attcollation
    WHERE a.attrelid = source AND a.attname = column_name AND NOT c.collisdeterministic;
    IF FOUND THEN
        RAISE feature_not_supported USING
            MESSAGE = format('column %I of %s has collation %s, by which different texts can be equal', column_name, source, collation_name),
            DETAIL = format('As %s its values must be equal only if they are the same.', purpose),
            HINT = 'Name a column with another collation.';
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._names_in(list text, separator text)
 RETURNS text[]
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET standard_conforming_strings TO 'on'
AS $function$
BEGIN
    IF list <> '' AND regexp_replace(list, '"(?:[^"]|"")*"', '"', 'g') ~ format('(^|[%1$s])\s*([%1$s]|$)', separator) THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('a name is missing in %L', list),
            DETAIL = format('Names stand before, between and after each %L.', separator),
            HINT = 'A name that has such a character in it is written in double quotes.';
    END IF;
    RETURN (SELECT array_agg(CASE WHEN n.name ~ '^".*"$' AND separator = '.' THEN replace(substr(n.name, 2, length(n.name) - 2), '""', '"') ELSE n.name END ORDER BY n.nth)
            FROM (SELECT btrim(m.found[1]) AS name, m.nth
                  FROM regexp_matches(list, format('((?:"(?:[^"]|"")*"|[^"%s])+)', separator), 'g') WITH ORDINALITY m(found, nth)) n);
END $function$;

CREATE TYPE leadscore._plan AS (relations regclass[], parents integer[], froms jsonb, tos jsonb, steps integer[], names text[], keys text[], at integer, extra jsonb);

CREATE OR REPLACE FUNCTION leadscore._foreign_key(source regclass, column_name text, next_name text)
 RETURNS pg_constraint
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT c.*::pg_constraint AS c
    FROM (pg_constraint c
      JOIN pg_attribute a ON (((a.attrelid = c.conrelid) AND (a.attname = _foreign_key.column_name) AND (a.attnum = ANY (c.conkey)))))
   WHERE ((c.conrelid = (_foreign_key.source)::oid) AND (c.contype = 'f'::"char"))
   ORDER BY (EXISTS ( SELECT
            FROM pg_attribute n
           WHERE ((n.attrelid = c.confrelid) AND (n.attname = _foreign_key.next_name) AND (NOT n.attisdropped)))) DESC, (c.conparentid <> (0)::oid), (cardinality(c.conkey)), c.conname
  LIMIT 1;
END;

CREATE OR REPLACE FUNCTION leadscore._has_column(source regclass, column_name text)
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT (EXISTS ( SELECT
            FROM pg_attribute a
           WHERE ((a.attrelid = (_has_column.source)::oid) AND (a.attname = _has_column.column_name) AND (a.attnum > 0) AND (NOT a.attisdropped)))) AS "exists";
END;

CREATE OR REPLACE FUNCTION leadscore._bind(plan leadscore._plan, path text, purpose text, types text[], caller oid)
 RETURNS leadscore._plan
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    relation regclass := plan.relations[1];
    names    text[];
    step     int := 0;
    next     int;
    fk       pg_constraint;
    own      text[];
    theirs   text[];
    nth      int;
BEGIN
    plan.at := NULL;
    IF path IS NULL THEN
        RETURN plan;
    END IF;
    names := CASE WHEN leadscore._has_column(relation, path) THEN ARRAY[path] ELSE coalesce(leadscore._names_in(path, '.'), ARRAY[path]) END;
    IF cardinality(names) > 4 THEN
        RAISE feature_not_supported USING
            MESSAGE = format('%s of %s leads through %s foreign keys', path, relation, cardinality(names) - 1),
            DETAIL = format('It was named as %s, and three steps are the most.', purpose),
            HINT = 'Name a column that is nearer, or keep a copy of it in the table.';
    END IF;
    FOR i IN 1 .. cardinality(names) - 1 LOOP
        PERFORM leadscore._check_column(relation, names[i], purpose, NULL);
        fk := leadscore._foreign_key(relation, names[i], names[i + 1]);
        IF fk.oid IS NULL THEN
            RAISE wrong_object_type USING
                MESSAGE = format('column %I of %s is no foreign key', names[i], relation),
                DETAIL = format('As %s, %s leads through it.', purpose, path),
                HINT = 'Each column of a path but the last is one that has a FOREIGN KEY constraint.';
        END IF;
        IF NOT (has_table_privilege(caller, fk.confrelid, 'SELECT') AND has_table_privilege(caller, fk.confrelid, 'TRIGGER')) THEN
            RAISE insufficient_privilege USING
                MESSAGE = format('permission denied for table %s', fk.confrelid::regclass),
                DETAIL = format('As %s, %s reads it, and a trigger on it tells when it changes.', purpose, path),
                HINT = format('GRANT SELECT, TRIGGER ON %s TO %I;', fk.confrelid::regclass, pg_get_userbyid(caller));
        END IF;
        SELECT array_agg(a.attname ORDER BY k.nth), array_agg(b.attname ORDER BY k.nth) INTO own, theirs
        FROM unnest(fk.conkey, fk.confkey) WITH ORDINALITY k(own, theirs, nth)
        JOIN pg_attribute a ON a.attrelid = relation AND a.attnum = k.own
        JOIN pg_attribute b ON b.attrelid = fk.confrelid AND b.attnum = k.theirs;
        FOR nth IN 1 .. cardinality(own) LOOP
            PERFORM leadscore._check_key_type(relation, own[nth], format('a step to %s', purpose)),
                    leadscore._check_key_type(fk.confrelid, theirs[nth], format('a step to %s', purpose));
        END LOOP;
        SELECT k INTO next
        FROM generate_series(1, cardinality(plan.relations) - 1) k
        WHERE plan.parents[k] = step AND plan.relations[k + 1] = fk.confrelid AND plan.froms -> k = to_jsonb(own)
          AND plan.tos -> k = to_jsonb(theirs);
        IF next IS NULL THEN
            next := cardinality(plan.relations);
            plan.relations := plan.relations || fk.confrelid::regclass;
            plan.parents := plan.parents || step;
            plan.froms := plan.froms || jsonb_build_array(own);
            plan.tos := plan.tos || jsonb_build_array(theirs);
        END IF;
        step := next;
        relation := fk.confrelid;
    END LOOP;
    PERFORM leadscore._check_column(relation, names[cardinality(names)], purpose, types);
    nth := array_position(plan.keys, step || '.' || names[cardinality(names)]);
    IF nth IS NULL THEN
        plan.steps := plan.steps || step;
        plan.names := plan.names || names[cardinality(names)];
        plan.keys := plan.keys || (step || '.' || names[cardinality(names)]);
        nth := cardinality(plan.keys);
    END IF;
    plan.at := nth - 1;
    RETURN plan;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._bound_names(plan leadscore._plan, step integer)
 RETURNS text[]
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT array_agg(u.name ORDER BY u.nth) AS array_agg
    FROM ( SELECT n.name,
             min(n.nth) AS nth
            FROM ( SELECT t.name,
                     t.nth
                    FROM jsonb_array_elements_text(((_bound_names.plan).tos -> _bound_names.step)) WITH ORDINALITY t(name, nth)
                   WHERE (_bound_names.step > 0)
                 UNION ALL
                  SELECT c.name,
                     (100 + c.nth)
                    FROM UNNEST((_bound_names.plan).names, (_bound_names.plan).steps) WITH ORDINALITY c(name, step, nth)
                   WHERE (c.step = _bound_names.step)
                 UNION ALL
                  SELECT f.name,
                     ((10000 + (100 * p.nth)) + f.nth)
                    FROM (unnest((_bound_names.plan).parents) WITH ORDINALITY p(parent, nth)
                      CROSS JOIN LATERAL jsonb_array_elements_text(((_bound_names.plan).froms -> (p.nth)::integer)) WITH ORDINALITY f(name, nth))
                   WHERE (p.parent = _bound_names.step)) n
           GROUP BY n.name) u;
END;

CREATE OR REPLACE FUNCTION leadscore._places(plan leadscore._plan, written text[])
 RETURNS jsonb
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    lists   jsonb := '[]';
    columns jsonb;
    own     text[] := leadscore._bound_names(plan, 0);
BEGIN
    FOR step IN 0 .. cardinality(plan.relations) - 1 LOOP
        lists := lists || jsonb_build_array(to_jsonb(leadscore._bound_names(plan, step)));
    END LOOP;
    WITH place AS MATERIALIZED (
        SELECT l.nth - 1 AS step, n.name, n.nth - 1 AS at
        FROM jsonb_array_elements(lists) WITH ORDINALITY l(names, nth)
        CROSS JOIN LATERAL jsonb_array_elements_text(l.names) WITH ORDINALITY n(name, nth)
    )
    SELECT jsonb_agg(jsonb_build_array(c.step, p.at) ORDER BY c.nth) INTO columns
    FROM unnest(plan.steps, plan.names) WITH ORDINALITY c(step, name, nth)
    JOIN place p ON p.step = c.step AND p.name = c.name;
    RETURN jsonb_build_object(
        'columns', columns,
        'reads', cardinality(own),
        'names', to_jsonb(own || coalesce(written, '{}')),
        'steps', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                             'parent', p.parent,
                             'from', (SELECT jsonb_agg(o.nth - 1 ORDER BY f.nth)
                                      FROM jsonb_array_elements_text(plan.froms -> p.step::int) WITH ORDINALITY f(name, nth)
                                      JOIN jsonb_array_elements_text(lists -> p.parent) WITH ORDINALITY o(name, nth) ON o.name = f.name),
                             'to', (SELECT jsonb_agg(o.nth - 1 ORDER BY f.nth)
                                    FROM jsonb_array_elements_text(plan.tos -> p.step::int) WITH ORDINALITY f(name, nth)
                                    JOIN jsonb_array_elements_text(lists -> p.step::int) WITH ORDINALITY o(name, nth) ON o.name = f.name)) ORDER BY p.step), '[]')
                  FROM unnest(plan.parents) WITH ORDINALITY p(parent, step)));
END $function$;

CREATE OR REPLACE FUNCTION leadscore._columns_in(source regclass, list text)
 RETURNS text[]
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT
         CASE
             WHEN (list IS NULL) THEN NULL::text[]
             WHEN leadscore._has_column(source, list) THEN ARRAY[list]
             ELSE COALESCE(leadscore._names_in(list, ','::text), ARRAY[list])
         END AS "coalesce";
END;

CREATE OR REPLACE FUNCTION leadscore._is_unique(source regclass, names text[])
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT (EXISTS ( SELECT
            FROM ((pg_index i
              JOIN pg_class c ON ((c.oid = i.indrelid)))
              CROSS JOIN LATERAL ( SELECT array_agg(a.attnum) AS numbers
                    FROM pg_attribute a
                   WHERE ((a.attrelid = i.indrelid) AND (a.attname = ANY (_is_unique.names)) AND (a.attnum > 0))) n)
           WHERE ((i.indrelid = (_is_unique.source)::oid) AND i.indisunique AND i.indisvalid AND (i.indpred IS NULL) AND (i.indexprs IS NULL) AND (cardinality(n.numbers) = cardinality(_is_unique.names)) AND
                 CASE
                     WHEN (c.relkind = 'p'::"char") THEN (n.numbers && ((i.indkey)::smallint[])[0:(i.indnkeyatts - 1)])
                     ELSE (n.numbers @> ((i.indkey)::smallint[])[0:(i.indnkeyatts - 1)])
                 END))) AS "exists";
END;

CREATE OR REPLACE FUNCTION leadscore._key_columns(source regclass, named text)
 RETURNS text[]
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    names text[] := leadscore._columns_in(source, named);
    shown text;
BEGIN
    IF named IS NULL THEN
        SELECT array_agg(a.attname ORDER BY k.nth) INTO names
        FROM pg_index i
        CROSS JOIN LATERAL unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) WITH ORDINALITY k(number, nth)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
        WHERE i.indrelid = source AND i.indisprimary;
        IF names IS NULL THEN
            RAISE invalid_table_definition USING
                MESSAGE = format('%s has no primary key', source),
                DETAIL = 'A row must be found again by its key when it changes.',
                HINT = 'Name a unique column, or several: key => ''…''.';
        END IF;
    END IF;
    -- Often the column by which a table is partitioned.
    PERFORM leadscore._check_key_type(source, n, 'the key', cardinality(names) > 1) FROM unnest(names) n;
    IF NOT leadscore._is_unique(source, names) THEN
        shown := (SELECT string_agg(quote_ident(n), ', ') FROM unnest(names) n);
        RAISE invalid_table_definition USING
            MESSAGE = CASE cardinality(names) WHEN 1 THEN format('column %s of %s is not unique', shown, source)
                                              ELSE format('columns %s of %s are not unique', shown, source) END,
            DETAIL = 'A row must be found again by its key when it changes.',
            HINT = format('ALTER TABLE %s ADD UNIQUE (%s), or name a unique column as key.', source, shown);
    END IF;
    RETURN names;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._check_reference(referring regclass, names text[], persons leadscore.source)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    key_names text[];
    leads_to  text;
BEGIN
    SELECT array_agg(b.columns ->> (persons.parts -> 'columns' -> k.at ->> 1)::int ORDER BY k.nth) INTO key_names
    FROM (SELECT w.columns FROM leadscore._bound_columns(persons.source, format('leadscore_%s_columns', persons.source_id)) w) b
    CROSS JOIN LATERAL (SELECT e.value::int AS at, e.nth FROM jsonb_array_elements_text(persons.parts -> 'key') WITH ORDINALITY e(value, nth)) k;
    IF key_names IS NULL OR array_position(key_names, NULL) IS NOT NULL OR referring = persons.source THEN
        RETURN;
    END IF;
    -- A text may hold what is printed of several columns.
    IF cardinality(names) > 1 AND cardinality(key_names) = 1
       AND EXISTS (SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
                   WHERE a.attrelid = persons.source AND a.attname = key_names[1] AND t.typcategory <> 'S')
       AND NOT EXISTS (SELECT FROM leadscore.source s
                       WHERE s.role = 'person' AND s.attached AND s.person_kind = persons.person_kind AND s.source_id <> persons.source_id) THEN
        RAISE invalid_foreign_key USING
            MESSAGE = format('%s of %s are several columns, and the key of persons of kind %L is %I of %s', array_to_string(names, ', '), referring,
                             persons.person_kind, key_names[1], persons.source),
            DETAIL = 'No person would ever have such a key.',
            HINT = 'Name the column that refers to that one.';
    END IF;
    WITH target AS (
        SELECT c.confrelid, array_agg(b.attname::text ORDER BY k.nth) AS names
        FROM pg_constraint c
        CROSS JOIN LATERAL unnest(c.conkey, c.confkey) WITH ORDINALITY k(own, theirs, nth)
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.own
        JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = k.theirs
        WHERE c.conrelid = referring AND c.contype = 'f' AND c.conparentid = 0
        GROUP BY c.oid, c.confrelid
        HAVING array_agg(a.attname::text ORDER BY a.attname) = (SELECT array_agg(n ORDER BY n) FROM unnest(names) n)
    ), also AS (
        -- The key of the persons may itself refer to that table, as where one table extends another.
        SELECT c.confrelid
        FROM pg_constraint c
        WHERE c.conrelid = persons.source AND c.contype = 'f'
          AND (SELECT array_agg(a.attname::text ORDER BY a.attname) FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey))
              = (SELECT array_agg(n ORDER BY n) FROM unnest(key_names) n)
    )
    SELECT format('%s (%s)', t.confrelid::regclass, array_to_string(t.names, ', ')) INTO leads_to
    FROM target t
    WHERE NOT EXISTS (SELECT FROM target f
                      WHERE (f.confrelid = persons.source AND f.names @> key_names) OR f.confrelid IN (SELECT confrelid FROM also)
                         OR f.confrelid IN (SELECT a.relid FROM pg_partition_ancestors(persons.source) a))
    LIMIT 1;
    IF leads_to IS NOT NULL THEN
        RAISE invalid_foreign_key USING
            MESSAGE = format('%s of %s refers to %s, and persons of kind %L come from %s (%s)', array_to_string(names, ', '), referring, leads_to,
                             persons.person_kind, persons.source, array_to_string(key_names, ', ')),
            DETAIL = 'Rows would be counted for persons who happen to have the same key.',
            HINT = 'Name the column that refers to that table, or the kind of the persons that this one refers to.';
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._put_triggers(of_source integer)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    s       leadscore.source;
    t       leadscore.source_step;
    prefix  text := 'leadscore_' || of_source || '_';
    columns text;
    part    record;
    before  text := leadscore._local_ddl();
BEGIN
    SELECT * INTO s FROM leadscore.source x WHERE x.source_id = of_source;
    SELECT string_agg(quote_ident(n.name), ', ' ORDER BY n.nth) INTO columns
    FROM jsonb_array_elements_text(s.parts -> 'names') WITH ORDINALITY n(name, nth);
    PERFORM leadscore._let_put_triggers(x.relation) FROM (SELECT s.source AS relation UNION SELECT x.relation FROM leadscore.source_step x WHERE x.source_id = of_source) x
    WHERE leadscore._is_distributed(x.relation);
    FOR part IN
        SELECT p.relation, v.before || prefix || v.name || p.suffix AS name, v.events, v.level, v.function
        FROM leadscore._places_of(s.source) p
        CROSS JOIN LATERAL (VALUES
            ('', 1, 'columns', 'AFTER UPDATE OF ' || columns, 'STATEMENT WHEN (false)', '_source_changed', true),
            -- Before its rows are locked, as for persons: a run writes to them. And before triggers of the application for the
            -- statement, which go by name: what they bring about must not write a row that the statement will.
            ('!', 2, 'begin', 'BEFORE INSERT OR DELETE OR UPDATE', 'STATEMENT', '_source_begins', jsonb_array_length(s.parts -> 'names') > (s.parts ->> 'reads')::int),
            ('', 3, 'row', 'AFTER INSERT OR DELETE', 'ROW', '_source_row_changed', true),
            ('', 4, 'row_update', 'AFTER UPDATE', 'ROW', '_source_row_changed', true),
            ('', 5, 'statement', 'AFTER INSERT OR DELETE OR UPDATE', 'STATEMENT', '_source_changed', true),
            ('', 6, 'truncate', 'AFTER TRUNCATE', 'STATEMENT', '_source_truncated', NOT leadscore._is_distributed(s.source)),
            ('', 6, 'truncate', 'BEFORE TRUNCATE', 'STATEMENT', '_refuse_truncate', leadscore._is_distributed(s.source) AND p.suffix = '')
        ) v(before, nth, name, events, level, function, wanted)
        WHERE v.wanted AND NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = p.relation AND g.tgname = v.before || prefix || v.name || p.suffix)
        ORDER BY p.suffix, v.nth
    LOOP
        EXECUTE format('CREATE TRIGGER %I %s ON %s FOR EACH %s EXECUTE FUNCTION leadscore.%I(%L)',
                       part.name, part.events, part.relation, part.level, part.function, of_source);
    END LOOP;
    FOR t IN SELECT * FROM leadscore.source_step x WHERE x.source_id = of_source ORDER BY x.step LOOP
        SELECT string_agg(quote_ident(n.name), ', ' ORDER BY n.nth) INTO columns FROM unnest(t.names) WITH ORDINALITY n(name, nth);
        FOR part IN SELECT p.relation, p.suffix, prefix || t.step || '_columns' || p.suffix AS name FROM leadscore._places_of(t.relation) p LOOP
            IF NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = part.relation AND g.tgname = part.name) THEN
                EXECUTE format('CREATE TRIGGER %I AFTER UPDATE OF %s ON %s FOR EACH STATEMENT WHEN (false) EXECUTE FUNCTION leadscore._reached_changed()',
                               part.name, columns, part.relation);
            END IF;
            PERFORM leadscore._put_reached_triggers(part.relation, part.suffix, leadscore._may_come_later(s, t.step));
        END LOOP;
    END LOOP;
    PERFORM leadscore._local_ddl(before);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._is_deferrable(s leadscore.source, step integer)
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT (EXISTS ( SELECT
            FROM pg_constraint c
           WHERE ((c.contype = 'f'::"char") AND c.condeferrable AND (c.confrelid = (( SELECT t.relation
                    FROM leadscore.source_step t
                   WHERE ((t.source_id = (_is_deferrable.s).source_id) AND (t.step = _is_deferrable.step))))::oid) AND (c.conrelid = (COALESCE(( SELECT t.relation
                    FROM leadscore.source_step t
                   WHERE ((t.source_id = (_is_deferrable.s).source_id) AND (t.step = (((((_is_deferrable.s).parts -> 'steps'::text) -> (_is_deferrable.step - 1)) ->> 'parent'::text))::integer))), (_is_deferrable.s).source))::oid)))) AS "exists";
END;

CREATE OR REPLACE FUNCTION leadscore._has_loose_keys(relation regclass)
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT (EXISTS ( SELECT
            FROM pg_constraint c
           WHERE ((c.contype = 'f'::"char") AND (c.confrelid = (_has_loose_keys.relation)::oid) AND (NOT (c.convalidated AND COALESCE(((to_jsonb(c.*) ->> 'conenforced'::text))::boolean, true)))))) AS "exists";
END;

CREATE OR REPLACE FUNCTION leadscore._leads_to(s leadscore.source, of_step integer)
 RETURNS regclass
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    part    jsonb := s.parts -> 'steps' -> (of_step - 1);
    parent  int := (part ->> 'parent')::int;
    known   leadscore.source_step;
    before  leadscore.source_step;
    referring regclass := s.source;
    named   text[];
    columns jsonb;
BEGIN
    SELECT * INTO known FROM leadscore.source_step t WHERE t.source_id = s.source_id AND t.step = of_step;
    IF leadscore._is_distributed(s.source) THEN
        RETURN known.relation;
    END IF;
    IF parent = 0 THEN
        SELECT coalesce(b.columns, s.parts -> 'names') INTO columns FROM leadscore._bound_columns(s.source, format('leadscore_%s_columns', s.source_id)) b;
    ELSE
        SELECT * INTO before FROM leadscore.source_step t WHERE t.source_id = s.source_id AND t.step = parent;
        SELECT coalesce(b.columns, to_jsonb(before.names)) INTO columns
        FROM leadscore._bound_columns(before.relation, format('leadscore_%s_%s_columns', s.source_id, parent)) b;
        referring := coalesce(leadscore._leads_to(s, parent), before.relation);
    END IF;
    named := ARRAY(SELECT columns ->> e.place::int FROM jsonb_array_elements_text(part -> 'from') e(place) ORDER BY 1);
    RETURN (SELECT c.confrelid
            FROM pg_constraint c
            WHERE c.contype = 'f' AND c.conrelid = referring AND c.conparentid = 0
              AND ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey) ORDER BY 1) = named
            ORDER BY c.confrelid <> known.relation, c.oid LIMIT 1);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._follow_keys(s leadscore.source)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    moved record;
    g     record;
BEGIN
    FOR moved IN
        SELECT t.step, t.relation, leadscore._leads_to(s, t.step) AS present FROM leadscore.source_step t WHERE t.source_id = s.source_id
    LOOP
        CONTINUE WHEN moved.present IS NULL OR moved.present = moved.relation;
        UPDATE leadscore.source_step t SET relation = moved.present WHERE t.source_id = s.source_id AND t.step = moved.step;
        FOR g IN
            SELECT t.tgname FROM pg_trigger t
            WHERE t.tgrelid = moved.relation AND t.tgparentid = 0
              AND (t.tgname = format('leadscore_%s_%s_columns', s.source_id, moved.step)
                   OR (starts_with(t.tgname, 'leadscore_reached')
                       AND NOT EXISTS (SELECT FROM leadscore.source_step x JOIN leadscore.source y USING (source_id) WHERE y.attached AND x.relation = moved.relation)))
        LOOP
            EXECUTE format('DROP TRIGGER %I ON %s', g.tgname, moved.relation);
        END LOOP;
    END LOOP;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._has_key(s leadscore.source, step integer)
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT (EXISTS ( SELECT
            FROM leadscore.source_step t
           WHERE ((t.source_id = (_has_key.s).source_id) AND (t.step = _has_key.step) AND ((t.relation)::oid = (leadscore._leads_to(_has_key.s, t.step))::oid)))) AS "exists";
END;

CREATE OR REPLACE FUNCTION leadscore._may_come_later(s leadscore.source, step integer)
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT (leadscore._is_deferrable(s, step) OR (NOT leadscore._has_key(s, step)) OR leadscore._has_loose_keys(( SELECT t.relation
            FROM leadscore.source_step t
           WHERE ((t.source_id = (_may_come_later.s).source_id) AND (t.step = _may_come_later.step)))));
END;

CREATE OR REPLACE FUNCTION leadscore._put_reached_triggers(relation regclass, suffix text, with_moves boolean)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    part record;
BEGIN
    FOR part IN SELECT * FROM (VALUES ('leadscore_reached_row', 'UPDATE', 'ROW', '_reached_row_changed', true),
                                      ('leadscore_reached', 'UPDATE', 'STATEMENT', '_reached_changed', true),
                                      ('leadscore_reached_row_moved', 'INSERT OR DELETE', 'ROW', '_reached_row_changed', with_moves),
                                      ('leadscore_reached_moved', 'INSERT OR DELETE', 'STATEMENT', '_reached_changed', with_moves)) v(name, events, level, function, wanted)
                WHERE v.wanted LOOP
        IF NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = relation AND g.tgname = part.name || suffix) THEN
            EXECUTE format('CREATE TRIGGER %I AFTER %s ON %s FOR EACH %s EXECUTE FUNCTION leadscore.%I()',
                           part.name || suffix, part.events, relation, part.level, part.function);
        END IF;
    END LOOP;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._drop_triggers(of_source integer)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET standard_conforming_strings TO 'on'
AS $function$
DECLARE
    g        record;
    attached regclass[] := ARRAY(SELECT p.relation FROM leadscore.source s CROSS JOIN LATERAL leadscore._places_of(s.source) p WHERE s.source_id = of_source);
    reached  regclass[] := ARRAY(SELECT DISTINCT p.relation FROM leadscore.source_step t CROSS JOIN LATERAL leadscore._places_of(t.relation) p WHERE t.source_id = of_source);
    used     regclass[] := ARRAY(SELECT DISTINCT p.relation FROM leadscore.source_step t JOIN leadscore.source s USING (source_id)
                                 CROSS JOIN LATERAL leadscore._places_of(t.relation) p WHERE s.attached AND t.source_id <> of_source);
    before   text := leadscore._local_ddl();
BEGIN
    FOR g IN SELECT t.tgname, t.tgrelid::regclass AS relation FROM pg_trigger t
             WHERE t.tgrelid = ANY (reached || attached) AND ltrim(t.tgname, '!') LIKE 'leadscore\_' || of_source || '\_%' AND t.tgparentid = 0 LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', g.tgname, g.relation);
    END LOOP;
    FOR g IN SELECT t.tgname, t.tgrelid::regclass AS relation FROM pg_trigger t
             WHERE t.tgrelid = ANY (reached) AND t.tgname LIKE 'leadscore\_reached%' AND t.tgparentid = 0 AND t.tgrelid <> ALL (used) LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', g.tgname, g.relation);
    END LOOP;
    PERFORM leadscore._local_ddl(before);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._tell_missing_indexes(plan leadscore._plan)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    w record;
BEGIN
    FOR w IN
        SELECT plan.relations[p.parent + 1] AS relation, plan.relations[p.step + 1] AS reached,
               (SELECT string_agg(quote_ident(f.name), ', ' ORDER BY f.nth) FROM jsonb_array_elements_text(plan.froms -> p.step::int) WITH ORDINALITY f(name, nth)) AS columns
        FROM unnest(plan.parents) WITH ORDINALITY p(parent, step)
        WHERE NOT EXISTS (
            SELECT FROM pg_index i
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
            WHERE i.indrelid = plan.relations[p.parent + 1] AND i.indisvalid AND (plan.froms -> p.step::int) ? a.attname::text
              AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NOT NULL)', a.attname)))
    LOOP
        RAISE NOTICE 'no index on % (%)', w.relation, w.columns USING
            DETAIL = format('When a row of %s changes, all of %s is read to find those that refer to it.', w.reached, w.relation),
            HINT = format('CREATE INDEX ON %s (%s);', w.relation, w.columns);
    END LOOP;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._tell_zone(source regclass, column_name text, zone text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
DECLARE
    held timestamp;
BEGIN
    IF column_name IS NULL OR now() AT TIME ZONE zone = now() AT TIME ZONE 'UTC' OR NOT EXISTS (
        SELECT FROM pg_attribute a WHERE a.attrelid = source AND a.attname = column_name
                                     AND leadscore._base_type(a.atttypid) = 'timestamp'::regtype) THEN
        RETURN;
    END IF;
    EXECUTE format('SELECT t.%1$I FROM %2$s t WHERE t.%1$I BETWEEN $1 - interval ''5 min'' AND $1 + interval ''1 min'' LIMIT 1', column_name, source)
        INTO held USING now() AT TIME ZONE 'UTC';
    IF held IS NOT NULL THEN
        RAISE NOTICE 'column % of % may hold UTC', quote_ident(column_name), source USING
            DETAIL = format('A row says %s, which in %s is %s from now.', held, zone, justify_hours(date_trunc('minute', held AT TIME ZONE zone - now()))),
            HINT = 'Say so when attaching: time_zone => ''UTC''.';
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._name_of(relation regclass)
 RETURNS text
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT format('%I.%I'::text, n.nspname, c.relname) AS format
    FROM (pg_class c
      JOIN pg_namespace n ON ((n.oid = c.relnamespace)))
   WHERE (c.oid = (_name_of.relation)::oid);
END;

CREATE OR REPLACE FUNCTION leadscore._register_source(source regclass, as_role text, kind text, label text, fixed_type text, zone text, parts jsonb, plan leadscore._plan)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    number int;
    called text := leadscore._name_of(source);
    holder name := (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = source);
BEGIN
    -- Of the same table under another kind, or of one that is gone or gave its name away.
    SELECT s.source_id INTO number
    FROM leadscore.source s
    WHERE s.role = as_role AND s.label = _register_source.label
      AND CASE WHEN s.source = _register_source.source THEN (as_role = 'activity' OR s.person_kind = kind) AND NOT s.attached
               WHEN s.person_kind <> kind THEN false
               WHEN leadscore._name_of(s.source) IS NULL THEN s.attached OR s.name = called
               ELSE s.name = called AND NOT s.attached AND leadscore._name_of(s.source) <> called END
    ORDER BY s.source = _register_source.source DESC, s.person_kind = kind DESC, s.name = called DESC, s.source_id DESC
    LIMIT 1;
    IF number IS NULL THEN
        INSERT INTO leadscore.source AS s (source, name, owner, role, person_kind, label, activity_type, time_zone, parts)
        VALUES (source, called, holder, as_role, kind, label, fixed_type, zone, parts)
        RETURNING s.source_id INTO number;
    ELSE
        PERFORM leadscore._drop_triggers(number);
        UPDATE leadscore.source s
        SET source = _register_source.source, name = called, owner = holder, attached = true, person_kind = kind, activity_type = fixed_type,
            time_zone = zone, parts = _register_source.parts
        WHERE s.source_id = number;
    END IF;
    DELETE FROM leadscore.source_step t WHERE t.source_id = number;
    INSERT INTO leadscore.source_step (source_id, step, relation, names)
    SELECT number, p.step, plan.relations[p.step + 1], leadscore._bound_names(plan, p.step::int)
    FROM unnest(plan.parents) WITH ORDINALITY p(parent, step);
    -- Those that came with a dump of the table.
    PERFORM leadscore._drop_triggers(number);
    PERFORM leadscore._go_live();
    PERFORM leadscore._forget_configuration();
    RETURN number;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._lock_table(relation regclass)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF NOT leadscore._is_distributed(relation) THEN
        EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', relation);
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._lock_tables(plan leadscore._plan)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    r regclass;
BEGIN
    PERFORM leadscore._lock_table(plan.relations[1]);
    FOR r IN SELECT DISTINCT x FROM unnest(plan.relations[2:]) x ORDER BY x LOOP
        PERFORM leadscore._lock_table(r);
    END LOOP;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._bind_only_when(plan leadscore._plan, only_when jsonb, caller oid)
 RETURNS leadscore._plan
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    item       record;
    conditions jsonb;
BEGIN
    IF jsonb_typeof(only_when) <> 'object' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('attaching %s: only_when %s is no JSON object', plan.relations[1], only_when),
            DETAIL = 'It names columns and the values that they must have.',
            HINT = 'Write {"column": "value"} or {"column": ["one value", "another"]}.';
    END IF;
    FOR item IN SELECT w.key AS name, w.value FROM jsonb_each(only_when) w LOOP
        plan := leadscore._bind(plan, item.name, 'a condition of only_when', NULL, caller);
        IF jsonb_typeof(item.value) = 'object' OR jsonb_path_exists(item.value, 'strict $[*] ? (@.type() == "object" || @.type() == "array")', '{}', true) THEN
            RAISE invalid_parameter_value USING
                MESSAGE = format('attaching %s: only_when for column %I is no value', plan.relations[1], item.name),
                DETAIL = 'A column is compared with a value, or with the values of a list.',
                HINT = 'Write {"column": "value"} or {"column": ["one value", "another"]}.';
        END IF;
        conditions := coalesce(conditions, '[]') || jsonb_build_array(jsonb_build_object('at', plan.at,
            'values', CASE jsonb_typeof(item.value) WHEN 'array' THEN item.value ELSE jsonb_build_array(item.value) END));
    END LOOP;
    plan.extra := conditions;
    RETURN plan;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._bind_attributes(plan leadscore._plan, attributes text[], caller oid)
 RETURNS leadscore._plan
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    found jsonb[];
    name  text;
BEGIN
    IF array_position(attributes, NULL) IS NOT NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = format('attaching %s: attributes hold a NULL', plan.relations[1]),
            DETAIL = 'Each attribute is a column of the table, or reached from it.',
            HINT = 'Name columns.';
    END IF;
    FOREACH name IN ARRAY coalesce(attributes, '{}') LOOP
        plan := leadscore._bind(plan, name, 'an attribute', NULL, caller);
        found := found || jsonb_build_object('label', name, 'at', plan.at);
    END LOOP;
    plan.extra := to_jsonb(found);
    RETURN plan;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._has_persons_of_others(of_kind text, caller oid)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    -- A table that is gone was its owner's.
    own int[] := ARRAY(SELECT s.source_id FROM leadscore.source s LEFT JOIN pg_class c ON c.oid = s.source
                       JOIN pg_roles r ON r.oid = c.relowner OR (c.oid IS NULL AND r.rolname = s.owner)
                       WHERE s.role = 'person' AND pg_has_role(caller, r.oid, 'USAGE'));
BEGIN
    RETURN EXISTS (SELECT FROM leadscore.source s
                   WHERE s.role = 'person' AND s.attached AND s.person_kind = of_kind AND s.source_id <> ALL (own))
        OR EXISTS (SELECT FROM leadscore.person p WHERE p.kind = of_kind AND (p.source_id = ANY (own)) IS NOT TRUE);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._bind_key(source regclass, key text, caller oid)
 RETURNS leadscore._plan
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    plan leadscore._plan := ROW(ARRAY[source], '{}', '[null]', '[null]', '{}', '{}', '{}', NULL, NULL);
    keys jsonb := '[]';
    name text;
BEGIN
    FOREACH name IN ARRAY leadscore._key_columns(source, key) LOOP
        plan := leadscore._bind(plan, name, 'the key', NULL, caller);
        keys := keys || to_jsonb(plan.at);
    END LOOP;
    plan.extra := keys;
    RETURN plan;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._attach_person(source regclass, kind text, key text, status text, owner text, since text, score text, category text, name text, attributes text[], tenant text, only_when jsonb, time_zone text, scorecards jsonb)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
DECLARE
    plan     leadscore._plan;
    parts    jsonb;
    written  text[];
    own      text[];
    number   int;
    caller   oid;
    since_at int;
    item     record;
    pair     text[];
    cards    jsonb := '[]';
    s        leadscore.source;
    moments  CONSTANT text[] := ARRAY['timestamp with time zone', 'timestamp without time zone', 'date'];
BEGIN
    PERFORM leadscore._check_source(source);
    caller := leadscore._admitted_role();
    IF kind IS NULL OR kind = '' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('attach_person: %s has no kind', source),
            DETAIL = 'Rules and categories tell persons by their kind.',
            HINT = 'Say what its rows are: kind => ''candidate''.';
    END IF;
    SELECT x.* INTO s FROM leadscore.source x
    WHERE x.role = 'person' AND x.attached AND x.person_kind = kind AND leadscore._name_of(x.source) IS NOT NULL;
    IF s.source = source THEN
        RAISE duplicate_object USING
            MESSAGE = format('%s is attached already', source),
            DETAIL = format('Its rows are persons of kind %L.', kind),
            HINT = format('To attach it in another way: SELECT leadscore.detach(%L);', source::text);
    ELSIF s.source_id IS NOT NULL THEN
        RAISE duplicate_object USING
            MESSAGE = format('persons of kind %L come from %s already', kind, s.source),
            DETAIL = 'Keys of two tables could not be told apart.',
            HINT = 'Choose another kind.';
    END IF;
    -- By its own rows it would read their scores, change them and remove them.
    IF NOT (has_column_privilege(caller, 'leadscore.person', 'score', 'SELECT')
            AND has_column_privilege(caller, 'leadscore.person', 'status', 'UPDATE')
            AND has_table_privilege(caller, 'leadscore.person', 'DELETE'))
       AND leadscore._has_persons_of_others(kind, caller) THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('there are persons of kind %L that come from no table of role %I', kind, pg_get_userbyid(caller)),
            DETAIL = format('Rows of %s with their keys would take them over.', source),
            HINT = format('Choose another kind, or GRANT SELECT, UPDATE, DELETE ON leadscore.person TO %I;', pg_get_userbyid(caller));
    END IF;
    PERFORM leadscore._require_time_zone(time_zone) WHERE time_zone IS NOT NULL;
    plan := leadscore._bind_key(source, key, caller);
    parts := jsonb_build_object('key', plan.extra);
    plan := leadscore._bind(plan, status, 'the status', NULL, caller);
    parts := parts || jsonb_build_object('status', plan.at);
    plan := leadscore._bind(plan, owner, 'the owner', NULL, caller);
    parts := parts || jsonb_build_object('owner', plan.at);
    plan := leadscore._bind(plan, since, 'since', moments, caller);
    parts := parts || jsonb_build_object('moment', plan.at);
    since_at := plan.at;
    plan := leadscore._bind(plan, name, 'the name', NULL, caller);
    parts := parts || jsonb_build_object('name', plan.at);
    plan := leadscore._bind(plan, tenant, 'the tenant', NULL, caller);
    parts := parts || jsonb_build_object('tenant', plan.at);
    plan := leadscore._bind_attributes(plan, attributes, caller);
    parts := parts || jsonb_build_object('attributes', plan.extra);
    plan := leadscore._bind_only_when(plan, only_when, caller);
    parts := parts || jsonb_build_object('only_when', plan.extra);

    -- What is written back.
    IF jsonb_typeof(scorecards) <> 'object' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('attach_person: scorecards %s is no JSON object', scorecards),
            DETAIL = 'It names scorecards, each with the columns for its score and its category.',
            HINT = 'Write {"fit": ["fit_score", "fit_category"]}; null leaves one of them out.';
    END IF;
    own := leadscore._bound_names(plan, 0);
    written := array_remove(ARRAY[score, category], NULL);
    parts := parts || jsonb_build_object('score', CASE WHEN score IS NOT NULL THEN cardinality(own) END,
                                         'category', CASE WHEN category IS NOT NULL THEN cardinality(own) + (score IS NOT NULL)::int END);
    FOR item IN SELECT c.key AS scorecard, c.value FROM jsonb_each(scorecards) c ORDER BY c.key LOOP
        IF NOT EXISTS (SELECT FROM leadscore.scorecard c WHERE c.scorecard = item.scorecard) OR item.scorecard = 'main' THEN
            RAISE undefined_object USING
                MESSAGE = CASE item.scorecard WHEN 'main' THEN 'attach_person: main''s columns are score and category'
                                              ELSE format('scorecard %L does not exist', item.scorecard) END,
                DETAIL = format('Its score would be written back to %s.', source),
                HINT = CASE item.scorecard WHEN 'main' THEN 'Name them so: score => ''…'', category => ''…''.'
                                           ELSE format('INSERT INTO leadscore.scorecard (scorecard) VALUES (%L);', item.scorecard) END;
        END IF;
        IF jsonb_typeof(item.value) <> 'array' OR jsonb_array_length(item.value) NOT BETWEEN 1 AND 2
           OR jsonb_path_exists(item.value, '$[*] ? (@.type() != "string" && @.type() != "null")') THEN
            RAISE invalid_parameter_value USING
                MESSAGE = format('attach_person: scorecard %L has no columns', item.scorecard),
                DETAIL = format('%s is no list of two names.', item.value),
                HINT = 'Write {"fit": ["fit_score", "fit_category"]}; null leaves one of them out.';
        END IF;
        pair := ARRAY[item.value ->> 0, item.value ->> 1];
        cards := cards || jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('scorecard', item.scorecard,
            'score', CASE WHEN pair[1] IS NOT NULL THEN cardinality(own) + cardinality(written) END,
            'category', CASE WHEN pair[2] IS NOT NULL THEN cardinality(own) + cardinality(written) + (pair[1] IS NOT NULL)::int END)));
        PERFORM leadscore._check_column(source, pair[1], 'a score to write back', ARRAY['integer', 'bigint', 'numeric']),
                leadscore._check_column(source, pair[2], 'a category to write back', ARRAY['text', 'character varying']);
        written := written || array_remove(pair, NULL);
    END LOOP;
    PERFORM leadscore._check_column(source, score, 'the score to write back', ARRAY['integer', 'bigint', 'numeric']);
    PERFORM leadscore._check_column(source, category, 'the category to write back', ARRAY['text', 'character varying']);
    IF EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = source AND a.attname = ANY (written)
               AND (a.attgenerated <> '' OR a.attidentity = 'a')) THEN
        RAISE wrong_object_type USING
            MESSAGE = format('attach_person: a column of %s that would be written back to is generated', source),
            DETAIL = 'PostgreSQL itself gives the column its value.',
            HINT = 'Give score and category ordinary columns.';
    END IF;
    IF own && written OR cardinality(written) <> (SELECT count(DISTINCT w) FROM unnest(written) w) THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('attach_person: a column of %s is both read and written', source),
            DETAIL = 'What leadscore writes would be read as what the application says, or the other way round.',
            HINT = 'Give score and category columns of their own.';
    END IF;
    IF cardinality(written) > 0 AND EXISTS (
        SELECT FROM pg_trigger t WHERE t.tgrelid = source AND t.tgdeferrable AND NOT t.tgisinternal) THEN
        RAISE feature_not_supported USING
            MESSAGE = format('%s has a deferrable trigger', source),
            DETAIL = 'What is written back may run code of the table''s owner only at once and as the owner, not at commit.',
            HINT = 'Leave score and category out, or make the trigger an ordinary one.';
    END IF;
    parts := jsonb_strip_nulls(parts || jsonb_build_object('scorecards', nullif(cards, '[]')) || leadscore._places(plan, written));

    PERFORM leadscore._lock_tables(plan);
    PERFORM leadscore._need_current_snapshot();
    number := leadscore._register_source(source, 'person', kind, '', NULL, time_zone, parts, plan);
    PERFORM leadscore._put_triggers(number);
    SELECT * INTO s FROM leadscore.source x WHERE x.source_id = number;
    -- Rows that are attached already must refer to these.
    PERFORM leadscore._check_reference_of(x, s) FROM leadscore.source x WHERE x.role = 'activity' AND x.attached AND x.person_kind = kind;
    PERFORM leadscore._check_colocation(number), leadscore._tell_missing_indexes(plan);
    PERFORM leadscore._resync(number);
    IF leadscore._is_distributed(source) THEN
        RETURN leadscore._attach_on_nodes(number);
    END IF;
    IF time_zone IS NULL AND since_at IS NOT NULL AND plan.steps[since_at + 1] = 0 THEN
        PERFORM leadscore._tell_zone(source, plan.names[since_at + 1], z.time_zone) FROM leadscore.settings z;
    END IF;
    RETURN (SELECT count(*) FROM leadscore.person p WHERE p.source_id = number);
END $function$;

CREATE OR REPLACE FUNCTION leadscore.attach_person(source regclass, kind text, key text DEFAULT NULL::text, status text DEFAULT NULL::text, owner text DEFAULT NULL::text, since text DEFAULT NULL::text, score text DEFAULT NULL::text, category text DEFAULT NULL::text, name text DEFAULT NULL::text, attributes text[] DEFAULT NULL::text[], tenant text DEFAULT NULL::text, only_when jsonb DEFAULT NULL::jsonb, time_zone text DEFAULT NULL::text, scorecards jsonb DEFAULT NULL::jsonb)
 RETURNS bigint
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    PERFORM leadscore._admit(source);
    RETURN leadscore._attach_person(source, kind, key, status, owner, since, score, category, name, attributes, tenant, only_when, time_zone, scorecards);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._check_reference_of(activities leadscore.source, persons leadscore.source)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    r record;
BEGIN
    FOR r IN
        SELECT c.relation, array_agg(c.name ORDER BY c.nth) AS names
        FROM (SELECT CASE p.step WHEN 0 THEN activities.source ELSE t.relation END AS relation, e.nth,
                     (SELECT b.columns ->> p.at FROM leadscore._bound_columns(
                          CASE p.step WHEN 0 THEN activities.source ELSE t.relation END,
                          CASE p.step WHEN 0 THEN format('leadscore_%s_columns', activities.source_id)
                                      ELSE format('leadscore_%s_%s_columns', activities.source_id, p.step) END) b) AS name
              FROM jsonb_array_elements_text(activities.parts -> 'person') WITH ORDINALITY e(place, nth)
              CROSS JOIN LATERAL (SELECT (activities.parts -> 'columns' -> e.place::int ->> 0)::int AS step,
                                         (activities.parts -> 'columns' -> e.place::int ->> 1)::int AS at) p
              LEFT JOIN leadscore.source_step t ON t.source_id = activities.source_id AND t.step = p.step) c
        WHERE c.name IS NOT NULL
        GROUP BY c.relation
    LOOP
        PERFORM leadscore._check_reference(r.relation, r.names, persons);
    END LOOP;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._attach_activity(source regclass, activity_type text, person text, person_kind text, occurred_at text, key text, activity_type_column text, attributes text[], only_when jsonb, tenant text, time_zone text, label text)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
DECLARE
    plan      leadscore._plan;
    parts     jsonb;
    number    int;
    item      record;
    caller    oid;
    keys      jsonb := '[]';
    moment_at int;
    s         leadscore.source;
    moments   CONSTANT text[] := ARRAY['timestamp with time zone', 'timestamp without time zone', 'date'];
BEGIN
    PERFORM leadscore._check_source(source);
    caller := leadscore._admitted_role();
    label := coalesce(label, '');
    IF person IS NULL OR person_kind IS NULL OR person_kind = '' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('attach_activity: %s has no %s', source, CASE WHEN person IS NULL THEN 'person' ELSE 'person_kind' END),
            DETAIL = 'An activity belongs to a person of a kind.',
            HINT = 'Name the column that refers to the person and say what kind it is: person => ''candidate_id'', person_kind => ''candidate''.';
    END IF;
    IF (activity_type IS NULL) = (activity_type_column IS NULL) THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('attach_activity: %s needs either activity_type or activity_type_column', source),
            DETAIL = 'A row has one type: the same for all of them, or that of a column.',
            HINT = 'Give the type that all rows have, or the column that says it.';
    END IF;
    IF activity_type IS NOT NULL AND NOT EXISTS (SELECT FROM leadscore.activity_type t WHERE t.activity_type = _attach_activity.activity_type) THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('activity type %L does not exist', activity_type),
            DETAIL = format('%s would be attached as activities of that type.', source),
            HINT = format('INSERT INTO leadscore.activity_type (activity_type) VALUES (%L);', activity_type);
    END IF;
    IF EXISTS (SELECT FROM leadscore.source x
               WHERE x.source = source AND x.role = 'activity' AND x.attached AND x.person_kind = person_kind AND x.label = label) THEN
        RAISE duplicate_object USING
            MESSAGE = format('%s is attached already', source),
            DETAIL = format('Its rows are activities of persons of kind %L%s.', person_kind, CASE WHEN label <> '' THEN format(' under label %L', label) ELSE '' END),
            HINT = format('To attach it in another way: SELECT leadscore.detach(%L); to attach it once more: label => ''…''.', source::text);
    END IF;
    IF NOT has_column_privilege(caller, 'leadscore.activity', 'person_id', 'INSERT')
       AND leadscore._has_persons_of_others(person_kind, caller) THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('there are persons of kind %L that come from no table of role %I', person_kind, pg_get_userbyid(caller)),
            DETAIL = format('Rows of %s would give them points.', source),
            HINT = format('Let the owner of their table attach it, or GRANT INSERT ON leadscore.activity TO %I;', pg_get_userbyid(caller));
    END IF;
    PERFORM leadscore._require_time_zone(time_zone) WHERE time_zone IS NOT NULL;
    plan := leadscore._bind_key(source, key, caller);
    parts := jsonb_build_object('key', plan.extra);
    FOR item IN SELECT n AS name FROM unnest(leadscore._columns_in(source, person)) n LOOP
        plan := leadscore._bind(plan, item.name, 'the person', NULL, caller);
        PERFORM leadscore._check_key_type(plan.relations[plan.steps[plan.at + 1] + 1], plan.names[plan.at + 1], 'the person',
                                          cardinality(leadscore._columns_in(source, person)) > 1);
        keys := keys || to_jsonb(plan.at);
    END LOOP;
    parts := parts || jsonb_build_object('person', keys);
    plan := leadscore._bind(plan, occurred_at, 'occurred_at', moments, caller);
    parts := parts || jsonb_build_object('moment', plan.at);
    moment_at := plan.at;
    plan := leadscore._bind(plan, activity_type_column, 'the activity type', NULL, caller);
    parts := parts || jsonb_build_object('activity_type', plan.at);
    plan := leadscore._bind(plan, tenant, 'the tenant', NULL, caller);
    parts := parts || jsonb_build_object('tenant', plan.at);
    plan := leadscore._bind_attributes(plan, attributes, caller);
    parts := parts || jsonb_build_object('attributes', plan.extra);
    plan := leadscore._bind_only_when(plan, only_when, caller);
    parts := parts || jsonb_build_object('only_when', plan.extra);
    parts := jsonb_strip_nulls(parts || leadscore._places(plan, NULL));

    PERFORM leadscore._lock_tables(plan);
    PERFORM leadscore._need_current_snapshot();
    number := leadscore._register_source(source, 'activity', person_kind, label, activity_type, time_zone, parts, plan);
    PERFORM leadscore._put_triggers(number);
    SELECT * INTO s FROM leadscore.source x WHERE x.source_id = number;
    PERFORM leadscore._check_reference_of(s, x) FROM leadscore.source x WHERE x.role = 'person' AND x.attached AND x.person_kind = person_kind;
    PERFORM leadscore._check_colocation(number), leadscore._tell_missing_indexes(plan);
    PERFORM leadscore._adopt_activities(number);
    PERFORM leadscore._resync(number);
    IF leadscore._is_distributed(source) THEN
        RETURN leadscore._attach_on_nodes(number);
    END IF;
    IF time_zone IS NULL AND moment_at IS NOT NULL AND plan.steps[moment_at + 1] = 0 THEN
        PERFORM leadscore._tell_zone(source, plan.names[moment_at + 1], z.time_zone) FROM leadscore.settings z;
    END IF;
    RETURN (SELECT count(*) FROM leadscore.activity a WHERE a.source_id = number);
END $function$;

CREATE OR REPLACE FUNCTION leadscore.attach_activity(source regclass, activity_type text DEFAULT NULL::text, person text DEFAULT NULL::text, person_kind text DEFAULT NULL::text, occurred_at text DEFAULT NULL::text, key text DEFAULT NULL::text, activity_type_column text DEFAULT NULL::text, attributes text[] DEFAULT NULL::text[], only_when jsonb DEFAULT NULL::jsonb, tenant text DEFAULT NULL::text, time_zone text DEFAULT NULL::text, label text DEFAULT NULL::text)
 RETURNS bigint
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    PERFORM leadscore._admit(source);
    RETURN leadscore._attach_activity(source, activity_type, person, person_kind, occurred_at, key, activity_type_column,
                                      attributes, only_when, tenant, time_zone, label);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._adopt_activities(of_source integer)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
DECLARE
    s       leadscore.source;
    orphans int[];
BEGIN
    SELECT * INTO s FROM leadscore.source x WHERE x.source_id = of_source;
    orphans := ARRAY(SELECT x.source_id FROM leadscore.source x
                     WHERE x.role = 'activity' AND x.source_id <> of_source AND x.person_kind = s.person_kind AND leadscore._name_of(x.source) IS NULL);
    IF NOT EXISTS (SELECT FROM leadscore.activity a WHERE a.source_id = ANY (orphans)) THEN
        RETURN;
    END IF;
    UPDATE leadscore.activity a SET source_id = of_source
    FROM leadscore._source_rows(of_source) r
    JOIN leadscore._person_key k ON k.kind = s.person_kind AND k.external_id = r.person AND k.tenant IS NOT DISTINCT FROM r.tenant
    WHERE a.source_id = ANY (orphans) AND a.source_key = r.key AND a.person_id = k.person_id AND a.activity_type = r.activity_type
      AND a.occurred_at = coalesce(r.moment, a.occurred_at)
      AND NOT EXISTS (SELECT FROM leadscore.activity b WHERE b.source_id = of_source AND b.source_key = r.key);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._detach(source regclass, keep boolean, kind text, label text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    s        leadscore.source;
    admitted boolean := leadscore._admitted(source);
    found    boolean := false;
BEGIN
    PERFORM leadscore._need_attached(source);
    IF NOT admitted THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('must be owner of table %s', source),
            DETAIL = 'Triggers are put on it and taken off it.',
            HINT = 'Let its owner or a superuser detach it.';
    END IF;
    FOR s IN SELECT * FROM leadscore.source x
             WHERE x.source = _detach.source AND x.attached AND x.person_kind = coalesce(kind, x.person_kind)
               AND x.label = coalesce(_detach.label, x.label)
             ORDER BY x.role, x.source_id LOOP
        found := true;
        PERFORM leadscore._drop_triggers(s.source_id);
        UPDATE leadscore.source x SET attached = false WHERE x.source_id = s.source_id;
        IF NOT keep THEN
            PERFORM leadscore._remove_source(s.source_id);
        END IF;
    END LOOP;
    IF NOT found THEN
        RAISE undefined_object USING
            MESSAGE = format('%s is not attached for kind %L%s', source, coalesce(kind, 'any'), CASE WHEN label IS NOT NULL THEN format(' under label %L', label) ELSE '' END),
            DETAIL = 'It is attached in other ways, which stay.',
            HINT = format('SELECT role, person_kind, label FROM leadscore.source WHERE source = %L AND attached;', source::text);
    END IF;
    PERFORM leadscore._forget_configuration();
    PERFORM leadscore._tell_nodes() WHERE leadscore._is_distributed(source);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._remove_source(of_source integer)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    DELETE FROM leadscore.waiting w WHERE w.source_id = of_source;
    DELETE FROM leadscore.activity a WHERE a.source_id = of_source;
    PERFORM leadscore._lose_persons(array_agg(p.person_id)) FROM leadscore.person p
    WHERE p.source_id = of_source HAVING count(*) > 0;
    DELETE FROM leadscore.source_step t WHERE t.source_id = of_source;
    DELETE FROM leadscore.source x WHERE x.source_id = of_source;
END $function$;

CREATE OR REPLACE FUNCTION leadscore.forget_source(source_id integer)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    s leadscore.source;
BEGIN
    SELECT * INTO s FROM leadscore.source x WHERE x.source_id = forget_source.source_id;
    IF NOT FOUND THEN
        RAISE undefined_object USING
            MESSAGE = format('forget_source: there is no attached table with number %s', coalesce(source_id::text, 'NULL')),
            DETAIL = 'leadscore.source has no such row.',
            HINT = 'SELECT source_id, name FROM leadscore.source; lists them.';
    END IF;
    IF leadscore._name_of(s.source) IS NOT NULL THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('forget_source: %s is still there', s.source),
            DETAIL = 'Its owner detaches it.',
            HINT = format('SELECT leadscore.detach(%L, keep => false);', s.source::text);
    END IF;
    PERFORM leadscore._begin();
    PERFORM leadscore._drop_triggers(s.source_id);
    PERFORM leadscore._remove_source(s.source_id);
    PERFORM leadscore._forget_configuration();
    PERFORM leadscore._tell_nodes() WHERE leadscore._leads();
END $function$;

CREATE OR REPLACE FUNCTION leadscore.detach(source regclass, keep boolean DEFAULT true, kind text DEFAULT NULL::text, label text DEFAULT NULL::text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    PERFORM leadscore._admit(source);
    PERFORM leadscore._detach(source, keep, kind, label);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._parts_left(s leadscore.source, lists jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    parts     jsonb := s.parts;
    essential int[];
    reads     int := (s.parts ->> 'reads')::int;
    part      text;
    lost      record;
BEGIN
    essential := ARRAY(SELECT e.value::int FROM jsonb_array_elements_text(coalesce(parts -> 'key', '[]') || coalesce(parts -> 'person', '[]')) e
                       UNION ALL SELECT (w.value ->> 'at')::int FROM jsonb_array_elements(coalesce(parts -> 'only_when', '[]')) w
                       UNION ALL SELECT (parts ->> k)::int FROM unnest(CASE s.role WHEN 'activity' THEN ARRAY['tenant', 'moment', 'activity_type'] ELSE ARRAY['tenant'] END) k
                                 WHERE parts ? k);
    -- Of each column, by table and place: its new place, or none.
    FOR lost IN
        SELECT true FROM unnest(essential) e
        WHERE lists -> (parts -> 'columns' -> e ->> 0)::int ->> (parts -> 'columns' -> e ->> 1)::int IS NULL
        UNION ALL
        SELECT true FROM jsonb_array_elements(parts -> 'steps') WITH ORDINALITY t(step, nth)
        WHERE EXISTS (SELECT FROM jsonb_array_elements_text(t.step -> 'from') f WHERE lists -> (t.step ->> 'parent')::int ->> f.value::int IS NULL)
           OR EXISTS (SELECT FROM jsonb_array_elements_text(t.step -> 'to') f WHERE lists -> t.nth::int ->> f.value::int IS NULL)
    LOOP
        RETURN NULL;
    END LOOP;
    FOREACH part IN ARRAY ARRAY['status', 'owner', 'name', 'moment'] LOOP
        IF parts ? part AND lists -> (parts -> 'columns' -> (parts ->> part)::int ->> 0)::int ->> (parts -> 'columns' -> (parts ->> part)::int ->> 1)::int IS NULL THEN
            parts := parts - part;
        END IF;
    END LOOP;
    IF parts ? 'attributes' THEN
        parts := parts || jsonb_build_object('attributes', (
            SELECT coalesce(jsonb_agg(a.value ORDER BY a.nth), '[]') FROM jsonb_array_elements(parts -> 'attributes') WITH ORDINALITY a(value, nth)
            WHERE lists -> (parts -> 'columns' -> (a.value ->> 'at')::int ->> 0)::int ->> (parts -> 'columns' -> (a.value ->> 'at')::int ->> 1)::int IS NOT NULL));
    END IF;
    FOREACH part IN ARRAY ARRAY['score', 'category'] LOOP
        IF parts ? part THEN
            parts := jsonb_strip_nulls(parts || jsonb_build_object(part, leadscore._new_place(lists -> 0, (parts ->> part)::int)));
        END IF;
    END LOOP;
    IF parts ? 'scorecards' THEN
        parts := parts || jsonb_build_object('scorecards', (
            SELECT jsonb_agg(jsonb_strip_nulls(c.value || jsonb_build_object('score', leadscore._new_place(lists -> 0, (c.value ->> 'score')::int),
                                                                             'category', leadscore._new_place(lists -> 0, (c.value ->> 'category')::int))) ORDER BY c.nth)
            FROM jsonb_array_elements(parts -> 'scorecards') WITH ORDINALITY c(value, nth)));
    END IF;
    RETURN parts || jsonb_build_object(
        'columns', (SELECT jsonb_agg(jsonb_build_array(c.value -> 0, coalesce(leadscore._new_place(lists -> (c.value ->> 0)::int, (c.value ->> 1)::int), -1)) ORDER BY c.nth)
                    FROM jsonb_array_elements(parts -> 'columns') WITH ORDINALITY c(value, nth)),
        'steps', (SELECT coalesce(jsonb_agg(t.step || jsonb_build_object(
                             'from', (SELECT jsonb_agg(leadscore._new_place(lists -> (t.step ->> 'parent')::int, f.value::int) ORDER BY f.nth)
                                      FROM jsonb_array_elements_text(t.step -> 'from') WITH ORDINALITY f(value, nth)),
                             'to', (SELECT jsonb_agg(leadscore._new_place(lists -> t.nth::int, f.value::int) ORDER BY f.nth)
                                    FROM jsonb_array_elements_text(t.step -> 'to') WITH ORDINALITY f(value, nth))) ORDER BY t.nth), '[]')
                  FROM jsonb_array_elements(parts -> 'steps') WITH ORDINALITY t(step, nth)),
        'reads', (SELECT count(*) FROM jsonb_array_elements_text(lists -> 0) WITH ORDINALITY n(name, nth) WHERE n.nth <= reads AND n.name IS NOT NULL),
        'names', (SELECT jsonb_agg(n.name ORDER BY n.nth) FROM jsonb_array_elements_text(lists -> 0) WITH ORDINALITY n(name, nth) WHERE n.name IS NOT NULL));
END $function$;

CREATE OR REPLACE FUNCTION leadscore._new_place(list jsonb, at integer)
 RETURNS integer
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT
         CASE
             WHEN ((list ->> at) IS NOT NULL) THEN ( SELECT (count(*))::integer AS count
                FROM jsonb_array_elements_text(_new_place.list) WITH ORDINALITY n(name, nth)
               WHERE ((n.nth <= _new_place.at) AND (n.name IS NOT NULL)))
             ELSE NULL::integer
         END AS "case";
END;

CREATE OR REPLACE FUNCTION leadscore._present_names(s leadscore.source)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT jsonb_agg(( SELECT jsonb_agg(
                 CASE
                     WHEN leadscore._has_column(t.relation, n.name) THEN n.name
                     ELSE NULL::text
                 END ORDER BY n.nth) AS jsonb_agg
            FROM jsonb_array_elements_text(COALESCE(b.columns, t.names)) WITH ORDINALITY n(name, nth)) ORDER BY t.step) AS jsonb_agg
    FROM (( SELECT 0 AS step,
             (_present_names.s).source AS relation,
             ((_present_names.s).parts -> 'names'::text) AS names,
             format('leadscore_%s_columns'::text, (_present_names.s).source_id) AS trigger_name
         UNION ALL
          SELECT x.step,
             COALESCE(leadscore._leads_to(_present_names.s, x.step), x.relation) AS "coalesce",
             to_jsonb(x.names) AS to_jsonb,
             format('leadscore_%s_%s_columns'::text, x.source_id, x.step) AS format
            FROM leadscore.source_step x
           WHERE (x.source_id = (_present_names.s).source_id)) t
      CROSS JOIN LATERAL leadscore._bound_columns((t.relation)::oid, t.trigger_name) b(columns, types));
END;

CREATE OR REPLACE FUNCTION leadscore._is_whole(s leadscore.source)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    lists jsonb := leadscore._present_names(s);
BEGIN
    RETURN jsonb_array_length(lists) = 1 + jsonb_array_length(s.parts -> 'steps') AND leadscore._parts_left(s, lists) IS NOT NULL;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._may_lack(s leadscore.source, place jsonb)
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT (EXISTS ( SELECT
            FROM (((( SELECT (_may_lack.s).source AS relation
                   WHERE ((_may_lack.place ->> 0) = '0'::text)
                 UNION ALL
                  SELECT t_1.relation
                    FROM leadscore.source_step t_1
                   WHERE ((t_1.source_id = (_may_lack.s).source_id) AND (t_1.step = ((_may_lack.place ->> 0))::integer))) r
              CROSS JOIN LATERAL leadscore._bound_columns((r.relation)::oid,
                 CASE (_may_lack.place ->> 0)
                     WHEN '0'::text THEN format('leadscore_%s_columns'::text, (_may_lack.s).source_id)
                     ELSE format('leadscore_%s_%s_columns'::text, (_may_lack.s).source_id, (_may_lack.place ->> 0))
                 END) b(columns, types))
              JOIN pg_attribute a ON (((a.attrelid = (r.relation)::oid) AND (a.attname = (b.columns ->> ((_may_lack.place ->> 1))::integer)))))
              JOIN pg_type t ON ((t.oid = a.atttypid)))
           WHERE ((leadscore._base_type((COALESCE(NULLIF(t.typelem, (0)::oid), a.atttypid))::regtype))::oid = ('json'::regtype)::oid))) AS "exists";
END;

CREATE OR REPLACE FUNCTION leadscore._reattach(source regclass)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    s        leadscore.source;
    lists    jsonb;
    left_over jsonb;
    called   text := leadscore._name_of(source);
    admitted boolean := leadscore._admitted(source);
    caller   oid := leadscore._admitted_role();
BEGIN
    IF NOT EXISTS (SELECT FROM leadscore.source x WHERE x.attached AND x.name = called AND leadscore._name_of(x.source) IS DISTINCT FROM called) THEN
        PERFORM leadscore._need_attached(source);
    END IF;
    IF NOT admitted THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('must be owner of table %s', source),
            DETAIL = 'Triggers are put on it and taken off it.',
            HINT = 'Let its owner or a superuser do it.';
    END IF;
    PERFORM leadscore._lock_table(source);
    FOR s IN SELECT * FROM leadscore.source x
             WHERE x.attached AND (x.source = _reattach.source OR (x.name = called AND leadscore._name_of(x.source) IS DISTINCT FROM called))
             ORDER BY x.role DESC, x.source_id LOOP
        IF s.source <> source THEN
            IF NOT pg_has_role(caller, coalesce((SELECT c.relowner FROM pg_class c WHERE c.oid = s.source),
                                                (SELECT r.oid FROM pg_roles r WHERE r.rolname = s.owner), (SELECT c.relowner FROM pg_class c WHERE c.oid = source)), 'USAGE') THEN
                RAISE insufficient_privilege USING
                    MESSAGE = format('must be owner of the table that was called %s', called),
                    DETAIL = 'What came from it would be given to another table.',
                    HINT = 'Let a superuser do it.';
            END IF;
            PERFORM leadscore._check_source(source, true);
            PERFORM leadscore._drop_triggers(s.source_id);
            DELETE FROM leadscore.source x WHERE x.source = _reattach.source AND x.role = s.role AND x.person_kind = s.person_kind AND x.label = s.label AND NOT x.attached;
            UPDATE leadscore.source x SET source = _reattach.source WHERE x.source_id = s.source_id RETURNING * INTO s;
        END IF;
        PERFORM leadscore._follow_keys(s);
        lists := leadscore._present_names(s);
        left_over := CASE WHEN jsonb_array_length(lists) = 1 + jsonb_array_length(s.parts -> 'steps') THEN leadscore._parts_left(s, lists) END;
        IF left_over IS NULL THEN
            RAISE undefined_column USING
                MESSAGE = format('a column of %s that was attached is gone', source),
                DETAIL = format('Without it its rows are no %s: columns were %s.', CASE s.role WHEN 'person' THEN 'persons' ELSE 'activities' END,
                                (SELECT string_agg(n, ', ') FROM jsonb_array_elements_text(s.parts -> 'names') n)),
                HINT = format('SELECT leadscore.detach(%L, kind => %L, label => %L); then attach it with other columns.', source::text, s.person_kind, s.label);
        END IF;
        UPDATE leadscore.source x SET parts = left_over, name = called WHERE x.source_id = s.source_id;
        UPDATE leadscore.source_step x SET names = ARRAY(SELECT n.name FROM jsonb_array_elements_text(lists -> x.step) WITH ORDINALITY n(name, nth) WHERE n.name IS NOT NULL ORDER BY n.nth)
        WHERE x.source_id = s.source_id;
        PERFORM leadscore._drop_triggers(s.source_id);
        PERFORM leadscore._put_triggers(s.source_id);
        PERFORM leadscore._forget_configuration();
        PERFORM leadscore._resync(s.source_id);
    END LOOP;
    PERFORM leadscore._tell_nodes(ARRAY(SELECT x.source_id FROM leadscore.source x WHERE x.source = _reattach.source AND x.attached))
    WHERE leadscore._is_distributed(source);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._read_by(s leadscore.source)
 RETURNS text
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 WITH RECURSIVE made_of(type) AS (
          SELECT a.atttypid
            FROM (pg_trigger g
              JOIN pg_attribute a ON (((a.attrelid = g.tgrelid) AND (a.attnum = ANY ((g.tgattr)::smallint[])))))
           WHERE ((g.tgrelid IN ( SELECT (_read_by.s).source AS source
                 UNION ALL
                  SELECT t.relation
                    FROM leadscore.source_step t
                   WHERE (t.source_id = (_read_by.s).source_id))) AND ((g.tgname = format('leadscore_%s_columns'::text, (_read_by.s).source_id)) OR (starts_with((g.tgname)::text, format('leadscore_%s_'::text, (_read_by.s).source_id)) AND (g.tgname ~~ '%columns'::text))))
         UNION
          SELECT n.type
            FROM ((made_of m
              JOIN pg_type t ON ((t.oid = m.type)))
              CROSS JOIN LATERAL ( SELECT t.typelem
                   WHERE (t.typelem <> (0)::oid)
                 UNION ALL
                  SELECT t.typbasetype
                   WHERE (t.typbasetype <> (0)::oid)
                 UNION ALL
                  SELECT r.rngsubtype
                    FROM pg_range r
                   WHERE ((r.rngtypid = t.oid) OR (r.rngmultitypid = t.oid))
                 UNION ALL
                  SELECT a.atttypid
                    FROM pg_attribute a
                   WHERE ((a.attrelid = t.typrelid) AND (a.attnum > 0) AND (NOT a.attisdropped))) n(type))
         ), named AS (
          SELECT md5(string_agg(n.name, ','::text ORDER BY n.name)) AS names
            FROM (made_of m
              CROSS JOIN LATERAL ( SELECT ((e.oid || ':'::text) || (e.enumlabel)::text) AS "?column?"
                    FROM pg_enum e
                   WHERE (e.enumtypid = m.type)
                 UNION ALL
                  SELECT ((((a.attrelid || '.'::text) || a.attnum) || ':'::text) || (a.attname)::text)
                    FROM (pg_type t
                      JOIN pg_attribute a ON (((a.attrelid = t.typrelid) AND (a.attnum > 0))))
                   WHERE (t.oid = m.type)) n(name))
         )
  SELECT NULLIF(concat_ws(' '::text, ( SELECT z.time_zone
            FROM leadscore.settings z
           WHERE (((_read_by.s).time_zone IS NULL) AND ((_read_by.s).parts ? 'moment'::text))), ( SELECT n.names
            FROM named n)), ''::text) AS "nullif";
END;

CREATE OR REPLACE FUNCTION leadscore._refuse_equal_keys(s leadscore.source)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
DECLARE
    found_key text;
    shown     text;
    several   boolean;
BEGIN
    SELECT r.key INTO found_key FROM leadscore._source_rows(s.source_id) r
    GROUP BY r.key, CASE s.role WHEN 'person' THEN r.tenant END HAVING count(*) > 1 ORDER BY r.key LIMIT 1;
    IF FOUND THEN
        SELECT string_agg(quote_ident(b.columns ->> (s.parts -> 'columns' -> e.value::int ->> 1)::int), ', ' ORDER BY e.nth), count(*) > 1
        INTO shown, several
        FROM leadscore._bound_columns(s.source, format('leadscore_%s_columns', s.source_id)) b
        CROSS JOIN LATERAL jsonb_array_elements_text(s.parts -> 'key') WITH ORDINALITY e(value, nth);
        RAISE unique_violation USING
            MESSAGE = format(CASE WHEN several THEN 'columns %s of %s are not unique: several rows have the key %L'
                                  ELSE 'column %s of %s is not unique: several rows have the key %L' END, shown, s.source, found_key),
            DETAIL = 'A row must be found again by its key when it changes. Unique indexes of a partitioned table hold the partition key as well, so this key was taken on trust.',
            HINT = 'Give the rows different keys, or attach the table with further columns: key => ''…, …''.';
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._resync(of_source integer)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
 SET jit TO 'off'
AS $function$
DECLARE
    s    leadscore.source;
    lost bigint[];
BEGIN
    PERFORM leadscore._begin();
    PERFORM leadscore._need_current_snapshot();
    SELECT * INTO s FROM leadscore.source x WHERE x.source_id = of_source;
    IF s.role = 'person' THEN
        WITH present AS MATERIALIZED (
            SELECT r.key, r.tenant, r.name, r.status, r.owner, r.moment, r.attributes, r.active FROM leadscore._source_rows(of_source) r
        ), changed AS (
            UPDATE leadscore.person p
            SET name = c.name, status = c.status, owner = c.owner, attributes = c.detail, active = c.active,
                since = coalesce(c.moment, p.since), source_id = of_source, departed = false
            FROM (SELECT q.person_id, r.moment,
                         CASE WHEN s.parts ? 'name' THEN r.name ELSE q.name END AS name,
                         CASE WHEN s.parts ? 'status' THEN r.status ELSE q.status END AS status,
                         CASE WHEN s.parts ? 'owner' THEN r.owner ELSE q.owner END AS owner,
                         CASE WHEN s.parts ? 'attributes' THEN r.attributes ELSE q.attributes END AS detail,
                         CASE WHEN s.parts ? 'only_when' THEN r.active ELSE q.active END AS active
                  FROM present r
                  JOIN leadscore.person q ON q.kind = s.person_kind AND q.external_id = r.key AND q.tenant IS NOT DISTINCT FROM r.tenant) c
            WHERE p.person_id = c.person_id
              AND (p.name, p.status, p.owner, p.attributes, p.active, p.since, p.source_id, p.departed)
                  IS DISTINCT FROM (c.name, c.status, c.owner, c.detail, c.active, coalesce(c.moment, p.since), of_source, false)
        ), gone AS MATERIALIZED (
            SELECT p.person_id FROM leadscore.person p
            WHERE p.source_id = of_source
              AND NOT EXISTS (SELECT FROM present r WHERE r.key = p.external_id AND coalesce(r.tenant, '') = coalesce(p.tenant, ''))
        ), added AS (
            INSERT INTO leadscore.person (kind, tenant, external_id, name, status, owner, since, attributes, active, source_id)
            SELECT s.person_kind, r.tenant, r.key, r.name, r.status, r.owner, coalesce(r.moment, now()), r.attributes, r.active, of_source
            FROM present r
            WHERE NOT EXISTS (SELECT FROM leadscore._person_key k
                              WHERE k.kind = s.person_kind AND k.external_id = r.key AND coalesce(k.tenant, '') = coalesce(r.tenant, ''))
        )
        SELECT array_agg(g.person_id) INTO lost FROM gone g;
        IF lost IS NOT NULL THEN
            PERFORM leadscore._lose_persons(lost);
        END IF;
        -- Rows that were there before, or were overwritten, get their score and category.
        PERFORM leadscore._write_back(array_agg(p.person_id)) FROM leadscore.person p
        WHERE p.source_id = of_source;
    ELSIF leadscore._takes_all(of_source)
          AND NOT EXISTS (SELECT FROM leadscore.activity a WHERE a.source_id = of_source)
          AND NOT EXISTS (SELECT FROM leadscore.waiting w WHERE w.source_id = of_source) THEN
        INSERT INTO leadscore.waiting (source_id, source_key, person_kind, tenant, external_id, activity_type, occurred_at, attributes)
        SELECT of_source, r.key, s.person_kind, r.tenant, r.person, r.activity_type, coalesce(r.moment, now()), r.attributes
        FROM leadscore._take_all(of_source) r;
    ELSE
        WITH present AS MATERIALIZED (
            SELECT r.*, k.person_id, k.person_id IS NOT NULL AND t.activity_type IS NOT NULL AS ready
            FROM leadscore._source_rows(of_source) r
            LEFT JOIN leadscore._person_key k ON k.kind = s.person_kind AND k.external_id = r.person AND coalesce(k.tenant, '') = coalesce(r.tenant, '')
            LEFT JOIN leadscore.activity_type t ON t.activity_type = r.activity_type
        ), existing AS MATERIALIZED (
            SELECT a.person_id, a.activity_id, a.source_key, a.occurred_at FROM leadscore.activity a
            WHERE a.source_id = of_source
        ), changed AS (
            UPDATE leadscore.activity a
            SET person_id = r.person_id, activity_type = r.activity_type, occurred_at = coalesce(r.moment, a.occurred_at), attributes = r.attributes
            FROM present r JOIN existing e ON e.source_key = r.key
            WHERE r.ready AND a.person_id = e.person_id AND a.activity_id = e.activity_id
              AND (a.person_id, a.activity_type, a.occurred_at, a.attributes)
                  IS DISTINCT FROM (r.person_id, r.activity_type, coalesce(r.moment, a.occurred_at), r.attributes)
        ), gone AS (
            DELETE FROM leadscore.activity a
            USING existing e
            WHERE a.person_id = e.person_id AND a.activity_id = e.activity_id
              AND NOT EXISTS (SELECT FROM present r WHERE r.key = e.source_key AND r.ready)
        ), added AS (
            INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes, source_id, source_key)
            SELECT r.person_id, r.activity_type, coalesce(r.moment, v.occurred_at, now()), r.attributes, of_source, r.key
            FROM present r
            LEFT JOIN leadscore.waiting v ON v.source_id = of_source AND v.source_key = r.key
            WHERE r.ready AND NOT EXISTS (SELECT FROM existing e WHERE e.source_key = r.key)
            -- Whatever the plan, activities are numbered alike; those of a person are found side by side from then on.
            ORDER BY r.person_id, coalesce(r.moment, v.occurred_at, now()), r.key
        ), released AS (
            DELETE FROM leadscore.waiting w
            WHERE w.source_id = of_source
              AND NOT EXISTS (SELECT FROM present r WHERE r.key = w.source_key AND NOT r.ready)
        )
        INSERT INTO leadscore.waiting AS w (source_id, source_key, person_kind, tenant, external_id, activity_type, occurred_at, attributes)
        SELECT of_source, r.key, s.person_kind, r.tenant, r.person, r.activity_type,
               coalesce(r.moment, e.occurred_at, v.occurred_at, now()), r.attributes
        FROM present r
        LEFT JOIN existing e ON e.source_key = r.key
        LEFT JOIN leadscore.waiting v ON v.source_id = of_source AND v.source_key = r.key
        WHERE NOT r.ready
        ON CONFLICT (source_id, source_key) DO UPDATE
        SET person_kind = EXCLUDED.person_kind, tenant = EXCLUDED.tenant, external_id = EXCLUDED.external_id, activity_type = EXCLUDED.activity_type,
            occurred_at = EXCLUDED.occurred_at, attributes = EXCLUDED.attributes
        WHERE (w.person_kind, w.tenant, w.external_id, w.activity_type, w.occurred_at, w.attributes)
              IS DISTINCT FROM (EXCLUDED.person_kind, EXCLUDED.tenant, EXCLUDED.external_id, EXCLUDED.activity_type, EXCLUDED.occurred_at, EXCLUDED.attributes);
    END IF;
    UPDATE leadscore.source x SET read_in = leadscore._read_by(x)
    WHERE x.source_id = of_source AND x.read_in IS DISTINCT FROM leadscore._read_by(x);
EXCEPTION WHEN unique_violation OR cardinality_violation THEN
    PERFORM leadscore._refuse_equal_keys(s);
    RAISE;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._read_again()
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    s leadscore.source;
BEGIN
    UPDATE leadscore.source x SET name = leadscore._name_of(x.source)
    WHERE x.attached AND leadscore._name_of(x.source) <> x.name AND to_regclass(x.name) IS NULL;
    FOR s IN SELECT * FROM leadscore.source x
             WHERE x.attached AND leadscore._name_of(x.source) IS NOT NULL AND x.read_in IS DISTINCT FROM leadscore._read_by(x)
             ORDER BY x.role DESC, x.source_id LOOP
        BEGIN
            PERFORM leadscore._resync(s.source_id);
        EXCEPTION WHEN OTHERS THEN
            -- One table that cannot be read keeps the run from nothing else; the next one tries again.
            RAISE WARNING '% was not read again, as the time zone or names in its types ask for: %', s.source, SQLERRM USING
                HINT = 'SELECT * FROM leadscore.verify(); tells what is wrong with it.';
        END;
    END LOOP;
END $function$;

CREATE OR REPLACE FUNCTION leadscore.resync(source regclass DEFAULT NULL::regclass)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    s leadscore.source;
BEGIN
    IF source IS NOT NULL THEN
        PERFORM leadscore._need_attached(source);
    END IF;
    FOR s IN SELECT * FROM leadscore.source x WHERE x.attached AND (resync.source IS NULL OR x.source = resync.source)
             ORDER BY x.role DESC, x.source_id LOOP
        IF EXISTS (SELECT FROM pg_class c WHERE c.oid = s.source) THEN
            PERFORM leadscore._resync(s.source_id);
        ELSIF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = to_regclass(s.name)) THEN
            -- Its rows went with it. One that took its name is for reattach().
            PERFORM leadscore._remove_source(s.source_id);
            PERFORM leadscore._forget_configuration();
        END IF;
    END LOOP;
    IF source IS NULL THEN
        -- Of tables of which nothing is noted any more.
        DELETE FROM leadscore.activity a
        WHERE a.source_id IS NOT NULL AND NOT EXISTS (SELECT FROM leadscore.source x WHERE x.source_id = a.source_id);
        DELETE FROM leadscore.waiting w WHERE NOT EXISTS (SELECT FROM leadscore.source x WHERE x.source_id = w.source_id);
    END IF;
    PERFORM leadscore._admit_waiting();
    IF source IS NULL THEN
        PERFORM leadscore._begin();
        PERFORM leadscore._lock_persons(ARRAY(SELECT p.person_id FROM leadscore.person p));
        PERFORM leadscore._rescore_all(true);
    END IF;
    PERFORM leadscore._ask_all(format('SELECT leadscore.resync(%L) AS done', leadscore._name_of(source)))
    WHERE leadscore._leads() AND (source IS NULL OR leadscore._is_distributed(source));
END $function$;

CREATE OR REPLACE FUNCTION leadscore._end_run(run leadscore.run)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    PERFORM leadscore._trim_category_changes();
    -- By now everybody has the present names.
    IF EXISTS (SELECT FROM leadscore.renamed_category) THEN
        DELETE FROM leadscore.renamed_category;
        PERFORM leadscore._forget_configuration();
    END IF;
    PERFORM pg_notify(s.notify_channel, json_build_object(
                'run_id', run.run_id, 'scored_on', run.scored_on,
                'records_added', run.records_added, 'records_removed', run.records_removed,
                'persons_changed', run.persons_changed, 'categories_changed', run.categories_changed)::text)
    FROM leadscore.settings s
    WHERE s.notify_channel IS NOT NULL;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._pass_days(last_day date, today date, left_out bigint[])
 RETURNS TABLE(counts bigint[], to_derive bigint[])
 LANGUAGE c
 STRICT
AS 'MODULE_PATHNAME', $function$pass_days_between_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._set_right(ids bigint[])
 RETURNS bigint[]
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    strayed record;
    have    bigint[] := '{}';
BEGIN
    -- Persons before activities of attached rows, as who removes persons has them.
    PERFORM leadscore._lock_persons(ARRAY(SELECT r.person_id FROM leadscore.renumbered r WHERE r.person_id = ANY (ids)));
    FOR strayed IN
        WITH orphan AS (
            DELETE FROM leadscore.activity a
            WHERE a.person_id IN (SELECT u.id FROM unnest(ids) u(id) WHERE NOT EXISTS (SELECT FROM leadscore.person p WHERE p.person_id = u.id))
            RETURNING a.source_id, a.source_key
        ), renumbered AS MATERIALIZED (
            SELECT a.source_id, a.source_key FROM leadscore.activity a
            WHERE a.person_id IN (SELECT r.person_id FROM leadscore.renumbered r WHERE r.person_id = ANY (ids)) AND a.source_id IS NOT NULL
            ORDER BY a.activity_id FOR UPDATE
        )
        SELECT s.source_id, array_agg(s.source_key) AS keys
        FROM (SELECT * FROM orphan UNION ALL SELECT * FROM renumbered) s
        JOIN leadscore.source x ON x.source_id = s.source_id AND x.attached
        GROUP BY s.source_id ORDER BY s.source_id
    LOOP
        PERFORM leadscore._bring_rows(strayed.source_id, strayed.keys);
        have := have || ARRAY(SELECT a.person_id FROM leadscore.activity a
                              WHERE a.source_id = strayed.source_id AND a.source_key = ANY (strayed.keys));
    END LOOP;
    RETURN have;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._begin_run(as_of timestamp with time zone, full_rebuild boolean, OUT run leadscore.run, OUT last_day date, OUT edited bigint[])
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF as_of IS NULL OR NOT isfinite(as_of) OR as_of NOT BETWEEN '0001-01-01 UTC' AND '9999-12-31 UTC' THEN
        RAISE datetime_field_overflow USING
            MESSAGE = format('leadscore_recompute: as_of %s is no moment to score at', coalesce(quote_literal(as_of), 'NULL')),
            DETAIL = 'A run brings everything to one local day between the years 1 and 9999.',
            HINT = 'Leave as_of out for today, or give a timestamp with time zone.';
    END IF;
    IF full_rebuild IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = 'leadscore_recompute: full_rebuild is NULL',
            DETAIL = 'A run derives either everything anew or what is due.',
            HINT = 'Say true to derive everything anew, or leave it out.';
    END IF;
    run.started_at := clock_timestamp();
    -- Writers are waited for, and wait, so that none scores by the day before.
    PERFORM leadscore._lock_days();
    PERFORM leadscore._need_current_snapshot();
    PERFORM leadscore._go_live();
    -- No writer is under way now: what was registered on persons who went or got other keys is all here, and so are persons whom
    -- an attached table that was just being read missed.
    PERFORM leadscore._set_right(ARRAY(SELECT DISTINCT n.person_id FROM leadscore.pending n));
    DELETE FROM leadscore.renumbered;
    PERFORM leadscore._admit_present();
    SELECT s.scored_on INTO last_day FROM leadscore.state s;
    run.scored_on := leadscore.scoring_day(as_of);
    -- An edit concerns everybody, or so many persons who are derived anew beside those for whom the day changes anything.
    edited := leadscore._persons_edited();
    run.full_rebuild := full_rebuild OR run.scored_on < last_day OR edited IS NULL;
    run.configuration_change_id := leadscore._present_configuration();
    PERFORM leadscore._take_edits_in();
    run.records_added := 0;
    run.records_removed := 0;
    run.persons_changed := 0;
    run.categories_changed := 0;
    IF run.scored_on <> last_day THEN
        UPDATE leadscore.state SET scored_on = run.scored_on;
        PERFORM leadscore._forget_configuration();
    END IF;
    -- What columns without a time zone say depends on that of the settings.
    PERFORM leadscore._read_again();
END $function$;

CREATE OR REPLACE FUNCTION leadscore._recompute_here(as_of timestamp with time zone, full_rebuild boolean)
 RETURNS leadscore.run
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
DECLARE
    begun  record;
    run    leadscore.run;
    passed record;
BEGIN
    begun := leadscore._begin_run(as_of, full_rebuild);
    run := begun.run;

    IF run.full_rebuild THEN
        run := leadscore._with(run, leadscore._rescore_all(false));
    ELSE
        SELECT * INTO passed
        FROM leadscore._pass_days(begun.last_day, run.scored_on, ARRAY(SELECT n.person_id FROM leadscore.pending n) || begun.edited) d;
        run := leadscore._with(run, (passed.counts[1], passed.counts[2], passed.counts[3], passed.counts[4])::leadscore._outcome);
        IF passed.to_derive <> '{}' THEN
            -- A run to a day that is over takes back what counted beyond it.
            IF run.scored_on < leadscore.scoring_day(clock_timestamp()) THEN
                UPDATE leadscore.person p SET scored_through = NULL
                WHERE p.person_id = ANY (passed.to_derive) AND p.scored_through > run.scored_on;
            END IF;
            run := leadscore._with(run, leadscore._rescore(passed.to_derive, in_run => true));
        END IF;
    END IF;

    -- A run in batches that was interrupted has nothing left to do.
    DELETE FROM leadscore.pending;
    UPDATE leadscore.run r SET finished_at = clock_timestamp() WHERE r.finished_at IS NULL;
    INSERT INTO leadscore.run
        (scored_on, started_at, finished_at, full_rebuild, records_added, records_removed, persons_changed, categories_changed, configuration_change_id)
    VALUES (run.scored_on, run.started_at, clock_timestamp(), run.full_rebuild,
            run.records_added, run.records_removed, run.persons_changed, run.categories_changed, run.configuration_change_id)
    RETURNING * INTO run;
    PERFORM leadscore._end_run(run);
    RETURN run;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._recompute(as_of timestamp with time zone, full_rebuild boolean)
 RETURNS leadscore.run
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF leadscore._leads() THEN
        RETURN leadscore._recompute_everywhere(as_of, full_rebuild);
    END IF;
    RETURN leadscore._recompute_here(as_of, full_rebuild);
END $function$;

CREATE OR REPLACE FUNCTION @extschema@.leadscore_recompute(as_of timestamp with time zone DEFAULT now(), full_rebuild boolean DEFAULT false)
 RETURNS TABLE(run_id bigint, scored_on date, records_added bigint, records_removed bigint, persons_changed bigint, categories_changed bigint)
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT r.run_id,
     r.scored_on,
     r.records_added,
     r.records_removed,
     r.persons_changed,
     r.categories_changed
    FROM leadscore._recompute(leadscore_recompute.as_of, leadscore_recompute.full_rebuild) r(run_id, scored_on, started_at, finished_at, full_rebuild, records_added, records_removed, persons_changed, categories_changed, persons_due, configuration_change_id);
END;

CREATE OR REPLACE FUNCTION leadscore._begin_batches(as_of timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
DECLARE
    begun    record;
    run      leadscore.run;
    last_day date;
BEGIN
    PERFORM leadscore._need_right_to_batches();
    -- Under the lock that runs begin with, and before the day moves: another call may just have
    -- begun, for another day.
    PERFORM leadscore._lock_days();
    IF EXISTS (SELECT FROM leadscore.run r WHERE r.finished_at IS NULL) THEN
        RETURN;  -- one that is under way or was interrupted comes first
    END IF;
    begun := leadscore._begin_run(as_of, false);
    run := begun.run;
    last_day := begun.last_day;
    IF run.full_rebuild THEN
        UPDATE leadscore.person SET scored_through = NULL WHERE scored_through IS NOT NULL;
        INSERT INTO leadscore.pending (person_id) SELECT p.person_id FROM leadscore.person p;
    ELSE
        INSERT INTO leadscore.pending (person_id)
        SELECT s.person_id FROM leadscore.score_record s WHERE s.counts_until <= run.scored_on
        UNION
        SELECT s.person_id FROM leadscore.score_record s WHERE s.decays_until IS NOT NULL AND run.scored_on <> last_day
        UNION
        SELECT u.person_id FROM leadscore.due u WHERE u.due_on <= run.scored_on
        UNION
        SELECT unnest(begun.edited);
    END IF;
    INSERT INTO leadscore.run (scored_on, started_at, full_rebuild, persons_due, configuration_change_id)
    SELECT run.scored_on, run.started_at, run.full_rebuild, count(DISTINCT n.person_id), run.configuration_change_id FROM leadscore.pending n;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._next_batch(batch_size integer)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
DECLARE
    ids  bigint[];
    part leadscore._outcome;
    run  leadscore.run;
BEGIN
    PERFORM leadscore._need_right_to_batches();
    PERFORM leadscore._begin();
    -- Batches of two calls do not meet; who removes a person goes on.
    LOCK TABLE leadscore.pending IN SHARE UPDATE EXCLUSIVE MODE;
    PERFORM leadscore._need_current_snapshot();
    IF NOT EXISTS (SELECT FROM leadscore.pending) THEN
        UPDATE leadscore.run r SET finished_at = clock_timestamp() WHERE r.finished_at IS NULL RETURNING * INTO run;
        IF FOUND THEN
            PERFORM leadscore._end_run(run);
        END IF;
        RETURN false;
    END IF;
    -- Before the persons, as score_pending() takes them, and before they are read: what is registered on them meanwhile is pending anew.
    WITH chosen AS MATERIALIZED (
        SELECT DISTINCT p.person_id FROM leadscore.pending p ORDER BY p.person_id LIMIT batch_size
    ), taken AS (
        DELETE FROM leadscore.pending n USING chosen c WHERE n.person_id = c.person_id RETURNING n.person_id
    )
    SELECT array_agg(DISTINCT t.person_id) INTO ids FROM taken t;
    -- score_pending() may have had all of them.
    IF ids IS NULL THEN
        RETURN true;
    END IF;
    PERFORM leadscore._lock_persons(ids);
    PERFORM leadscore._set_right(ids);
    part := leadscore._rescore(ids, in_run => true);
    UPDATE leadscore.run r
    SET records_added = r.records_added + part.records_added, records_removed = r.records_removed + part.records_removed,
        persons_changed = r.persons_changed + part.persons_changed, categories_changed = r.categories_changed + part.categories_changed
    WHERE r.finished_at IS NULL;
    RETURN true;
END $function$;

CREATE OR REPLACE PROCEDURE leadscore.recompute_in_batches(IN as_of timestamp with time zone DEFAULT now(), IN batch_size integer DEFAULT 2000)
 LANGUAGE plpgsql
AS $procedure$
BEGIN
    PERFORM leadscore._check_batch_size(batch_size);
    PERFORM leadscore._batches_elsewhere(as_of, batch_size);
    COMMIT;
    LOOP
        PERFORM leadscore._begin_batches(as_of);
        COMMIT;
        WHILE leadscore._next_batch(batch_size) LOOP
            COMMIT;
        END LOOP;
        COMMIT;
        -- One that was interrupted may have been of an earlier day.
        EXIT WHEN leadscore._is_scored_on(as_of);
    END LOOP;
END $procedure$;

CREATE OR REPLACE FUNCTION leadscore._take_pending(most integer, of_persons bigint[], OUT ids bigint[], OUT days date[])
 RETURNS record
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 WITH chosen AS MATERIALIZED (
          SELECT DISTINCT n.person_id
            FROM leadscore.pending n
           WHERE ((_take_pending.of_persons IS NULL) OR (n.person_id = ANY (_take_pending.of_persons)))
           ORDER BY n.person_id
          LIMIT _take_pending.most
         ), locked AS MATERIALIZED (
          SELECT n.ctid AS at
            FROM leadscore.pending n
           WHERE (n.person_id IN ( SELECT c.person_id
                    FROM chosen c))
          FOR UPDATE OF n SKIP LOCKED
         ), taken AS (
          DELETE FROM leadscore.pending AS n
           WHERE (n.ctid IN ( SELECT l.at
                    FROM locked l))
           RETURNING n.person_id,
             n.day
         )
  SELECT array_agg(t.person_id) AS array_agg,
     array_agg(t.day) AS array_agg
    FROM ( SELECT x.person_id,
             max(x.day) AS day
            FROM taken x
           GROUP BY x.person_id) t;
END;

CREATE OR REPLACE FUNCTION leadscore.score_pending(most integer DEFAULT NULL::integer)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
DECLARE
    taken     record;
    ids       bigint[] := '{}';
    days      date[] := '{}';
    brought   bigint[];
    elsewhere bigint := 0;
BEGIN
    IF most < 1 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('score_pending: most is %s', most),
            DETAIL = 'It scores at most so many persons, at least one.',
            HINT = 'Leave it out to score all that are pending.';
    END IF;
    PERFORM leadscore._begin();
    -- Whom an attached table missed that was just being read. Where many rows wait that is left to the runs.
    IF pg_relation_size('leadscore.waiting') BETWEEN 1 AND 1024 * 1024 AND (SELECT z.scoring = 'deferred' FROM leadscore.settings z) THEN
        PERFORM leadscore._admit_present();
    END IF;
    taken := leadscore._take_pending(most, NULL);
    IF leadscore._leads() THEN
        elsewhere := (SELECT coalesce(sum((a.answer -> 0 ->> 'scored')::bigint), 0)
                      FROM leadscore._ask_all(format('SELECT leadscore.score_pending(%L) AS scored', most)) a);
    END IF;
    IF taken.ids IS NULL THEN
        RETURN elsewhere;
    END IF;
    LOOP
        -- Who is just removing one of them, or giving it another key, is waited for, and what they did is seen.
        PERFORM leadscore._lock_persons(taken.ids);
        brought := leadscore._set_right(taken.ids);
        ids := ids || taken.ids;
        days := days || taken.days;
        -- Those to whom rows came are pending now, and may be going themselves; where there is a limit they are for the next call.
        EXIT WHEN brought = '{}' OR most IS NOT NULL;
        taken := leadscore._take_pending(NULL, brought);
        EXIT WHEN taken.ids IS NULL;
    END LOOP;
    PERFORM leadscore._rescore(ids, days);
    RETURN (SELECT count(DISTINCT i) FROM unnest(ids) i) + elsewhere;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._person_line(source leadscore.source, name text, status text, owner text, since timestamp with time zone, attributes jsonb, active boolean)
 RETURNS text
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT concat(
         CASE
             WHEN ((source).parts ? 'name'::text) THEN format('name %s, '::text, name)
             ELSE NULL::text
         END, format('status %s, owner %s, since %s'::text, status, owner, since),
         CASE
             WHEN ((source).parts ? 'attributes'::text) THEN format(', %s'::text, attributes)
             ELSE NULL::text
         END,
         CASE
             WHEN (((source).parts ? 'only_when'::text) AND (NOT active)) THEN ', not active'::text
             ELSE NULL::text
         END) AS concat;
END;

CREATE OR REPLACE FUNCTION leadscore._is_shortened(key text)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT (key ~ '^.{100}… [0-9a-f]{32}$'::text);
END;

CREATE OR REPLACE FUNCTION leadscore._differences()
 RETURNS TABLE(person_id bigint, item text, rule_id integer, activity_id bigint, stored text, derived text)
 LANGUAGE c
 STABLE COST 100000
AS 'MODULE_PATHNAME', $function$differences_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore.verify()
 RETURNS TABLE(person_id bigint, item text, rule_id integer, activity_id bigint, stored text, derived text)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
#variable_conflict use_column
DECLARE
    source leadscore.source;
BEGIN
    RETURN QUERY SELECT * FROM leadscore._differences() d ORDER BY 1, 2, 3, 4, 5 NULLS FIRST, 6;

    -- What came from attached tables that are gone.
    RETURN QUERY
    SELECT a.person_id, format('activity of %s, which is gone, row %s', s.name, a.source_key), NULL::int, a.activity_id,
           format('%s at %s', a.activity_type, a.occurred_at), NULL::text
    FROM leadscore.source s
    JOIN leadscore.activity a ON a.source_id = s.source_id
    WHERE s.attached AND leadscore._name_of(s.source) IS NULL
    UNION ALL
    SELECT p.person_id, format('person of %s, which is gone, row %s', s.name, p.external_id), NULL, NULL,
           leadscore._person_line(s, p.name, p.status, p.owner, p.since, p.attributes, p.active), NULL
    FROM leadscore.source s
    JOIN leadscore.person p ON p.source_id = s.source_id
    WHERE s.attached AND leadscore._name_of(s.source) IS NULL
    UNION ALL
    -- And of those of which nothing is noted at all.
    SELECT a.person_id, format('activity of a table that is gone, row %s', a.source_key), NULL, a.activity_id,
           format('%s at %s', a.activity_type, a.occurred_at), NULL
    FROM leadscore.activity a
    WHERE a.source_id IS NOT NULL AND NOT EXISTS (SELECT FROM leadscore.source s WHERE s.source_id = a.source_id)
    ORDER BY 1, 2;

    -- Attached tables: what is there, and what came from them.
    FOR source IN SELECT * FROM leadscore.source x WHERE x.attached AND EXISTS (SELECT FROM pg_class c WHERE c.oid = x.source)
                  ORDER BY x.source_id LOOP
        BEGIN
        IF source.role = 'person' THEN
            RETURN QUERY
            SELECT p.person_id, format('score or category in %s, row %s', source.source, n.key), NULL::int, NULL::bigint,
                   concat_ws(' ', n.score, n.category),
                   concat_ws(' ', CASE WHEN source.parts ? 'score' THEN p.score END, CASE WHEN source.parts ? 'category' THEN p.category END)
            FROM leadscore._source_rows(source.source_id) n
            JOIN leadscore._person_key k ON k.source_id = source.source_id AND k.external_id = n.key AND k.tenant IS NOT DISTINCT FROM n.tenant
            JOIN leadscore.person p ON p.person_id = k.person_id
            WHERE ((source.parts ? 'score' AND n.score::numeric IS DISTINCT FROM p.score)
                   OR (source.parts ? 'category' AND n.category IS DISTINCT FROM p.category))
              -- Nothing is written back to a row whose key was too long to be kept.
              AND NOT leadscore._is_shortened(n.key)
            ORDER BY 2;
            IF source.parts ? 'scorecards' THEN
                RETURN QUERY
                SELECT k.person_id, format('scorecard %s in %s, row %s', c.value ->> 'scorecard', source.source, n.key), NULL::int, NULL::bigint,
                       concat_ws(' ', w.written ->> 0, w.written ->> 1),
                       concat_ws(' ', CASE WHEN c.value ? 'score' THEN coalesce(p.score, 0) END, CASE WHEN c.value ? 'category' THEN p.category END)
                FROM leadscore._source_rows(source.source_id) n
                JOIN leadscore._person_key k ON k.source_id = source.source_id AND k.external_id = n.key AND k.tenant IS NOT DISTINCT FROM n.tenant
                CROSS JOIN jsonb_array_elements(source.parts -> 'scorecards') c
                CROSS JOIN LATERAL (SELECT n.scorecards -> (c.value ->> 'scorecard') AS written) w
                LEFT JOIN leadscore.person_score p ON p.person_id = k.person_id AND p.scorecard = c.value ->> 'scorecard'
                WHERE ((c.value ? 'score' AND (w.written ->> 0)::numeric IS DISTINCT FROM coalesce(p.score, 0))
                       OR (c.value ? 'category' AND w.written ->> 1 IS DISTINCT FROM p.category))
                  AND NOT leadscore._is_shortened(n.key)
                ORDER BY 2;
            END IF;
            RETURN QUERY
            SELECT p.person_id, format('person of %s, row %s', source.source, coalesce(r.key, p.external_id)), NULL::int, NULL::bigint,
                   CASE WHEN p.person_id IS NOT NULL THEN leadscore._person_line(source, p.name, p.status, p.owner, p.since, p.attributes, p.active) END,
                   CASE WHEN r.key IS NOT NULL THEN leadscore._person_line(source, r.name, r.status, r.owner, coalesce(r.moment, p.since), r.attributes, r.active) END
            FROM (SELECT n.* FROM leadscore._source_rows(source.source_id) n
                  WHERE NOT EXISTS (SELECT FROM leadscore.person_alias l WHERE l.kind = source.person_kind AND l.external_id = n.key AND l.tenant IS NOT DISTINCT FROM n.tenant)) r
            FULL JOIN (SELECT q.* FROM leadscore.person q WHERE q.source_id = source.source_id) p ON p.external_id = r.key AND coalesce(p.tenant, '') = coalesce(r.tenant, '')
            WHERE p.person_id IS NULL OR r.key IS NULL
               OR (source.parts ? 'status' AND p.status IS DISTINCT FROM r.status)
               OR (source.parts ? 'owner' AND p.owner IS DISTINCT FROM r.owner)
               OR (source.parts ? 'name' AND p.name IS DISTINCT FROM r.name)
               OR (source.parts ? 'attributes' AND p.attributes IS DISTINCT FROM r.attributes)
               OR (source.parts ? 'only_when' AND p.active IS DISTINCT FROM r.active)
               OR p.since IS DISTINCT FROM coalesce(r.moment, p.since)
            ORDER BY 2;
        ELSE
            RETURN QUERY
            SELECT coalesce(a.person_id, r.person_id), format('activity of %s, row %s', source.source, coalesce(r.key, a.source_key)), NULL::int, a.activity_id,
                   CASE WHEN a.source_key IS NOT NULL THEN format('%s of person %s at %s %s', a.activity_type, coalesce(a.person_id::text, '?'), a.occurred_at, a.attributes) END,
                   CASE WHEN r.key IS NOT NULL THEN format('%s of person %s at %s %s', r.activity_type, coalesce(r.person_id::text, '?'), coalesce(r.moment, a.occurred_at), r.attributes) END
            FROM (SELECT n.key, n.activity_type, n.moment, n.attributes,
                         CASE WHEN EXISTS (SELECT FROM leadscore.activity_type t WHERE t.activity_type = n.activity_type) THEN k.person_id END AS person_id
                  FROM leadscore._source_rows(source.source_id) n
                  LEFT JOIN leadscore._person_key k ON k.kind = source.person_kind AND k.external_id = n.person AND coalesce(k.tenant, '') = coalesce(n.tenant, '')) r
            FULL JOIN (SELECT b.person_id, b.activity_id, b.source_key, b.activity_type, b.occurred_at, b.attributes
                       FROM leadscore.activity b WHERE b.source_id = source.source_id
                       UNION ALL
                       SELECT NULL, NULL, w.source_key, w.activity_type, w.occurred_at, w.attributes
                       FROM leadscore.waiting w WHERE w.source_id = source.source_id) a ON a.source_key = r.key
            WHERE a.source_key IS NULL OR r.key IS NULL
               OR (a.person_id, a.activity_type, a.occurred_at, a.attributes)
                  IS DISTINCT FROM (r.person_id, r.activity_type, coalesce(r.moment, a.occurred_at), r.attributes)
            ORDER BY 2;
        END IF;
        EXCEPTION WHEN OTHERS THEN
            -- One table that cannot be read keeps nothing else from being verified.
            RETURN QUERY SELECT NULL::bigint, format('%s cannot be read', source.source), NULL::int, NULL::bigint, NULL::text, SQLERRM;
        END;
    END LOOP;

    -- Shards that came from another node, and what the other nodes find.
    IF NOT leadscore._is_clustered() THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT NULL::bigint, format('shard %s came and is not followed', n.relation), NULL::int, NULL::bigint, NULL::text, 'CALL leadscore.spread(); on the coordinator'
    FROM leadscore._arrived_shards() n;
    RETURN QUERY
    SELECT d.person_id, format('node %s: %s', a.node, d.item), d.rule_id, d.activity_id, d.stored, d.derived
    FROM leadscore._ask_all('SELECT * FROM leadscore.verify()') a
    CROSS JOIN LATERAL jsonb_to_recordset(a.answer) d(person_id bigint, item text, rule_id int, activity_id bigint, stored text, derived text);
END $function$;

CREATE OR REPLACE FUNCTION leadscore.adjust(person_id bigint, points integer, reason text, from_day date DEFAULT NULL::date, until_day date DEFAULT NULL::date, scorecard text DEFAULT 'main'::text)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    first_day date := coalesce(from_day, leadscore.scoring_day());
    made      bigint;
BEGIN
    IF points IS NULL OR points = 0 OR reason IS NULL OR btrim(reason) = '' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('adjust: person %s cannot be given %s points for %s',
                             coalesce(person_id::text, 'NULL'), coalesce(points::text, 'NULL'), coalesce(quote_literal(reason), 'NULL')),
            DETAIL = 'An adjustment has points other than 0 and a reason.',
            HINT = 'Say in words why the points are given.';
    END IF;
    PERFORM leadscore._check_day(first_day, 'adjust');
    IF until_day IS NOT NULL THEN
        PERFORM leadscore._check_day(until_day, 'adjust');
    END IF;
    IF until_day <= first_day THEN
        RAISE datetime_field_overflow USING
            MESSAGE = format('adjust: %s until %s is no period', first_day, until_day),
            DETAIL = 'An adjustment counts from a day until a later day, or for ever.',
            HINT = 'Leave until_day out to let it count for ever.';
    END IF;
    PERFORM leadscore._need_scorecard(scorecard, 'adjust');
    PERFORM leadscore._begin();
    PERFORM leadscore._need_own_person(adjust.person_id, 'adjust');
    PERFORM leadscore._lock_persons(ARRAY[adjust.person_id]);
    PERFORM leadscore._need_own_person(adjust.person_id, 'adjust');
    INSERT INTO leadscore.adjustment (person_id, points, reason, from_day, until_day, scorecard)
    VALUES (adjust.person_id, adjust.points, adjust.reason, first_day, adjust.until_day, adjust.scorecard)
    RETURNING adjustment_id INTO made;
    PERFORM leadscore._go_live();
    PERFORM leadscore._rescore(ARRAY[adjust.person_id], ARRAY[first_day]);
    RETURN made;
END $function$;

CREATE OR REPLACE FUNCTION leadscore.unadjust(id bigint)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    whose bigint;
BEGIN
    PERFORM leadscore._begin();
    SELECT a.person_id INTO whose FROM leadscore.adjustment a WHERE a.adjustment_id = id;
    DELETE FROM leadscore.adjustment a WHERE a.adjustment_id = id AND leadscore._is_seen(whose) RETURNING a.person_id INTO whose;
    IF NOT FOUND THEN
        RAISE no_data_found USING
            MESSAGE = format('adjustment %s does not exist', coalesce(id::text, 'NULL')),
            DETAIL = 'Nothing was adjusted under that id, or it was taken back already.',
            HINT = CASE WHEN leadscore._leads() THEN 'Adjustments are on the node of their person: SELECT leadscore.unadjust_by_key(…);'
                        ELSE 'Look it up in leadscore.adjustment.' END;
    END IF;
    PERFORM leadscore._rescore(ARRAY[whose]);
END $function$;

CREATE OR REPLACE FUNCTION leadscore.merge_person(loser bigint, winner bigint)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    lost leadscore.person;
BEGIN
    PERFORM leadscore._begin();
    PERFORM leadscore._need_own_person(loser, 'merge_person');
    PERFORM leadscore._need_own_person(winner, 'merge_person');
    -- Activities before persons, as who updates or deletes activities has them, but persons before those of attached rows.
    PERFORM FROM leadscore.activity a WHERE a.person_id = loser AND a.source_id IS NULL ORDER BY a.activity_id FOR UPDATE;
    PERFORM leadscore._lock_sources(ARRAY[loser, winner]);
    PERFORM FROM leadscore.person p WHERE p.person_id IN (loser, winner) ORDER BY p.person_id FOR UPDATE;
    PERFORM leadscore._need_person(loser, 'merge_person');
    PERFORM leadscore._need_person(winner, 'merge_person');
    IF loser = winner THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('merge_person: loser and winner are both %s', loser),
            DETAIL = 'A person cannot be its own duplicate.',
            HINT = 'Name two persons.';
    END IF;
    SELECT * INTO lost FROM leadscore.person p WHERE p.person_id = loser;
    UPDATE leadscore.activity a SET person_id = winner WHERE a.person_id = loser;
    UPDATE leadscore.adjustment a SET person_id = winner WHERE a.person_id = loser;
    UPDATE leadscore.person_alias l SET person_id = winner WHERE l.person_id = loser;
    PERFORM leadscore._merge_visits(loser, winner);
    DELETE FROM leadscore.person p WHERE p.person_id = loser;
    IF lost.external_id IS NOT NULL THEN
        INSERT INTO leadscore.person_alias (kind, tenant, external_id, person_id, source_id)
        VALUES (lost.kind, lost.tenant, lost.external_id, winner, lost.source_id);
        PERFORM leadscore._forget_configuration();
    END IF;
    UPDATE leadscore.person p SET scored_through = lost.scored_through
    WHERE p.person_id = winner AND lost.scored_through > coalesce(p.scored_through, '-infinity');
    PERFORM leadscore._rescore(ARRAY[winner]);
    -- The loser's row in the application's table shows what its key leads to.
    PERFORM leadscore._write_back(ARRAY[winner]);
END $function$;

CREATE OR REPLACE FUNCTION leadscore.forget_person(person_id bigint)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    PERFORM leadscore._begin();
    PERFORM leadscore._need_own_person(forget_person.person_id, 'forget_person');
    -- Activities before persons, as who updates or deletes activities has them, but persons before those of attached rows.
    PERFORM FROM leadscore.activity a WHERE a.person_id = forget_person.person_id AND a.source_id IS NULL ORDER BY a.activity_id FOR UPDATE;
    PERFORM leadscore._forget_visitors(forget_person.person_id);
    DELETE FROM leadscore.waiting w
    USING leadscore._person_key k
    WHERE k.person_id = forget_person.person_id AND w.person_kind = k.kind AND w.external_id = k.external_id
      AND w.tenant IS NOT DISTINCT FROM k.tenant;
    DELETE FROM leadscore.person p WHERE p.person_id = forget_person.person_id;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._tenant_tables()
 RETURNS TABLE(table_name name, what text)
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT c.relname,
         CASE c.relname
             WHEN 'person'::name THEN 'x.person_id = ANY ($2)'::text
             WHEN 'renamed_category'::name THEN 'x.category_id IN (SELECT c.category_id FROM leadscore.category c WHERE c.tenant = $1)'::text
             ELSE concat_ws(' OR '::text,
             CASE
                 WHEN ('person_id'::name = ANY (h.columns)) THEN 'x.person_id = ANY ($2)'::text
                 ELSE NULL::text
             END,
             CASE
                 WHEN ('tenant'::name = ANY (h.columns)) THEN 'x.tenant = $1'::text
                 ELSE NULL::text
             END,
             CASE
                 WHEN (c.relname = 'visitor'::name) THEN 'x.visitor_id = ANY ($3)'::text
                 ELSE NULL::text
             END)
         END AS concat_ws
    FROM (((pg_class c
      JOIN pg_depend d ON (((d.classid = ('pg_class'::regclass)::oid) AND (d.objid = c.oid) AND (d.objsubid = 0) AND (d.deptype = 'e'::"char"))))
      JOIN pg_extension e ON (((d.refclassid = ('pg_extension'::regclass)::oid) AND (e.oid = d.refobjid) AND (e.extname = 'leadscore'::name))))
      CROSS JOIN LATERAL ( SELECT array_agg(a.attname) AS columns
            FROM pg_attribute a
           WHERE ((a.attrelid = c.oid) AND (a.attnum > 0) AND (NOT a.attisdropped))) h)
   WHERE ((c.relkind = 'r'::"char") AND ((h.columns && '{person_id,tenant}'::name[]) OR (c.relname = 'renamed_category'::name)))
   ORDER BY (c.relname = ANY (ARRAY['configuration_change'::name, 'edited'::name])), (c.relname = 'category'::name), c.relname;
END;

CREATE OR REPLACE FUNCTION leadscore.forget_tenant(tenant text)
 RETURNS TABLE(table_name text, removed bigint)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
    ids      bigint[];
    visitors bigint[];
    holder   record;
    before   jsonb := '{}';
    elsewhere jsonb;
    number   bigint;
    -- Due for everybody, of which no row says whom it concerns.
    all_due  boolean;
BEGIN
    IF forget_tenant.tenant IS NULL OR forget_tenant.tenant = '' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('forget_tenant: %s is no tenant', coalesce(quote_literal(forget_tenant.tenant), 'NULL')),
            DETAIL = 'What belongs to no tenant is everybody''s and cannot be forgotten as a whole.',
            HINT = 'Name the tenant as leadscore.person.tenant has it.';
    END IF;
    PERFORM leadscore._need_sight_of_all('forget_tenant');
    elsewhere := leadscore._forget_tenant_elsewhere(forget_tenant.tenant);
    PERFORM leadscore._begin();
    -- Editors of the configuration wait for each other here.
    PERFORM FROM leadscore.instance FOR NO KEY UPDATE;
    -- Activities before persons, as who updates or deletes activities has them, but persons before those of attached rows.
    PERFORM FROM leadscore.activity a
    WHERE a.person_id IN (SELECT p.person_id FROM leadscore.person p WHERE p.tenant = forget_tenant.tenant) AND a.source_id IS NULL
    ORDER BY a.activity_id FOR UPDATE;
    ids := ARRAY(SELECT p.person_id FROM leadscore.person p WHERE p.tenant = forget_tenant.tenant ORDER BY p.person_id FOR UPDATE);
    visitors := ARRAY(SELECT e.visitor_id FROM leadscore.event e WHERE e.person_id = ANY (ids)
                      UNION
                      SELECT t.visitor_id FROM leadscore.visitor_person t WHERE t.person_id = ANY (ids));
    all_due := (SELECT i.rebuild_due FROM leadscore.instance i) AND NOT EXISTS (SELECT FROM leadscore.edited);

    FOR holder IN SELECT t.* FROM leadscore._tenant_tables() t LOOP
        EXECUTE format('SELECT count(*) FROM leadscore.%I x WHERE %s', holder.table_name, holder.what)
        INTO number USING forget_tenant.tenant, ids, visitors;
        before := before || jsonb_build_object(holder.table_name, number);
    END LOOP;
    DELETE FROM leadscore.person p WHERE p.person_id = ANY (ids);
    FOR holder IN SELECT t.* FROM leadscore._tenant_tables() t WHERE t.table_name <> 'person' LOOP
        -- A visitor who was somebody else, too, stays.
        EXECUTE format('DELETE FROM leadscore.%I x WHERE %s', holder.table_name, replace(holder.what, ' OR x.visitor_id = ANY ($3)', ''))
        USING forget_tenant.tenant, ids, visitors;
        EXECUTE format('SELECT count(*) FROM leadscore.%I x WHERE %s', holder.table_name, holder.what)
        INTO number USING forget_tenant.tenant, ids, visitors;
        before := before || jsonb_build_object(holder.table_name, (before ->> holder.table_name)::bigint - number);
    END LOOP;
    -- Whoever arrives for the tenant in a transaction that is under way is scored by the rules that go: the next run derives
    -- them anew. They are known by a sum of the name, which is not kept.
    IF NOT all_due AND (before ->> 'rule')::bigint + (before ->> 'category')::bigint + (before ->> 'edited')::bigint > 0 THEN
        PERFORM leadscore._note_edited(ARRAY[ROW('md5 ' || md5(forget_tenant.tenant), NULL, NULL)::leadscore.edited]);
    END IF;

    RETURN QUERY SELECT b.key, sum(b.value::bigint)::bigint
    FROM (SELECT * FROM jsonb_each_text(before) UNION ALL SELECT * FROM jsonb_each_text(elsewhere)) b
    WHERE b.value <> '0' GROUP BY b.key ORDER BY b.key COLLATE "C";
END $function$;

CREATE OR REPLACE FUNCTION leadscore._checked_config(config text, tenant text DEFAULT NULL::text)
 RETURNS jsonb
 LANGUAGE c
 IMMUTABLE
AS 'MODULE_PATHNAME', $function$checked_document_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._path(path jsonpath)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
 SELECT
         CASE
             WHEN (p.words ~ '^\(([^()"]|"([^"\\]|\\.)*")*\)$'::text) THEN substr(p.words, 2, (length(p.words) - 2))
             ELSE p.words
         END AS words
    FROM regexp_replace((_path.path)::text, '\."([A-Za-z_][A-Za-z0-9_]*)"'::text, '.\1'::text, 'g'::text) p(words);
END;

CREATE OR REPLACE FUNCTION leadscore._as_document(written jsonb, of regclass)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT COALESCE(jsonb_object_agg(c.key,
         CASE a.atttypid
             WHEN 'interval'::regtype THEN to_jsonb(leadscore._length(((c.value #>> '{}'::text[]))::interval))
             WHEN 'jsonpath'::regtype THEN to_jsonb(leadscore._path(((c.value #>> '{}'::text[]))::jsonpath))
             ELSE c.value
         END), '{}'::jsonb) AS "coalesce"
    FROM (jsonb_each(_as_document.written) c(key, value)
      JOIN pg_attribute a ON (((a.attrelid = (_as_document.of)::oid) AND (a.attname = c.key))))
   WHERE (c.value <> 'null'::jsonb);
END;

CREATE OR REPLACE FUNCTION leadscore.export_config(tenant text DEFAULT NULL::text)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT (
         CASE
             WHEN (tenant IS NULL) THEN jsonb_build_object('settings', ( SELECT leadscore._as_document((to_jsonb(s.*) - 'one_row'::text), 'leadscore.settings'::regclass) AS _as_document
                FROM leadscore.settings s), 'activity_types', ( SELECT COALESCE(jsonb_agg(leadscore._as_document(to_jsonb(t.*), 'leadscore.activity_type'::regclass) ORDER BY t.activity_type), '[]'::jsonb) AS "coalesce"
                FROM leadscore.activity_type t), 'scorecards', ( SELECT COALESCE(jsonb_agg(leadscore._as_document((to_jsonb(c.*) - 'recorded_at'::text), 'leadscore.scorecard'::regclass) ORDER BY (c.scorecard <> 'main'::text), c.scorecard), '[]'::jsonb) AS "coalesce"
                FROM leadscore.scorecard c))
             ELSE '{}'::jsonb
         END || jsonb_build_object('categories', ( SELECT COALESCE(jsonb_agg(leadscore._as_document((to_jsonb(c.*) - '{category_id,tenant,recorded_at}'::text[]), 'leadscore.category'::regclass) ORDER BY (c.scorecard <> 'main'::text), c.scorecard, c.person_kind NULLS FIRST, c.min_score NULLS FIRST), '[]'::jsonb) AS "coalesce"
            FROM leadscore.category c
           WHERE (NOT (c.tenant IS DISTINCT FROM export_config.tenant))), 'rules', ( SELECT COALESCE(jsonb_agg(leadscore._as_document(((to_jsonb(r.*) - '{rule_id,tenant,created_at}'::text[]) -
                 CASE
                     WHEN (r.repeat_every IS NULL) THEN 'max_repeats'::text
                     ELSE ''::text
                 END), 'leadscore.rule'::regclass) ORDER BY r.name), '[]'::jsonb) AS "coalesce"
            FROM leadscore.rule r
           WHERE (NOT (r.tenant IS DISTINCT FROM export_config.tenant)))));
END;

CREATE OR REPLACE FUNCTION leadscore._document_rules(document jsonb, tenant text DEFAULT NULL::text)
 RETURNS SETOF leadscore.rule
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT x.rule_id,
     x.name,
     x.kind,
     x.activity_types,
     x.condition,
     x.person_kinds,
     x.statuses,
     x.points,
     x.relevant_for,
     x.decay,
     x.max_per_day,
     x.max_counted,
     x.inactive_for,
     x.repeat_every,
     x.max_repeats,
     x.effective_from,
     x.enabled,
     x.created_at,
     x.tenant,
     x.scorecard,
     x.filter,
     x.person_filter,
     x.half_life,
     x.excused_by_planned,
     x.at_least,
     x.within
    FROM (((jsonb_array_elements((_document_rules.document -> 'rules'::text)) WITH ORDINALITY n(rule, nth)
      LEFT JOIN leadscore.rule r ON (((r.name = (n.rule ->> 'name'::text)) AND (NOT (r.tenant IS DISTINCT FROM _document_rules.tenant)))))
      CROSS JOIN LATERAL ( SELECT COALESCE(jsonb_object_agg(e.key, e.value), '{}'::jsonb) AS given
            FROM jsonb_each(n.rule) e(key, value)
           WHERE (e.value <> 'null'::jsonb)) g)
      CROSS JOIN LATERAL jsonb_populate_record(NULL::leadscore.rule, (('{"kind": "activity", "decay": "none", "enabled": true, "scorecard": "main", "excused_by_planned": false}'::jsonb || g.given) || jsonb_build_object('rule_id', COALESCE(r.rule_id, (- (n.nth)::integer)), 'tenant', _document_rules.tenant, 'created_at', COALESCE(r.created_at, now())))) x(rule_id, name, kind, activity_types, condition, person_kinds, statuses, points, relevant_for, decay, max_per_day, max_counted, inactive_for, repeat_every, max_repeats, effective_from, enabled, created_at, tenant, scorecard, filter, person_filter, half_life, excused_by_planned, at_least, within));
END;

CREATE OR REPLACE FUNCTION leadscore._document_categories(document jsonb, tenant text DEFAULT NULL::text)
 RETURNS SETOF leadscore.category
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT x.category_id,
     x.person_kind,
     x.name,
     x.min_score,
     x.color,
     x.tenant,
     x.scorecard,
     x.recorded_at
    FROM ((jsonb_array_elements((_document_categories.document -> 'categories'::text)) WITH ORDINALITY n(category, nth)
      LEFT JOIN leadscore.category c ON (((c.name = (n.category ->> 'name'::text)) AND (c.scorecard = COALESCE((n.category ->> 'scorecard'::text), 'main'::text)) AND (NOT (c.person_kind IS DISTINCT FROM (n.category ->> 'person_kind'::text))) AND (NOT (c.tenant IS DISTINCT FROM _document_categories.tenant)))))
      CROSS JOIN LATERAL jsonb_populate_record(NULL::leadscore.category, (n.category || jsonb_build_object('category_id', COALESCE(c.category_id, (- (n.nth)::integer)), 'tenant', _document_categories.tenant, 'scorecard', COALESCE((n.category ->> 'scorecard'::text), 'main'::text), 'recorded_at', COALESCE(c.recorded_at, now())))) x(category_id, person_kind, name, min_score, color, tenant, scorecard, recorded_at));
END;

CREATE OR REPLACE FUNCTION leadscore._check_times(document jsonb)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    item    record;
    problem text;
BEGIN
    FOR item IN
        SELECT 'settings.' || a.attname AS path, a.atttypid::regtype::text AS sort, document -> 'settings' ->> a.attname AS value
        FROM pg_attribute a WHERE a.attrelid = 'leadscore.settings'::regclass AND a.atttypid = 'interval'::regtype
        UNION ALL
        SELECT format('rules[%s].%s', r.nth - 1, a.attname), a.atttypid::regtype::text, r.rule ->> a.attname
        FROM jsonb_array_elements(document -> 'rules') WITH ORDINALITY r(rule, nth)
        JOIN pg_attribute a ON a.attrelid = 'leadscore.rule'::regclass AND a.atttypid IN ('interval'::regtype, 'date'::regtype, 'jsonpath'::regtype)
        UNION ALL
        SELECT format('tests[%s].person.since', t.nth - 1), 'moment', t.test #>> '{person,since}'
        FROM jsonb_array_elements(document -> 'tests') WITH ORDINALITY t(test, nth)
        UNION ALL
        SELECT format('tests[%s].%s[%s].on', t.nth - 1, f.name, i.nth - 1), f.sort, i.item ->> 'on'
        FROM jsonb_array_elements(document -> 'tests') WITH ORDINALITY t(test, nth)
        CROSS JOIN (VALUES ('activities', 'moment'), ('expect', 'date')) f(name, sort)
        CROSS JOIN jsonb_array_elements(t.test -> f.name) WITH ORDINALITY i(item, nth)
    LOOP
        CONTINUE WHEN item.value IS NULL;
        problem := NULL;
        BEGIN
            CASE item.sort
                WHEN 'interval' THEN PERFORM item.value::interval;
                WHEN 'date' THEN PERFORM item.value::date;
                WHEN 'jsonpath' THEN problem := leadscore._no_predicate(item.value::jsonpath);
                ELSE PERFORM item.value::timestamp;
            END CASE;
        EXCEPTION
            WHEN data_exception THEN
                problem := format('%L is no %s.', item.value, CASE item.sort WHEN 'interval' THEN 'length of time' WHEN 'date' THEN 'day' ELSE item.sort END);
            WHEN syntax_error THEN
                problem := format('It cannot be read: %s.', SQLERRM);
        END;
        IF problem IS NOT NULL THEN
            RAISE invalid_parameter_value USING
                MESSAGE = format('configuration: %s is not as expected', item.path),
                DETAIL = problem,
                HINT = CASE item.sort WHEN 'interval' THEN 'Write days, weeks, months or years, such as "60 days" or "3 months".'
                                      WHEN 'date' THEN 'Write a day as 2026-01-31.'
                                      WHEN 'jsonpath' THEN 'Write a comparison, such as "$.minutes >= 30 && $.channel == \"video\"".'
                                      ELSE 'Write a day, or a day and a time, such as 2026-01-31 or 2026-01-31 14:30.' END;
        END IF;
    END LOOP;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._write_configuration(target regclass, written jsonb, key text[], left_alone text[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "IntervalStyle" TO 'postgres'
AS $function$
DECLARE
    columns text := (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
                     WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> ALL (left_alone));
    values  text := (SELECT string_agg('excluded.' || quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
                     WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> ALL (left_alone));
BEGIN
    EXECUTE format('SELECT jsonb_agg(to_jsonb(n)) FROM jsonb_populate_recordset(NULL::%1$s, $1) n
                    WHERE NOT EXISTS (SELECT FROM %1$s t WHERE to_jsonb(t) - $2 = to_jsonb(n) - $2)', target)
    INTO written USING written, left_alone;
    IF written IS NOT NULL THEN
        EXECUTE format('INSERT INTO %1$s (%2$s) SELECT %2$s FROM jsonb_populate_recordset(NULL::%1$s, $1)
                        ON CONFLICT (%4$s) DO UPDATE SET (%2$s) = ROW(%3$s)',
                       target, columns, values, (SELECT string_agg(quote_ident(k), ', ') FROM unnest(key) k))
        USING written;
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._gives_way(old leadscore.category, bands leadscore.category[], replace boolean)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE
BEGIN ATOMIC
 SELECT ((NOT (EXISTS ( SELECT
            FROM unnest(_gives_way.bands) b(category_id, person_kind, name, min_score, color, tenant, scorecard, recorded_at)
           WHERE (b.* = _gives_way.old)))) AND (replace OR (EXISTS ( SELECT
            FROM unnest(_gives_way.bands) b(category_id, person_kind, name, min_score, color, tenant, scorecard, recorded_at)
           WHERE ((b.scorecard = (_gives_way.old).scorecard) AND (NOT (b.person_kind IS DISTINCT FROM (_gives_way.old).person_kind)))))));
END;

CREATE OR REPLACE FUNCTION leadscore._apply_config(config jsonb, replace boolean, tenant text DEFAULT NULL::text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "IntervalStyle" TO 'postgres'
AS $function$
DECLARE
    document jsonb;
    settings leadscore.settings;
    wanted   leadscore.settings;
    bands    leadscore.category[];
    gone     text[];
BEGIN
    IF _apply_config.tenant = '' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'configuration: the tenant is empty',
            DETAIL = 'A tenant has a name, as leadscore.person.tenant has it.',
            HINT = 'Leave it NULL for what is everybody''s.';
    END IF;
    document := leadscore._checked_config(config::text, _apply_config.tenant);
    PERFORM leadscore._check_times(document);

    -- Editors wait for each other before they look at what is there: a statement that changes nothing, of which the
    -- privileges are needed anyway.
    IF document ? 'rules' THEN
        UPDATE leadscore.rule SET points = points WHERE false;
    ELSIF document ? 'categories' THEN
        DELETE FROM leadscore.category WHERE false;
    ELSIF document ? 'scorecards' THEN
        UPDATE leadscore.scorecard SET part_of = part_of WHERE false;
    ELSIF document ? 'settings' THEN
        UPDATE leadscore.settings SET time_zone = time_zone WHERE false;
    END IF;

    IF document ? 'settings' THEN
        SELECT s.* INTO settings FROM leadscore.settings s;
        wanted := CASE WHEN replace THEN jsonb_populate_record(NULL::leadscore.settings,
                                             '{"one_row": true, "scoring": "at_once"}' || jsonb_strip_nulls(document -> 'settings'))
                       ELSE jsonb_populate_record(settings, document -> 'settings') END;
    END IF;

    IF document ? 'activity_types' THEN
        INSERT INTO leadscore.activity_type AS t (activity_type, description)
        SELECT n.activity_type, n.description
        FROM jsonb_to_recordset(document -> 'activity_types') n(activity_type text, description text)
        ON CONFLICT (activity_type) DO UPDATE SET description = EXCLUDED.description
        WHERE t.description IS DISTINCT FROM EXCLUDED.description;
    END IF;

    -- After the types, as one can be the outcome.
    IF to_jsonb(settings) <> to_jsonb(wanted) THEN
        EXECUTE format('UPDATE leadscore.settings SET (%1$s) = (SELECT %1$s FROM (SELECT ($1).*) n)',
                       (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
                        WHERE a.attrelid = 'leadscore.settings'::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> 'one_row'))
        USING wanted;
    END IF;

    PERFORM leadscore._write_configuration('leadscore.scorecard',
        coalesce(document -> 'scorecards', '[]')
        || CASE WHEN replace AND document ? 'scorecards' AND NOT document -> 'scorecards' @> '[{"scorecard": "main"}]'
                THEN '[{"scorecard": "main"}]' ELSE '[]' END::jsonb, '{scorecard}', '{recorded_at}');

    IF document ? 'categories' THEN
        bands := ARRAY(SELECT b FROM leadscore._document_categories(document, _apply_config.tenant) b);
        -- Bounds move past each other, so what changes makes place first; a category keeps its id.
        IF EXISTS (SELECT FROM leadscore.category c
                   WHERE c.tenant IS NOT DISTINCT FROM _apply_config.tenant AND leadscore._gives_way(c, bands, replace)) THEN
            DELETE FROM leadscore.category c
            WHERE c.tenant IS NOT DISTINCT FROM _apply_config.tenant AND leadscore._gives_way(c, bands, replace);
        END IF;
        IF EXISTS (SELECT FROM unnest(bands) b WHERE NOT EXISTS (SELECT FROM leadscore.category c WHERE c = b)) THEN
            INSERT INTO leadscore.category
            SELECT x.*
            FROM unnest(bands) b
            CROSS JOIN LATERAL jsonb_populate_record(b, CASE WHEN b.category_id < 0
                THEN jsonb_build_object('category_id', nextval('leadscore.category_category_id_seq')) ELSE '{}' END) x
            WHERE NOT EXISTS (SELECT FROM leadscore.category c WHERE c.category_id = b.category_id);
        END IF;
    END IF;

    IF document ? 'rules' THEN
        gone := ARRAY(SELECT r.name FROM leadscore.rule r
                      WHERE replace AND r.tenant IS NOT DISTINCT FROM _apply_config.tenant
                        AND r.name NOT IN (SELECT n.name FROM jsonb_to_recordset(document -> 'rules') n(name text)));
        IF gone <> '{}' THEN
            DELETE FROM leadscore.rule r WHERE r.tenant IS NOT DISTINCT FROM _apply_config.tenant AND r.name = ANY (gone);
        END IF;
        PERFORM leadscore._write_configuration('leadscore.rule',
            (SELECT jsonb_agg(to_jsonb(r)) FROM leadscore._document_rules(document, _apply_config.tenant) r), '{tenant,name}', '{rule_id,created_at}');
    END IF;

    IF replace AND document ? 'scorecards' THEN
        gone := ARRAY(SELECT c.scorecard FROM leadscore.scorecard c
                      WHERE c.scorecard <> 'main'
                        AND c.scorecard NOT IN (SELECT n.scorecard FROM jsonb_to_recordset(document -> 'scorecards') n(scorecard text)));
        IF gone <> '{}' THEN
            DELETE FROM leadscore.scorecard c WHERE c.scorecard = ANY (gone);
        END IF;
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore.import_config(config jsonb, tenant text DEFAULT NULL::text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    PERFORM leadscore._require_tests_pass(config, import_config.tenant);
    PERFORM leadscore._apply_config(config, true, import_config.tenant);
END $function$;

CREATE OR REPLACE FUNCTION leadscore.load_preset(name text, tenant text DEFAULT NULL::text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    preset jsonb := leadscore._preset(load_preset.name);
    common jsonb;
BEGIN
    IF load_preset.tenant IS NOT NULL THEN
        common := jsonb_build_object(
            'activity_types', (SELECT jsonb_agg(t.section) FROM jsonb_array_elements(preset -> 'activity_types') t(section)
                               WHERE NOT EXISTS (SELECT FROM leadscore.activity_type k WHERE k.activity_type = t.section ->> 'activity_type')),
            'scorecards', (SELECT jsonb_agg(c.section) FROM jsonb_array_elements(preset -> 'scorecards') c(section)
                           WHERE NOT EXISTS (SELECT FROM leadscore.scorecard k WHERE k.scorecard = c.section ->> 'scorecard')));
        IF jsonb_strip_nulls(common) <> '{}' THEN
            PERFORM leadscore._apply_config(jsonb_strip_nulls(common), false);
        END IF;
        preset := preset - '{settings,activity_types,scorecards}'::text[];
    END IF;
    PERFORM leadscore._apply_config(preset, false, load_preset.tenant);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._slow_tables()
 RETURNS TABLE(relation text, what text, remedy text)
 LANGUAGE c
 STABLE
AS 'MODULE_PATHNAME', $function$slow_tables_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore.doctor()
 RETURNS TABLE(severity text, finding text, detail text, remedy text)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET standard_conforming_strings TO 'on'
AS $function$
#variable_conflict use_column
DECLARE
    today     date := leadscore.scoring_day();
    last_day  date := (SELECT s.scored_on FROM leadscore.state s);
    home      text := leadscore._cron_home();
    recompute text := leadscore._cron_command();
    known_kinds    text[];
    known_statuses text[];
BEGIN
    -- The night.
    IF NOT EXISTS (SELECT FROM leadscore.run) THEN
        RETURN QUERY SELECT 'warning', 'no run yet', 'Nothing expires and no penalty comes without leadscore_recompute().', recompute || ';';
    ELSIF last_day < today THEN
        RETURN QUERY SELECT CASE WHEN last_day < today - 1 THEN 'error' ELSE 'warning' END, 'the last run is of an earlier day',
            format('Scores stand for %s, and today is %s.', last_day, today), recompute || ';';
    ELSIF last_day > today THEN
        RETURN QUERY SELECT 'warning', 'the last run is of a later day',
            format('Scores stand for %s, and today is %s.', last_day, today), recompute || ';';
    END IF;
    IF (SELECT i.rebuild_due FROM leadscore.instance i) AND EXISTS (SELECT FROM leadscore.run) THEN
        RETURN QUERY SELECT 'warning', 'rules, categories or settings changed since the last run',
            'What was registered before is scored by the old ones until the next run.', recompute || ';';
    END IF;

    RETURN QUERY
    SELECT 'warning', 'a run in batches is under way or was interrupted',
           format('%s of %s persons are derived, since %s.', g.done, g.total, g.started_at), 'CALL leadscore.recompute_in_batches();'
    FROM leadscore.progress g;

    -- pg_cron; the coordinator's job runs on all nodes.
    IF leadscore._node() <> 0 THEN
        NULL;
    ELSIF home IS NULL THEN
        RETURN QUERY SELECT 'warning', 'pg_cron is not loaded', 'Nothing starts the nightly run from within the server.',
            'Install pg_cron, set shared_preload_libraries = ''pg_cron'' and restart; or run it from another scheduler: ' || recompute || ';';
    ELSIF home <> current_database() THEN
        RETURN QUERY SELECT 'note', 'pg_cron keeps its jobs in another database',
            format('Whether the nightly job runs is seen in database %s.', home),
            format('In database %I: SELECT * FROM cron.job WHERE jobname = %L;', home, leadscore._job_name(current_database()));
    ELSIF NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') THEN
        RETURN QUERY SELECT 'warning', 'pg_cron is not installed in this database', 'The server has it loaded for this database.',
            'CREATE EXTENSION pg_cron; SELECT leadscore.schedule();';
    ELSE
        RETURN QUERY SELECT * FROM leadscore._doctor_cron();
    END IF;

    -- Triggers: leadscore's own and those on attached tables.
    RETURN QUERY
    SELECT 'error', format('trigger %I on %s is disabled', t.tgname, t.tgrelid::regclass),
           'What changes in the table is not scored.',
           format('ALTER TABLE %s ENABLE TRIGGER %I; SELECT leadscore.resync(%s);', t.tgrelid::regclass, t.tgname,
                  CASE WHEN c.relnamespace = 'leadscore'::regnamespace THEN '' ELSE quote_literal(
                      (SELECT s.source FROM leadscore.source s WHERE ltrim(t.tgname, '!') LIKE 'leadscore\_' || s.source_id || '\_%')) END)
    FROM pg_trigger t
    JOIN pg_class c ON c.oid = t.tgrelid
    JOIN pg_proc f ON f.oid = t.tgfoid
    WHERE f.pronamespace = 'leadscore'::regnamespace AND t.tgenabled IN ('D', 'R')
    ORDER BY t.tgrelid::regclass::text, t.tgname;
    RETURN QUERY
    SELECT 'error', CASE WHEN t.taken IS NULL THEN format('attached table %s is gone', s.name)
                         ELSE format('a table that is not attached took the place of attached table %s', s.name) END,
           format('It fed %s of kind %L, and what came from it is still there.', CASE s.role WHEN 'person' THEN 'persons' ELSE 'activities' END, s.person_kind),
           CASE WHEN t.taken IS NULL THEN format('SELECT leadscore.forget_source(%s);', s.source_id)
                ELSE format('SELECT leadscore.reattach(%L);', s.name) END
    FROM leadscore.source s
    LEFT JOIN LATERAL (SELECT c.oid AS taken FROM pg_class c WHERE c.oid = to_regclass(s.name) AND c.relkind IN ('r', 'p')) t ON true
    WHERE s.attached AND leadscore._name_of(s.source) IS DISTINCT FROM s.name
      AND (leadscore._name_of(s.source) IS NULL
           OR NOT EXISTS (SELECT FROM leadscore.source x
                          WHERE x.source = to_regclass(s.name) AND x.attached AND (x.role, x.person_kind, x.label) = (s.role, s.person_kind, s.label)))
      AND (leadscore._name_of(s.source) IS NULL
           OR EXISTS (SELECT FROM pg_class c WHERE c.oid = to_regclass(s.name) AND c.relkind IN ('r', 'p')))
    ORDER BY s.source_id;
    RETURN QUERY
    SELECT 'error', format('trigger %I on %s is missing', n.name || p.suffix, p.relation),
           CASE WHEN leadscore._is_whole(s) THEN 'What changes in the table is not scored; a column that was attached may have been dropped.'
                ELSE 'A column that it cannot be attached without was dropped: attach it anew, with others.' END,
           CASE WHEN leadscore._is_whole(s) THEN format('SELECT leadscore.reattach(%L);', s.source::text)
                ELSE format('SELECT leadscore.detach(%L, kind => %L, label => %L);', s.source::text, s.person_kind, s.label) END
    FROM leadscore.source s
    CROSS JOIN LATERAL leadscore._places_of(s.source) p
    CROSS JOIN (VALUES ('columns'), ('row'), ('row_update'), ('statement'), ('truncate'), ('begin')) k(kind)
    CROSS JOIN LATERAL (SELECT format(CASE k.kind WHEN 'begin' THEN '!leadscore_%s_%s' ELSE 'leadscore_%s_%s' END, s.source_id, k.kind) AS name) n
    WHERE s.attached AND (k.kind <> 'truncate' OR p.suffix = '') AND (k.kind <> 'begin' OR s.parts ? 'score' OR s.parts ? 'category' OR s.parts ? 'scorecards') AND EXISTS (SELECT FROM pg_class c WHERE c.oid = s.source)
      AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = p.relation AND t.tgname = n.name || p.suffix)
    ORDER BY s.source_id, p.suffix, n.name;

    RETURN QUERY
    SELECT 'error', format('trigger %s on %s is missing', n.name, t.relation),
           format('Rows of %s reach it, and what changes in it is not scored.', s.source),
           CASE WHEN leadscore._is_whole(s) THEN format('SELECT leadscore.reattach(%L);', s.source::text)
                ELSE format('SELECT leadscore.detach(%L, kind => %L, label => %L);', s.source::text, s.person_kind, s.label) END
    FROM leadscore.source s
    JOIN leadscore.source_step t ON t.source_id = s.source_id
    CROSS JOIN LATERAL (VALUES (format('leadscore_%s_%s_columns', s.source_id, t.step), true), ('leadscore_reached_row', true), ('leadscore_reached', true),
                               ('leadscore_reached_row_moved', false), ('leadscore_reached_moved', false)) n(name, always)
    WHERE s.attached AND EXISTS (SELECT FROM pg_class c WHERE c.oid = s.source)
      AND (n.always OR leadscore._may_come_later(s, t.step))
      AND coalesce(leadscore._leads_to(s, t.step), t.relation) = t.relation
      AND NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = t.relation AND g.tgname = n.name)
    ORDER BY s.source_id, t.step, n.name;

    RETURN QUERY
    SELECT 'error', format('rows of %s reach %s, which is not followed', s.source, k.relation),
           'A foreign key that led to another table leads there now, as where a table was rebuilt.',
           CASE WHEN leadscore._is_whole(s) THEN format('SELECT leadscore.reattach(%L);', s.source::text)
                ELSE format('SELECT leadscore.detach(%L, kind => %L, label => %L);', s.source::text, s.person_kind, s.label) END
    FROM leadscore.source s
    JOIN leadscore.source_step t ON t.source_id = s.source_id
    CROSS JOIN LATERAL (SELECT leadscore._leads_to(s, t.step) AS relation) k
    WHERE s.attached AND EXISTS (SELECT FROM pg_class c WHERE c.oid = s.source) AND k.relation <> t.relation
    ORDER BY s.source_id, t.step;

    -- Shards have triggers of names of their own.
    IF NOT leadscore._is_clustered() THEN
        RETURN QUERY
        SELECT 'note', format('%s has triggers of leadscore that are of no attached table', t.tgrelid::regclass),
               format('They came with the structure of the table, perhaps under another number, and do nothing: %s.',
                      string_agg(quote_ident(t.tgname), ', ' ORDER BY t.tgname)),
               string_agg(format('DROP TRIGGER %I ON %s;', t.tgname, t.tgrelid::regclass), ' ' ORDER BY t.tgname)
        FROM pg_trigger t
        JOIN pg_class c ON c.oid = t.tgrelid
        JOIN pg_proc f ON f.oid = t.tgfoid
        WHERE f.pronamespace = 'leadscore'::regnamespace AND c.relnamespace <> 'leadscore'::regnamespace
          AND NOT t.tgisinternal AND t.tgparentid = 0 AND ltrim(t.tgname, '!') LIKE 'leadscore\_%'
          -- reattach() is for these.
          AND NOT EXISTS (SELECT FROM leadscore.source s WHERE s.attached AND s.name = leadscore._name_of(t.tgrelid) AND s.source <> t.tgrelid)
          AND NOT EXISTS (SELECT FROM leadscore.source s
                          LEFT JOIN leadscore.source_step x ON x.source_id = s.source_id
                          WHERE s.attached AND t.tgrelid IN (s.source, x.relation)
                            AND (ltrim(t.tgname, '!') LIKE 'leadscore\_' || s.source_id || '\_%'
                                 OR (t.tgname LIKE 'leadscore\_reached%' AND t.tgrelid = x.relation)))
        GROUP BY t.tgrelid
        ORDER BY t.tgrelid::regclass::text;
    END IF;

    -- Where triggers do not fire, nothing refuses it.
    RETURN QUERY
    SELECT 'warning', format('%s persons have an empty tenant', n.persons),
           format('The first is person %s. They were stored where triggers do not fire; NULL stands for no tenant.', n.first),
           'UPDATE leadscore.person SET tenant = NULL WHERE tenant = '''';'
    FROM (SELECT count(*) AS persons, min(p.person_id) AS first FROM leadscore.person p WHERE p.tenant = '') n
    WHERE n.persons > 0;

    -- What jsonb cannot hold is no attribute.
    RETURN QUERY
    SELECT 'note', format('%s %s of %s lack attribute %L', n.lack, s.them, s.source, s.label),
           'Their rows hold a value there that jsonb cannot: \u0000, half of a character, a number beyond numeric, or a text that is too long.',
           format('SELECT %s FROM leadscore.%I WHERE source_id = %s AND NOT attributes ? %L;', s.key, s.role, s.source_id, s.label)
    -- Which columns can hold such values is asked of each once, not of each row that a policy hides or shows.
    FROM (SELECT s.source_id, s.source, s.role, l.label, r.them, r.key
          FROM leadscore.source s
          JOIN (VALUES ('activity', 'activities', 'source_key'), ('person', 'persons', 'external_id')) r(role, them, key) USING (role)
          CROSS JOIN LATERAL (SELECT e.value ->> 'label' AS label, s.parts -> 'columns' -> (e.value ->> 'at')::int AS place
                              FROM jsonb_array_elements(coalesce(s.parts -> 'attributes', '[]')) e) l
          WHERE s.attached AND (l.place ->> 1)::int >= 0 AND leadscore._may_lack(s, l.place)
          OFFSET 0) s
    CROSS JOIN LATERAL (
        SELECT CASE s.role WHEN 'person' THEN (SELECT count(*) FROM leadscore.person p WHERE p.source_id = s.source_id AND NOT p.attributes ? s.label)
                           ELSE (SELECT count(*) FROM leadscore.activity a WHERE a.source_id = s.source_id AND NOT a.attributes ? s.label) END AS lack) n
    WHERE n.lack > 0
    ORDER BY s.role, s.source_id, s.label;

    RETURN QUERY
    SELECT 'error', format('trigger %I on %s is deferrable', t.tgname, t.tgrelid::regclass),
           'Scores cannot be written back to a table whose triggers run only at commit; it can also be attached without score and category.',
           format('DROP TRIGGER %I ON %s;', t.tgname, t.tgrelid::regclass)
    FROM leadscore.source s
    JOIN pg_trigger t ON t.tgrelid = s.source AND t.tgdeferrable AND NOT t.tgisinternal
    WHERE s.attached AND (s.parts ? 'score' OR s.parts ? 'category' OR s.parts ? 'scorecards')
    ORDER BY t.tgrelid::regclass::text, t.tgname;

    RETURN QUERY
    SELECT 'error', CASE cardinality(k.names) WHEN 1 THEN format('column %s of %s, by which its rows are found, is no longer unique', k.shown, s.source)
                                              ELSE format('columns %s of %s, by which its rows are found, are no longer unique', k.shown, s.source) END,
           'Rows with the same value are taken for one.',
           format('ALTER TABLE %s ADD UNIQUE (%s);', s.source, concat_ws(', ', k.shown, (
               SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
               FROM pg_partitioned_table p JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = ANY (p.partattrs)
               WHERE p.partrelid = s.source AND a.attname <> ALL (k.names))))
    FROM leadscore.source s
    CROSS JOIN LATERAL (
        SELECT array_agg(b.columns ->> (s.parts -> 'columns' -> e.value::int ->> 1)::int ORDER BY e.nth) AS names,
               string_agg(quote_ident(b.columns ->> (s.parts -> 'columns' -> e.value::int ->> 1)::int), ', ' ORDER BY e.nth) AS shown
        FROM leadscore._bound_columns(s.source, format('leadscore_%s_columns', s.source_id)) b
        CROSS JOIN LATERAL jsonb_array_elements_text(s.parts -> 'key') WITH ORDINALITY e(value, nth)
        WHERE b.columns IS NOT NULL) k
    WHERE s.attached AND k.names IS NOT NULL AND NOT leadscore._is_unique(s.source, k.names)
    ORDER BY s.source_id;

    -- An application that merges duplicates deletes the rows of the losers.
    RETURN QUERY
    SELECT 'note', format('%s persons of %s have adjustments, which go with their rows', n.persons, s.source),
           'Should the application merge duplicates, a trigger on the table that calls merge_person() keeps those of the losers.',
           'SELECT leadscore.merge_person(loser, winner); in the trigger of docs/attach.md, "Persons that go, come back or change their key"'
    FROM leadscore.source s
    CROSS JOIN LATERAL (SELECT count(DISTINCT p.person_id) AS persons
                        FROM leadscore.adjustment a JOIN leadscore.person p USING (person_id)
                        WHERE p.source_id = s.source_id) n
    WHERE s.attached AND s.role = 'person' AND n.persons > 0
      AND NOT EXISTS (SELECT FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid
                      WHERE t.tgrelid = s.source AND NOT t.tgisinternal AND f.prosrc LIKE '%merge\_person%')
    ORDER BY s.source_id;

    -- What was added to leadscore's own tables.
    RETURN QUERY
    SELECT 'note', format('%s makes writes to %s slow', w.what, w.relation),
           'So that it takes effect, leadscore writes the table by statements, which take about twice as long as direct writes.',
           w.remedy
    FROM leadscore._slow_tables() w;

    -- What waits.
    RETURN QUERY
    SELECT 'warning', format('activity type %L is not known', w.activity_type),
           format(CASE w.activity_type WHEN '' THEN '%s rows of %s wait for a type that has a name.' ELSE '%s rows of %s wait for it.' END,
                  count(*), (SELECT s.source FROM leadscore.source s WHERE s.source_id = w.source_id)),
           CASE w.activity_type WHEN '' THEN format('SELECT source_key FROM leadscore.waiting WHERE source_id = %s AND activity_type = '''';', w.source_id)
                ELSE format('INSERT INTO leadscore.activity_type (activity_type) VALUES (%L);', w.activity_type) END
    FROM leadscore.waiting w
    WHERE NOT EXISTS (SELECT FROM leadscore.activity_type t WHERE t.activity_type = w.activity_type)
    GROUP BY w.activity_type, w.source_id
    ORDER BY w.activity_type, w.source_id;
    RETURN QUERY
    SELECT 'note', format('%s activities of %s wait for their person', count(*),
                          (SELECT s.source FROM leadscore.source s WHERE s.source_id = w.source_id)),
           format('The first %s that is missing has key %s.', min(w.person_kind), min(w.external_id)),
           format('SELECT * FROM leadscore.waiting WHERE source_id = %s;', w.source_id)
    FROM leadscore.waiting w
    WHERE NOT EXISTS (SELECT FROM leadscore._person_key k
                      WHERE k.kind = w.person_kind AND k.external_id = w.external_id AND k.tenant IS NOT DISTINCT FROM w.tenant)
    GROUP BY w.source_id
    ORDER BY w.source_id;

    RETURN QUERY
    SELECT 'warning', format('%s persons wait to be scored since %s', n.persons, n.since),
           'Scoring is deferred, and nothing calls score_pending() often enough; pg_cron can, every minute.',
           format('SELECT cron.schedule_in_database(%L, %L, %L, %L);', format('leadscore pending %s', current_database()), '* * * * *',
                  'SELECT leadscore.score_pending()', current_database())
    FROM (SELECT count(DISTINCT p.person_id) AS persons, min(p.recorded_at) AS since FROM leadscore.pending p) n
    JOIN leadscore.settings s ON s.scoring = 'deferred'
    WHERE n.since < now() - interval '10 minutes';

    -- The configuration. Persons are looked through once.
    SELECT array_agg(DISTINCT d.kind), array_agg(DISTINCT d.status) INTO known_kinds, known_statuses
    FROM (SELECT DISTINCT p.kind, p.status FROM leadscore.person p) d
    WHERE EXISTS (SELECT FROM leadscore.rule r WHERE r.enabled AND (r.statuses IS NOT NULL OR r.person_kinds IS NOT NULL));
    RETURN QUERY
    SELECT 'note', format('rule %L is for status %L, which no person has', r.name, v.status),
           'It may be a misspelling.', 'SELECT DISTINCT kind, status FROM leadscore.person;'
    FROM leadscore.rule r CROSS JOIN unnest(r.statuses) v(status)
    WHERE r.enabled AND known_kinds IS NOT NULL AND NOT v.status = ANY (array_remove(known_statuses, NULL))
    ORDER BY r.name, v.status;
    RETURN QUERY
    SELECT 'note', format('rule %L is for kind %L, of which there is no person', r.name, v.kind),
           'It may be a misspelling, or persons have kinds of other names.', 'SELECT DISTINCT kind FROM leadscore.person;'
    FROM leadscore.rule r CROSS JOIN unnest(r.person_kinds) v(kind)
    WHERE r.enabled AND NOT v.kind = ANY (known_kinds)
    ORDER BY r.name, v.kind;
    IF EXISTS (SELECT FROM leadscore.rule r WHERE r.enabled) THEN
        -- Among the newest activities: to look through all of them would take as long as there are many.
        RETURN QUERY
        SELECT 'note', format('no rule takes activity type %L', t.activity_type),
               'There are activities of it among the newest 10,000, and they give no points. A rule of its own can, or one that there is, by its activity_types.',
               format('INSERT INTO leadscore.rule (name, activity_types, points) VALUES (%L, %L, 1);', t.activity_type, ARRAY[t.activity_type])
        FROM leadscore.activity_type t
        JOIN (SELECT DISTINCT a.activity_type
              FROM (SELECT n.activity_type FROM leadscore.activity n ORDER BY n.activity_id DESC LIMIT 10000) a) a
          ON a.activity_type = t.activity_type
        WHERE NOT EXISTS (SELECT FROM leadscore.rule r
                          WHERE r.enabled AND r.kind <> 'profile'
                            AND (r.activity_types IS NULL OR t.activity_type = ANY (r.activity_types)))
        ORDER BY t.activity_type;
    END IF;
    RETURN QUERY
    SELECT 'warning',
           concat(coalesce('persons of kind ' || quote_literal(c.person_kind), 'categories for all kinds'), ' have no lowest category',
                  CASE WHEN c.scorecard <> 'main' THEN format(' on scorecard %L', c.scorecard) END,
                  ' of tenant ' || quote_literal(c.tenant)),
           format('A score below %s has no category.', min(c.min_score)),
           CASE WHEN bool_or(c.name = 'cold')
                THEN format('UPDATE leadscore.category SET min_score = NULL WHERE category_id = %s;', min(c.category_id) FILTER (WHERE c.min_score = m.lowest))
                ELSE format('INSERT INTO leadscore.category (%sperson_kind, name) VALUES (%s%L, ''cold'');',
                            concat(CASE WHEN c.tenant IS NOT NULL THEN 'tenant, ' END, CASE WHEN c.scorecard <> 'main' THEN 'scorecard, ' END),
                            concat(quote_literal(c.tenant) || ', ', CASE WHEN c.scorecard <> 'main' THEN quote_literal(c.scorecard) || ', ' END),
                            c.person_kind) END
    FROM leadscore.category c
    CROSS JOIN LATERAL (SELECT min(x.min_score) AS lowest FROM leadscore.category x
                        WHERE (x.tenant, x.scorecard, x.person_kind) IS NOT DISTINCT FROM (c.tenant, c.scorecard, c.person_kind)) m
    GROUP BY c.tenant, c.scorecard, c.person_kind
    HAVING bool_and(c.min_score IS NOT NULL)
    ORDER BY c.tenant NULLS FIRST, c.scorecard, c.person_kind;
    IF EXISTS (SELECT FROM leadscore.person) AND NOT EXISTS (SELECT FROM leadscore.category) THEN
        RETURN QUERY SELECT 'note', 'there are no categories', 'Persons have a score but are neither hot nor cold. A preset has some, or insert your own into leadscore.category.',
            'SELECT leadscore.load_preset(''recruitment'');';
    END IF;
    IF NOT EXISTS (SELECT FROM leadscore.rule r WHERE r.enabled) THEN
        RETURN QUERY SELECT 'note', 'there are no rules', 'Every score is 0. A preset has some, or insert your own into leadscore.rule.',
            'SELECT leadscore.load_preset(''recruitment'');';
    END IF;
    RETURN QUERY SELECT * FROM leadscore._doctor_dump();
    RETURN QUERY SELECT * FROM leadscore._doctor_merged();
    IF leadscore._leads() THEN
        RETURN QUERY SELECT * FROM leadscore._doctor_cluster();
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._doctor_cron()
 RETURNS TABLE(severity text, finding text, detail text, remedy text)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET standard_conforming_strings TO 'on'
AS $function$
#variable_conflict use_column
DECLARE
    zone text := (SELECT s.time_zone FROM leadscore.settings s);
    clock text := coalesce(current_setting('cron.timezone', true), 'GMT');
    outcome record;
BEGIN
    IF NOT EXISTS (SELECT FROM cron.job j WHERE j.jobname = leadscore._job_name(current_database()) AND j.active) THEN
        RETURN QUERY SELECT 'warning', 'no nightly job', 'Nothing expires and no penalty comes by itself.', 'SELECT leadscore.schedule();';
        RETURN;
    END IF;
    SELECT d.status, d.return_message, d.start_time INTO outcome
    FROM cron.job j JOIN cron.job_run_details d ON d.jobid = j.jobid
    WHERE j.jobname = leadscore._job_name(current_database()) AND d.status IN ('succeeded', 'failed')
    ORDER BY d.runid DESC LIMIT 1;
    IF outcome.status = 'failed' THEN
        RETURN QUERY SELECT 'error', 'the nightly job failed', format('%s: %s', outcome.start_time, outcome.return_message),
            'SELECT * FROM cron.job_run_details ORDER BY runid DESC LIMIT 10;';
    END IF;
    IF (now() AT TIME ZONE zone) <> (now() AT TIME ZONE clock) THEN
        RETURN QUERY SELECT 'note', 'pg_cron has another time zone',
            format('It reads schedules in %s, and days count in %s: choose a time that is after midnight there.', clock, zone),
            'SELECT jobname, schedule FROM cron.job;';
    END IF;
END $function$;

ALTER TABLE leadscore.visitor ADD COLUMN tenant text;

ALTER TABLE leadscore.visitor ADD CONSTRAINT visitor_pkey PRIMARY KEY (visitor_id, anonymous_id);

CREATE UNIQUE INDEX visitor_anonymous_id_idx ON leadscore.visitor USING btree (anonymous_id, tenant) NULLS NOT DISTINCT;

ALTER TABLE leadscore.visitor_person ADD COLUMN tenant text;

ALTER TABLE leadscore.event ADD COLUMN tenant text;

CREATE UNIQUE INDEX event_message_id_idx ON leadscore.event USING btree (message_id, tenant) NULLS NOT DISTINCT WHERE (message_id IS NOT NULL);

CREATE OR REPLACE FUNCTION leadscore._claim_visits(ids bigint[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    visitors bigint[];
BEGIN
    -- Whoever lets visits wait holds a lock that conflicts with this one and looks for the person
    -- under it, so that the two do not miss each other.
    LOCK TABLE leadscore.waiting IN ROW EXCLUSIVE MODE;
    IF NOT EXISTS (SELECT FROM leadscore.visitor_person) AND NOT EXISTS (SELECT FROM leadscore.event) THEN
        RETURN;
    END IF;
    WITH tied AS (
        UPDATE leadscore.visitor_person t SET person_id = p.person_id, person_kind = NULL, external_id = NULL
        FROM leadscore.person p
        WHERE p.person_id = ANY (ids) AND t.person_id IS NULL AND t.person_kind = p.kind AND t.external_id = p.external_id
          AND t.tenant IS NOT DISTINCT FROM p.tenant
        RETURNING t.visitor_id
    )
    SELECT array_agg(DISTINCT t.visitor_id) INTO visitors FROM tied t;
    IF visitors IS NOT NULL THEN
        PERFORM leadscore._assign_visits(visitors);
    END IF;

    WITH named AS MATERIALIZED (
        SELECT e.event_id, nextval('leadscore.activity_activity_id_seq') AS activity_id, e.person_id, m.activity_type, e.occurred_at, e.properties
        FROM (SELECT w.event_id, p.person_id, w.event, w.occurred_at, w.properties
              FROM leadscore.event w
              JOIN leadscore.person p ON p.kind = w.person_kind AND p.external_id = w.external_id AND p.tenant IS NOT DISTINCT FROM w.tenant
              WHERE p.person_id = ANY (ids) AND w.external_id IS NOT NULL
              ORDER BY w.occurred_at, w.event_id) e
        JOIN leadscore.event_mapping m ON m.event = e.event
        JOIN leadscore.activity_type t ON t.activity_type = m.activity_type
    ), counted AS (
        INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at, attributes)
        SELECT n.activity_id, n.person_id, n.activity_type, n.occurred_at, n.properties FROM named n
    )
    UPDATE leadscore.event e
    SET person_id = n.person_id, activity_id = n.activity_id, person_kind = NULL, external_id = NULL
    FROM named n
    WHERE e.event_id = n.event_id;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._forget_visitors(id bigint)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    -- What still names the person by a key of the application, under whatever visitor.
    DELETE FROM leadscore.event e USING leadscore._person_key k
    WHERE k.person_id = id AND e.person_kind = k.kind AND e.external_id = k.external_id AND e.tenant IS NOT DISTINCT FROM k.tenant;
    DELETE FROM leadscore.visitor_person t USING leadscore._person_key k
    WHERE k.person_id = id AND t.person_kind = k.kind AND t.external_id = k.external_id AND t.tenant IS NOT DISTINCT FROM k.tenant;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._take_events(events leadscore._read_event[], of_tenant text)
 RETURNS leadscore._taken
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
#variable_conflict use_column
DECLARE
    needed   boolean := coalesce((SELECT s.consent_required FROM leadscore.track_settings s), true);
    allowed  leadscore._read_event[];
    outcome  leadscore._taken;
    changed  bigint[] := '{}';
    pair     record;
BEGIN
    -- A plan that is made once serves a few events best; for many, one made for the occasion.
    IF cardinality(events) > 50 THEN
        PERFORM set_config('plan_cache_mode', 'force_custom_plan', true);
    END IF;
    IF EXISTS (SELECT FROM unnest(events) e
               WHERE e.external_id IS NOT NULL
                 AND NOT EXISTS (SELECT FROM leadscore._person_key k WHERE k.kind = e.person_kind AND k.external_id = e.external_id AND k.tenant IS NOT DISTINCT FROM of_tenant)) THEN
        -- What names a person that is not known waits: unless the person is just arriving, which is seen under the lock.
        LOCK TABLE leadscore.waiting IN SHARE MODE;
        PERFORM leadscore._need_current_snapshot();
    END IF;
    IF EXISTS (SELECT FROM unnest(events) e WHERE e.kind <> 'track') THEN
        PERFORM leadscore._lock_visits(ARRAY(SELECT DISTINCT v.visitor_id FROM unnest(events) e JOIN leadscore.visitor v ON v.anonymous_id IN (e.visitor, e.previous) AND v.tenant IS NOT DISTINCT FROM of_tenant
                                             WHERE e.kind <> 'track'), NULL);
    END IF;
    PERFORM leadscore._lock_persons(ARRAY(
        SELECT k.person_id FROM unnest(events) e
        JOIN leadscore._person_key k ON k.kind = e.person_kind AND k.external_id = e.external_id AND k.tenant IS NOT DISTINCT FROM of_tenant
        UNION
        SELECT t.person_id FROM unnest(events) e
        JOIN leadscore.visitor v ON v.anonymous_id = e.visitor AND v.tenant IS NOT DISTINCT FROM of_tenant
        JOIN leadscore.visitor_person t ON t.visitor_id = v.visitor_id
        WHERE t.person_id IS NOT NULL));
    PERFORM FROM leadscore.visitor v
    WHERE v.anonymous_id IN (SELECT e.visitor FROM unnest(events) e UNION ALL SELECT e.previous FROM unnest(events) e)
      AND v.tenant IS NOT DISTINCT FROM of_tenant
    ORDER BY v.anonymous_id FOR KEY SHARE;

    -- Consent is the event's own, the visitor's of before or the person's; a person's refusal
    -- stands until the person consents again, and for all of before it for good.
    SELECT array_agg((e.index, e.kind, e.name, e.activity_type, e.visitor, e.person_kind, e.external_id, e.previous,
                      e.message_id, e.at, e.properties, d.given)::leadscore._read_event ORDER BY e.at, e.index)
           FILTER (WHERE (d.given OR NOT needed)
                     AND (c.refused_at IS NULL OR e.at > c.refused_at AND (NOT c.refused OR d.granted))),
           count(*)
    INTO allowed, outcome.without_consent
    FROM unnest(events) e
    LEFT JOIN leadscore.visitor v ON v.anonymous_id = e.visitor AND v.tenant IS NOT DISTINCT FROM of_tenant
    LEFT JOIN LATERAL leadscore._tied_person(CASE WHEN e.external_id IS NULL THEN v.visitor_id END, e.at) t ON true
    LEFT JOIN leadscore._person_key k ON k.kind = e.person_kind AND k.external_id = e.external_id AND k.tenant IS NOT DISTINCT FROM of_tenant
    LEFT JOIN leadscore.person_consent c ON c.person_id = coalesce(k.person_id, t.person_id)
    LEFT JOIN (SELECT g.visitor, min(g.at) FILTER (WHERE g.consent) AS own_at, min(g.at) AS at
               FROM unnest(events) g
               LEFT JOIN leadscore._person_key k ON k.kind = g.person_kind AND k.external_id = g.external_id AND k.tenant IS NOT DISTINCT FROM of_tenant
               LEFT JOIN leadscore.person_consent c ON c.person_id = k.person_id
               WHERE g.visitor IS NOT NULL AND (g.consent OR (NOT c.refused AND c.granted_at <= g.at))
               GROUP BY g.visitor) g ON g.visitor = e.visitor
    CROSS JOIN LATERAL (SELECT coalesce(e.consent OR g.own_at <= e.at, e.consent, false)) s(granted)
    CROSS JOIN LATERAL (SELECT s.granted, s.granted OR coalesce(g.at <= e.at, false) OR coalesce(v.consented_at <= e.at, false)
                               OR coalesce(NOT c.refused AND c.granted_at <= e.at, false)) d(granted, given);
    outcome.without_consent := outcome.without_consent - coalesce(cardinality(allowed), 0);
    outcome.taken := 0;
    outcome.seen_before := 0;
    IF allowed IS NULL THEN
        RETURN outcome;
    END IF;
    PERFORM leadscore._go_live();

    INSERT INTO leadscore.visitor AS v (anonymous_id, tenant, consented_at)
    SELECT u.visitor, of_tenant, min(u.at) FILTER (WHERE u.consent)
    FROM (SELECT e.visitor, e.at, e.consent FROM unnest(allowed) e
          UNION ALL SELECT e.previous, e.at, e.consent FROM unnest(allowed) e) u
    WHERE u.visitor IS NOT NULL
    GROUP BY u.visitor
    ORDER BY u.visitor
    ON CONFLICT (anonymous_id, tenant) DO UPDATE SET consented_at = least(v.consented_at, EXCLUDED.consented_at)
    WHERE v.consented_at > EXCLUDED.consented_at OR (v.consented_at IS NULL AND EXCLUDED.consented_at IS NOT NULL);

    -- Persons speak for themselves, in all their visits: who consents anew, or consents without a visitor.
    IF EXISTS (SELECT FROM unnest(events) e WHERE e.consent AND e.visitor IS NULL)
       OR EXISTS (SELECT FROM leadscore.person_consent c WHERE c.refused) THEN
        INSERT INTO leadscore.person_consent AS c (person_id, granted_at)
        SELECT p.person_id, max(p.at)
        FROM (SELECT coalesce(k.person_id, t.person_id) AS person_id, e.at, e.visitor IS NULL AS alone
              FROM unnest(events) e
              LEFT JOIN leadscore._person_key k ON k.kind = e.person_kind AND k.external_id = e.external_id AND k.tenant IS NOT DISTINCT FROM of_tenant
              LEFT JOIN leadscore.visitor v ON v.anonymous_id = e.visitor AND v.tenant IS NOT DISTINCT FROM of_tenant
              LEFT JOIN LATERAL leadscore._tied_person(CASE WHEN e.external_id IS NULL THEN v.visitor_id END, e.at) t ON true
              WHERE e.consent) p
        LEFT JOIN leadscore.person_consent o ON o.person_id = p.person_id
        WHERE p.person_id IS NOT NULL AND (p.alone AND o.person_id IS NULL OR o.refused AND p.at > o.refused_at)
        GROUP BY p.person_id
        ON CONFLICT (person_id) DO UPDATE SET granted_at = EXCLUDED.granted_at
        WHERE c.granted_at IS NULL OR c.granted_at < EXCLUDED.granted_at;
        IF FOUND THEN
            PERFORM leadscore._rescore(array_agg(c.person_id)) FROM leadscore.person_consent c
            WHERE c.refused_at IS NOT NULL AND c.person_id IN (
                SELECT k.person_id FROM unnest(allowed) e JOIN leadscore._person_key k ON k.kind = e.person_kind AND k.external_id = e.external_id AND k.tenant IS NOT DISTINCT FROM of_tenant
                UNION
                SELECT t.person_id FROM unnest(allowed) e JOIN leadscore.visitor v ON v.anonymous_id = e.visitor AND v.tenant IS NOT DISTINCT FROM of_tenant
                JOIN leadscore.visitor_person t ON t.visitor_id = v.visitor_id)
            HAVING count(*) > 0;
        END IF;
    END IF;

    -- Two visitors become one.
    FOR pair IN SELECT e.visitor, e.previous FROM unnest(allowed) e WHERE e.kind = 'alias' ORDER BY e.at, e.index LOOP
        changed := changed || leadscore._join_visitors(pair.visitor, pair.previous, of_tenant);
    END LOOP;

    -- Ties; one that repeats the tie before it moves no visit.
    IF EXISTS (SELECT FROM unnest(allowed) e WHERE e.kind = 'identify' AND e.visitor IS NOT NULL AND e.external_id IS NOT NULL) THEN
        WITH tie AS (
            INSERT INTO leadscore.visitor_person (visitor_id, tied_at, person_id, person_kind, external_id, tenant)
            SELECT v.visitor_id, e.at, k.person_id, CASE WHEN k.person_id IS NULL THEN e.person_kind END,
                   CASE WHEN k.person_id IS NULL THEN e.external_id END, of_tenant
            FROM unnest(allowed) e
            JOIN leadscore.visitor v ON v.anonymous_id = e.visitor AND v.tenant IS NOT DISTINCT FROM of_tenant
            LEFT JOIN leadscore._person_key k ON k.kind = e.person_kind AND k.external_id = e.external_id AND k.tenant IS NOT DISTINCT FROM of_tenant
            WHERE e.kind = 'identify' AND e.external_id IS NOT NULL
            ORDER BY v.visitor_id, e.at, e.index
            ON CONFLICT (visitor_id, tied_at) DO NOTHING
            RETURNING visitor_id, tied_at, person_id
        )
        -- What the statement sees of the table is what was there before it.
        SELECT changed || coalesce(array_agg(DISTINCT n.visitor_id), '{}') INTO changed
        FROM tie n
        WHERE n.person_id IS NULL OR n.person_id IS DISTINCT FROM (
            SELECT t.person_id FROM leadscore.visitor_person t
            WHERE t.visitor_id = n.visitor_id AND t.tied_at < n.tied_at
            ORDER BY t.tied_at DESC LIMIT 1);
    END IF;
    IF changed <> '{}' THEN
        PERFORM leadscore._assign_visits(changed);
    END IF;

    WITH fresh AS MATERIALIZED (
        SELECT nextval('leadscore.event_event_id_seq') AS event_id, o.*,
               CASE WHEN o.person_id IS NOT NULL THEN nextval('leadscore.activity_activity_id_seq') END AS activity_id
        FROM (SELECT e.name, e.activity_type, e.message_id, e.at, e.properties, v.visitor_id,
                     e.external_id IS NOT NULL AS named,
                     coalesce(k.person_id, t.person_id) AS person_id,
                     CASE WHEN k.person_id IS NULL THEN e.person_kind END AS person_kind,
                     CASE WHEN k.person_id IS NULL THEN e.external_id END AS external_id
              FROM unnest(allowed) e
              LEFT JOIN leadscore.visitor v ON v.anonymous_id = e.visitor AND v.tenant IS NOT DISTINCT FROM of_tenant
              LEFT JOIN leadscore._person_key k ON k.kind = e.person_kind AND k.external_id = e.external_id AND k.tenant IS NOT DISTINCT FROM of_tenant
              LEFT JOIN LATERAL leadscore._tied_person(CASE WHEN e.external_id IS NULL THEN v.visitor_id END, e.at) t ON true
              WHERE e.kind = 'track'
              ORDER BY e.at, e.index) o
        LEFT JOIN leadscore.person_consent c ON c.person_id = o.person_id
        WHERE c.refused_at IS NULL OR (o.at > c.refused_at AND NOT c.refused)
    ), stored AS (
        -- In the order of their ids, so that senders of the same events wait in turn.
        INSERT INTO leadscore.event (event_id, message_id, event, occurred_at, visitor_id, named, person_id, person_kind, external_id, activity_id, properties, tenant)
        SELECT f.event_id, f.message_id, f.name, f.at, f.visitor_id, f.named, f.person_id, f.person_kind, f.external_id, f.activity_id, f.properties, of_tenant
        FROM fresh f
        ORDER BY f.message_id, f.event_id
        ON CONFLICT (message_id, tenant) WHERE message_id IS NOT NULL DO NOTHING
        RETURNING event, occurred_at, person_id, activity_id, properties
    ), counted AS (
        INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at, attributes)
        SELECT s.activity_id, s.person_id, m.activity_type, s.occurred_at, s.properties
        FROM stored s JOIN leadscore.event_mapping m ON m.event = s.event
        WHERE s.activity_id IS NOT NULL
    )
    SELECT (SELECT count(*) FROM stored), (SELECT count(*) FROM fresh) - (SELECT count(*) FROM stored),
           outcome.without_consent + (SELECT count(*) FROM unnest(allowed) e WHERE e.kind = 'track') - (SELECT count(*) FROM fresh)
    INTO outcome.taken, outcome.seen_before, outcome.without_consent;
    outcome.taken := outcome.taken + (SELECT count(*) FROM unnest(allowed) e WHERE e.kind <> 'track');
    RETURN outcome;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._join_visitors(one text, other text, of_tenant text)
 RETURNS bigint[]
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    stays bigint;
    goes  bigint;
BEGIN
    SELECT min(v.visitor_id), max(v.visitor_id) INTO stays, goes
    FROM (SELECT w.visitor_id FROM leadscore.visitor w WHERE w.anonymous_id IN (one, other) AND w.tenant IS NOT DISTINCT FROM of_tenant ORDER BY w.anonymous_id FOR UPDATE) v;
    IF stays = goes THEN
        RETURN '{}';
    END IF;
    UPDATE leadscore.visitor v SET visitor_id = stays WHERE v.visitor_id = goes;
    DELETE FROM leadscore.visitor_person t
    WHERE t.visitor_id = goes
      AND EXISTS (SELECT FROM leadscore.visitor_person s WHERE s.visitor_id = stays AND s.tied_at = t.tied_at);
    UPDATE leadscore.visitor_person t SET visitor_id = stays WHERE t.visitor_id = goes;
    UPDATE leadscore.event e SET visitor_id = stays WHERE e.visitor_id = goes;
    RETURN ARRAY[stays];
END $function$;

CREATE OR REPLACE FUNCTION leadscore._withdraw(event leadscore._read_event, of_tenant text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    who bigint := (SELECT v.visitor_id FROM leadscore.visitor v WHERE v.anonymous_id = event.visitor AND v.tenant IS NOT DISTINCT FROM of_tenant);
    ids bigint[];
BEGIN
    SELECT array_agg(DISTINCT p.person_id) INTO ids
    FROM (SELECT k.person_id FROM leadscore._person_key k WHERE k.kind = event.person_kind AND k.external_id = event.external_id AND k.tenant IS NOT DISTINCT FROM of_tenant
          UNION ALL
          SELECT t.person_id FROM leadscore._tied_person(who, event.at) t WHERE event.external_id IS NULL) p
    WHERE p.person_id IS NOT NULL;
    -- Persons of other times on the same computer lose what this visitor brought them.
    PERFORM leadscore._lock_visits(ARRAY[who], ids);
    IF ids IS NOT NULL THEN
        PERFORM leadscore._refuse_visits(ids, event.at);
    END IF;
    IF event.external_id IS NOT NULL THEN
        -- Of a person that is not known yet, what waits.
        DELETE FROM leadscore.event e
        WHERE e.person_kind = event.person_kind AND e.external_id = event.external_id AND e.tenant IS NOT DISTINCT FROM of_tenant AND e.occurred_at <= event.at;
        DELETE FROM leadscore.visitor_person t
        WHERE t.person_kind = event.person_kind AND t.external_id = event.external_id AND t.tenant IS NOT DISTINCT FROM of_tenant AND t.tied_at <= event.at;
    END IF;
    IF who IS NULL THEN
        RETURN;
    END IF;
    PERFORM FROM leadscore.visitor v WHERE v.visitor_id = who ORDER BY v.anonymous_id FOR UPDATE;
    WITH removed AS (
        DELETE FROM leadscore.event e WHERE e.visitor_id = who AND e.occurred_at <= event.at RETURNING e.person_id, e.activity_id
    )
    DELETE FROM leadscore.activity a USING removed r WHERE a.person_id = r.person_id AND a.activity_id = r.activity_id;
    IF EXISTS (SELECT FROM leadscore.event e WHERE e.visitor_id = who) THEN
        -- The withdrawal came late, and later visits have consent of their own.
        UPDATE leadscore.visitor v
        SET consented_at = (SELECT min(e.occurred_at) FROM leadscore.event e WHERE e.visitor_id = who)
        WHERE v.visitor_id = who;
    ELSE
        DELETE FROM leadscore.visitor_person t WHERE t.visitor_id = who;
        DELETE FROM leadscore.visitor v WHERE v.visitor_id = who;
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore.track(event jsonb, tenant text DEFAULT NULL::text)
 RETURNS jsonb
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    setting   leadscore.track_settings;
    batch     jsonb := CASE WHEN jsonb_typeof(track.event) = 'object' AND track.event ? 'batch' THEN track.event -> 'batch' ELSE track.event END;
    refused   jsonb;
    robots    bigint;
    internal  bigint;
    unmapped  bigint;
    arrived   leadscore._read_event[];
    cut       record;
    result    leadscore._taken;
    total     leadscore._taken := (0, 0, 0);
    withdrawn bigint := 0;
BEGIN
    IF jsonb_typeof(batch) = 'object' THEN
        batch := jsonb_build_array(batch);
    ELSIF batch IS NULL OR jsonb_typeof(batch) <> 'array' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('track: %s is no event', coalesce(jsonb_typeof(batch), 'NULL')),
            DETAIL = 'It takes an object, an array of objects, or an object whose field batch is an array of them.',
            HINT = 'SELECT leadscore.track(''{"event": "jobview", "visitor": "v1", "consent": true}'');';
    END IF;
    IF track.tenant = '' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'track: the tenant is empty',
            DETAIL = 'A tenant has a name, as leadscore.person.tenant has it.',
            HINT = 'Leave it NULL for persons of no tenant.';
    END IF;
    IF leadscore._is_clustered() THEN
        PERFORM leadscore._refuse_where_distributed('track()');
    END IF;
    PERFORM leadscore._begin();
    SELECT * INTO setting FROM leadscore.track_settings;

    WITH read AS MATERIALIZED (
        SELECT r.*, m.activity_type,
               CASE WHEN r.at > now() + coalesce(setting.max_future, '1 hour')
                    THEN format('timestamp: %s is further ahead than %s', to_char(r.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), coalesce(setting.max_future, '1 hour'))
                    WHEN r.at < now() - coalesce(setting.max_past, '30 days')
                    THEN format('timestamp: %s is longer ago than %s', to_char(r.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), coalesce(setting.max_past, '30 days'))
               END AS too_far
        FROM leadscore._read_events(ARRAY(SELECT i.item::text FROM jsonb_array_elements(batch) WITH ORDINALITY i(item, nth) ORDER BY i.nth),
                                    CASE WHEN jsonb_typeof(track.event) = 'object' THEN track.event ->> 'sentAt' END,
                                    setting.default_kind, setting.consent_category) r
        LEFT JOIN (leadscore.event_mapping m JOIN leadscore.activity_type t ON t.activity_type = m.activity_type) ON m.event = r.name AND r.kind = 'track'
    ), judged AS (
        -- A withdrawal is never too far, unmapped or a robot's.
        SELECT d.*, coalesce(d.reason, CASE WHEN d.consent IS NOT FALSE THEN d.too_far END) AS refusal,
               d.consent IS NOT FALSE AND d.robot AS of_robot,
               d.consent IS NOT FALSE AND d.address IS NOT NULL AND d.address::inet <<= ANY (setting.internal_addresses) AS of_house,
               d.consent IS NOT FALSE AND d.kind = 'track' AND d.activity_type IS NULL AS no_type
        FROM read d
    )
    SELECT coalesce(jsonb_agg(jsonb_build_object('index', j.index, 'reason', j.refusal) ORDER BY j.index) FILTER (WHERE j.refusal IS NOT NULL), '[]'),
           count(*) FILTER (WHERE j.refusal IS NULL AND j.of_robot),
           count(*) FILTER (WHERE j.refusal IS NULL AND NOT j.of_robot AND j.of_house),
           count(*) FILTER (WHERE j.refusal IS NULL AND NOT j.of_robot AND j.of_house IS NOT TRUE AND j.no_type),
           array_agg((j.index, j.kind, j.name, j.activity_type, j.visitor, j.person_kind, j.external_id, j.previous, j.message_id,
                      CASE WHEN j.consent IS NOT FALSE THEN j.at ELSE least(j.at, now()) END, j.properties, j.consent)::leadscore._read_event
                     ORDER BY j.at, j.index)
               FILTER (WHERE j.refusal IS NULL AND NOT j.of_robot AND j.of_house IS NOT TRUE AND NOT j.no_type)
    INTO refused, robots, internal, unmapped, arrived
    FROM judged j;

    FOR cut IN
        SELECT e.nth_cut, bool_and(e.consent IS FALSE) AS withdraws,
               array_agg((e.index, e.kind, e.name, e.activity_type, e.visitor, e.person_kind, e.external_id, e.previous, e.message_id,
                          e.at, e.properties, e.consent)::leadscore._read_event ORDER BY e.at, e.index) AS events
        FROM (SELECT a.*, 2 * count(*) FILTER (WHERE a.consent IS FALSE) OVER (ORDER BY a.at, a.index) - (a.consent IS FALSE)::int AS nth_cut
              FROM unnest(arrived) a) e
        GROUP BY e.nth_cut
        ORDER BY e.nth_cut
    LOOP
        IF cut.withdraws THEN
            PERFORM leadscore._withdraw(cut.events[1], track.tenant);
            withdrawn := withdrawn + 1;
        ELSE
            result := leadscore._take_events(cut.events, track.tenant);
            total := (total.taken + result.taken, total.without_consent + result.without_consent, total.seen_before + result.seen_before);
        END IF;
    END LOOP;
    RETURN jsonb_build_object(
        'events', jsonb_array_length(batch),
        'taken', total.taken,
        'withdrawn', withdrawn,
        'left_out', jsonb_build_object('seen_before', total.seen_before, 'without_consent', total.without_consent,
                                       'robot', robots, 'internal', internal, 'unmapped', unmapped),
        'refused', refused);
END $function$;

CREATE OR REPLACE FUNCTION leadscore.set_consent(person_id bigint, granted boolean, at timestamp with time zone DEFAULT now())
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF granted IS NULL OR at IS NULL OR NOT isfinite(at) OR at > now() THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('set_consent: person %s cannot have said %s at %s', coalesce(set_consent.person_id::text, 'NULL'),
                             coalesce(granted::text, 'NULL'), coalesce(at::text, 'NULL')),
            DETAIL = 'A person consents or refuses at a moment that is not in the future.',
            HINT = 'Leave at out for the present moment.';
    END IF;
    PERFORM leadscore._begin();
    PERFORM leadscore._need_own_person(set_consent.person_id, 'set_consent');
    PERFORM leadscore._go_live();
    IF NOT granted THEN
        PERFORM leadscore._refuse_visits(ARRAY[set_consent.person_id], at);
        RETURN;
    END IF;
    PERFORM leadscore._lock_persons(ARRAY[set_consent.person_id]);
    INSERT INTO leadscore.person_consent AS c (person_id, granted_at) VALUES (set_consent.person_id, at)
    ON CONFLICT ON CONSTRAINT person_consent_pkey DO UPDATE SET granted_at = EXCLUDED.granted_at
    WHERE c.granted_at IS NULL OR c.granted_at < EXCLUDED.granted_at;
    PERFORM leadscore._rescore(ARRAY[set_consent.person_id]);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._explain(person_id bigint, on_day date, scorecard text, all_lines boolean)
 RETURNS TABLE(rule text, activity_id bigint, activity_type text, occurred_at timestamp with time zone, points bigint, counts boolean, counts_from date, counts_until date, why text)
 LANGUAGE c
 STABLE ROWS 50
AS 'MODULE_PATHNAME', $function$explain_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore.explain(person_id bigint, on_day date DEFAULT NULL::date, scorecard text DEFAULT 'main'::text)
 RETURNS TABLE(rule text, activity_id bigint, activity_type text, occurred_at timestamp with time zone, points bigint, counts boolean, counts_from date, counts_until date, why text)
 LANGUAGE plpgsql
 STABLE ROWS 50
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
BEGIN
    PERFORM leadscore._need_person(explain.person_id, 'explain'), leadscore._need_scorecard(explain.scorecard, 'explain');
    IF on_day IS NOT NULL THEN
        PERFORM leadscore._check_day(on_day, 'explain');
    END IF;
    RETURN QUERY SELECT * FROM leadscore._explain(explain.person_id, on_day, explain.scorecard, true);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._score_at(person_id bigint, on_day date, scorecard text)
 RETURNS bigint
 LANGUAGE c
 STABLE STRICT
AS 'MODULE_PATHNAME', $function$score_at_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore.score_at(person_id bigint, on_day date, scorecard text DEFAULT 'main'::text)
 RETURNS bigint
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
BEGIN
    PERFORM leadscore._check_day(on_day, 'score_at'), leadscore._need_person(score_at.person_id, 'score_at'),
            leadscore._need_scorecard(score_at.scorecard, 'score_at');
    RETURN leadscore._score_at(score_at.person_id, on_day, score_at.scorecard);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._course(person_id bigint, from_day date, until_day date, scorecard text)
 RETURNS TABLE(day date, score bigint, category text)
 LANGUAGE c
 STABLE STRICT ROWS 100
AS 'MODULE_PATHNAME', $function$course_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore.history(person_id bigint, from_day date, until_day date, scorecard text DEFAULT 'main'::text)
 RETURNS TABLE(day date, score bigint, category text)
 LANGUAGE plpgsql
 STABLE ROWS 100
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
BEGIN
    PERFORM leadscore._need_person(history.person_id, 'history'), leadscore._check_day(from_day, 'history'),
            leadscore._check_day(until_day, 'history'), leadscore._need_scorecard(history.scorecard, 'history');
    IF until_day < from_day THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('history: %s until %s is no period', from_day, until_day),
            DETAIL = 'The last day comes before the first.',
            HINT = 'Give the earlier day first.';
    END IF;
    RETURN QUERY SELECT * FROM leadscore._course(history.person_id, from_day, until_day, history.scorecard);
END $function$;

CREATE OR REPLACE FUNCTION leadscore.forecast(person_id bigint, until date, scorecard text DEFAULT 'main'::text)
 RETURNS TABLE(day date, score bigint, category text)
 LANGUAGE plpgsql
 STABLE ROWS 100
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
DECLARE
    today date := (SELECT s.scored_on FROM leadscore.state s);
BEGIN
    PERFORM leadscore._need_person(forecast.person_id, 'forecast'), leadscore._check_day(until, 'forecast'),
            leadscore._need_scorecard(forecast.scorecard, 'forecast');
    IF until > today THEN
        RETURN QUERY SELECT c.* FROM leadscore._course(forecast.person_id, today, until, forecast.scorecard) c WHERE c.day > today;
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._cooling(within_days integer, scorecard text)
 RETURNS TABLE(person_id bigint, score bigint, category text, falls_on date, falls_to_score bigint, falls_to_category text)
 LANGUAGE c
 STABLE STRICT COST 100000 ROWS 100
AS 'MODULE_PATHNAME', $function$cooling_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore.cooling(within_days integer, scorecard text DEFAULT 'main'::text)
 RETURNS TABLE(person_id bigint, kind text, external_id text, owner text, score bigint, category text, falls_on date, falls_to_score bigint, falls_to_category text, name text, tenant text)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
BEGIN
    IF within_days IS NULL OR within_days NOT BETWEEN 1 AND 36600 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('cooling: %s is no number of days', coalesce(within_days::text, 'NULL')),
            DETAIL = 'It looks from 1 day to a hundred years ahead.',
            HINT = 'Ask for the coming week with SELECT * FROM leadscore.cooling(7);';
    END IF;
    PERFORM leadscore._need_scorecard(cooling.scorecard, 'cooling');
    RETURN QUERY
    SELECT p.person_id, p.kind, p.external_id, p.owner, c.score, c.category,
           c.falls_on, c.falls_to_score, c.falls_to_category, p.name, p.tenant
    FROM leadscore._cooling(within_days, cooling.scorecard) c
    JOIN leadscore.person p ON p.person_id = c.person_id
    UNION ALL
    SELECT x.*
    FROM leadscore._ask_all(format('SELECT * FROM leadscore.cooling(%s, %L)', within_days, cooling.scorecard)) a
    CROSS JOIN LATERAL jsonb_to_recordset(a.answer) x(person_id bigint, kind text, external_id text, owner text, score bigint, category text,
                                                      falls_on date, falls_to_score bigint, falls_to_category text, name text, tenant text)
    ORDER BY 7, 5 DESC, 1;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._scorecards(person_id bigint)
 RETURNS jsonb
 LANGUAGE sql
 STABLE COST 1000
BEGIN ATOMIC
 SELECT jsonb_object_agg(s.scorecard, jsonb_build_object('score', s.score, 'category', s.category)) AS jsonb_object_agg
    FROM leadscore.person_score s
   WHERE (s.person_id = _scorecards.person_id);
END;

CREATE OR REPLACE VIEW leadscore.worklist WITH (security_invoker=true) AS
 SELECT p.person_id,
    p.kind,
    p.external_id,
    p.owner,
    p.status,
    p.score,
    p.category,
    leadscore._change(p.person_id, p.score, 7) AS change_7,
    leadscore._change(p.person_id, p.score, 30) AS change_30,
    leadscore._last_activity(p.person_id, p.last_activity_at) AS last_activity,
    p.last_activity_at,
    leadscore._outlook(p.person_id, p.category) AS outlook,
    leadscore._top_rules(p.person_id) AS why,
    p.name,
    p.tenant,
    leadscore._scorecards(p.person_id) AS scorecards
   FROM leadscore.person p
  WHERE p.active;

CREATE OR REPLACE FUNCTION leadscore._in_words(r leadscore.rule, language text)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    nl       boolean := language = 'nl';
    number   text := format(CASE WHEN nl THEN CASE WHEN abs(r.points) = 1 THEN '%s punt' ELSE '%s punten' END
                                 ELSE CASE WHEN abs(r.points) = 1 THEN '%s point' ELSE '%s points' END END, r.points);
    types    text := leadscore._list_in(language, r.activity_types);
    length   text := leadscore._length_in(language, r.relevant_for);
    -- What an activity must have, and what a person must be.
    details  text := (SELECT string_agg(format('%s = %s', c.key, coalesce(c.value, 'null')), CASE WHEN nl THEN ' en ' ELSE ' and ' END ORDER BY c.key)
                      FROM jsonb_each_text(r.condition) c);
    matching text := concat(CASE WHEN nl THEN ' met ' ELSE ' with ' END || details,
                            CASE WHEN nl THEN ' waarvoor geldt ' ELSE ' for which ' END || leadscore._path(r.filter) || CASE WHEN nl THEN '' ELSE ' holds' END);
    someone  text := nullif(concat_ws(' ',
                            coalesce(leadscore._list_in(language, r.person_kinds),
                                     CASE WHEN r.statuses IS NOT NULL OR r.person_filter IS NOT NULL THEN CASE WHEN nl THEN 'personen' ELSE 'persons' END END),
                            CASE WHEN nl THEN 'met status ' ELSE 'with status ' END || leadscore._list_in(language, r.statuses),
                            CASE WHEN nl THEN 'voor wie geldt ' ELSE 'for whom ' END || leadscore._path(r.person_filter) || CASE WHEN nl THEN '' ELSE ' holds' END), '');
    whom     text := CASE WHEN nl THEN 'voor ' ELSE 'for ' END || someone;
    since    text := CASE WHEN r.effective_from IS NOT NULL THEN
                         CASE WHEN nl THEN 'vanaf ' ELSE 'from ' END || to_char(r.effective_from, 'YYYY-MM-DD') || CASE WHEN nl THEN '' ELSE ' on' END END;
    -- For how long a record counts, and how it loses its worth.
    lasts    text := concat_ws(', ',
                         CASE WHEN r.decay = 'linear' THEN format(CASE WHEN nl THEN 'loopt in %s af tot 0' ELSE 'falls to 0 over %s' END, length)
                              WHEN length IS NOT NULL THEN format(CASE WHEN nl THEN 'telt %s' ELSE 'counts for %s' END, length)
                              WHEN r.decay = 'none' THEN CASE WHEN nl THEN 'telt altijd' ELSE 'counts for ever' END END,
                         CASE WHEN r.decay = 'halving' THEN format(CASE WHEN nl THEN 'halveert elke %s' ELSE 'halves with each %s' END,
                                                                   leadscore._length_in(language, r.half_life)) END);
    words    text;
BEGIN
    words := CASE r.kind
        WHEN 'inactivity' THEN concat_ws(', ',
            format(CASE WHEN nl THEN '%s na %s zonder %s' ELSE '%s after %s without %s' END, number,
                   leadscore._length_in(language, r.inactive_for), coalesce(types, CASE WHEN nl THEN 'activiteit' ELSE 'any activity' END)) || matching,
            CASE WHEN r.repeat_every IS NOT NULL
                 THEN format(CASE WHEN nl THEN 'opnieuw na elke %s' ELSE 'again after each %s' END, leadscore._length_in(language, r.repeat_every)) END,
            CASE WHEN r.repeat_every IS NOT NULL AND r.max_repeats IS NOT NULL
                 THEN format(CASE WHEN nl THEN 'hoogstens %s keer' ELSE 'at most %s times' END, r.max_repeats) END,
            CASE WHEN length IS NULL THEN CASE WHEN nl THEN 'tot er weer activiteit is' ELSE 'until there is activity again' END
                 ELSE format(CASE WHEN nl THEN 'telt %s' ELSE 'counts for %s' END, length) END,
            CASE WHEN r.excused_by_planned THEN CASE WHEN nl THEN 'niet als er al iets gepland is' ELSE 'not when something is planned already' END END,
            whom, since)
        WHEN 'frequency' THEN concat_ws(', ',
            format(CASE WHEN nl THEN '%s zolang er minstens %s %s%s in %s zijn' ELSE '%s while there are at least %s %s%s within %s' END, number,
                   r.at_least, coalesce(types, CASE WHEN nl THEN 'activiteiten' ELSE 'activities' END), matching, leadscore._length_in(language, r.within)),
            whom, since)
        WHEN 'profile' THEN concat_ws(', ',
            format(CASE WHEN nl THEN '%s voor %s' ELSE '%s for %s' END, number, coalesce(someone, CASE WHEN nl THEN 'iedereen' ELSE 'everybody' END)),
            CASE WHEN length IS NOT NULL OR r.decay <> 'none'
                 THEN lasts || CASE WHEN nl THEN ' vanaf de eerste dag' ELSE ' from the first day on' END END,
            since)
        ELSE concat_ws(', ',
            format(CASE WHEN nl THEN '%s per %s' ELSE '%s for each %s' END, number,
                   coalesce(types, CASE WHEN nl THEN 'activiteit' ELSE 'activity' END)) || matching,
            lasts,
            CASE WHEN nl THEN 'hoogstens ' ELSE 'at most ' END || r.max_per_day || CASE WHEN nl THEN ' per dag' ELSE ' a day' END,
            CASE WHEN nl THEN 'hoogstens ' ELSE 'at most ' END || r.max_counted || CASE WHEN nl THEN ' tegelijk' ELSE ' at a time' END,
            whom, since)
    END;
    RETURN concat_ws(', ', words,
                     CASE WHEN r.scorecard <> 'main' THEN format(CASE WHEN nl THEN 'op scorekaart %s' ELSE 'on scorecard %s' END, r.scorecard) END,
                     CASE WHEN nl THEN 'alleen van ' ELSE 'of ' END || r.tenant || CASE WHEN nl THEN '' ELSE ' alone' END)
        || CASE WHEN r.enabled THEN '' WHEN nl THEN ' (staat uit)' ELSE ' (switched off)' END;
END $function$;

CREATE OR REPLACE VIEW leadscore.rule_in_words WITH (security_invoker=true) AS
 SELECT r.rule_id,
    r.name,
    leadscore._in_words(r.*, 'en'::text) AS english,
    leadscore._in_words(r.*, 'nl'::text) AS dutch
   FROM leadscore.rule r;

CREATE OR REPLACE FUNCTION leadscore._assumption(document jsonb, tenant text)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET "IntervalStyle" TO 'postgres'
AS $function$
DECLARE
    time_zone  text := coalesce(document #>> '{settings,time_zone}', (SELECT s.time_zone FROM leadscore.settings s));
    types      text[];
    cards      jsonb;
    names      text[];
    rules      leadscore.rule[];
    categories leadscore.category[];
    astray     leadscore.category;
BEGIN
    IF _assumption.tenant = '' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'configuration: the tenant is empty',
            DETAIL = 'A tenant has a name, as leadscore.person.tenant has it.',
            HINT = 'Leave it NULL for what is everybody''s.';
    END IF;
    PERFORM leadscore._check_times(document);
    PERFORM leadscore._require_time_zone(time_zone),
            leadscore._check_outbox(document #>> '{settings,notify_channel}', (document #>> '{settings,keep_category_changes}')::interval);
    types := ARRAY(SELECT t.activity_type FROM leadscore.activity_type t
                   UNION
                   SELECT n.activity_type FROM jsonb_to_recordset(document -> 'activity_types') n(activity_type text));
    cards := coalesce(document -> 'scorecards', (SELECT jsonb_agg(to_jsonb(c)) FROM leadscore.scorecard c));
    names := ARRAY(SELECT n.scorecard FROM jsonb_to_recordset(cards) n(scorecard text) UNION SELECT 'main');

    IF document ? 'rules' THEN
        PERFORM leadscore._check_assumed_rule(r, types, names) FROM leadscore._document_rules(document, _assumption.tenant) r;
        rules := ARRAY(SELECT r FROM leadscore._document_rules(document, _assumption.tenant) r)
              || ARRAY(SELECT r FROM leadscore.rule r WHERE r.tenant IS DISTINCT FROM _assumption.tenant);
    ELSE
        rules := ARRAY(SELECT r FROM leadscore.rule r);
    END IF;
    IF document ? 'categories' THEN
        PERFORM leadscore._refuse_bound(c.name, c.other, c.person_kind, c.min_score, c.scorecard, c.tenant)
        FROM (SELECT n.*, lag(n.name) OVER (PARTITION BY n.scorecard, n.person_kind, n.min_score ORDER BY n.nth) AS other
              FROM (SELECT d.*, row_number() OVER () AS nth FROM leadscore._document_categories(document, _assumption.tenant) d) n) c
        WHERE c.other IS NOT NULL;
        categories := ARRAY(SELECT c FROM leadscore._document_categories(document, _assumption.tenant) c)
                   || ARRAY(SELECT c FROM leadscore.category c WHERE c.tenant IS DISTINCT FROM _assumption.tenant);
    ELSE
        categories := ARRAY(SELECT c FROM leadscore.category c);
    END IF;
    IF document ? 'scorecards' THEN
        PERFORM leadscore._require_unused(c.scorecard) FROM leadscore.scorecard c WHERE c.scorecard <> ALL (names);
    END IF;
    -- What stays, too, must have its scorecard.
    PERFORM leadscore._check_rule_names(r, types, names) FROM unnest(rules) r WHERE r.scorecard <> ALL (names);
    SELECT c.* INTO astray FROM unnest(categories) c WHERE c.scorecard <> ALL (names) LIMIT 1;
    IF FOUND THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('category %L: scorecard %L does not exist', astray.name, astray.scorecard),
            DETAIL = 'A category is a band of the score of a scorecard.',
            HINT = 'Add it to scorecards of the configuration.';
    END IF;

    RETURN jsonb_build_object(
        'time_zone', time_zone, 'activity_types', to_jsonb(types), 'scorecards', cards,
        -- Of other tenants nothing is asked where one is named.
        'rules', (SELECT coalesce(jsonb_agg(to_jsonb(r) - 'created_at'), '[]') FROM unnest(rules) r
                  WHERE _assumption.tenant IS NULL OR r.tenant IS NULL OR r.tenant = _assumption.tenant),
        'categories', (SELECT coalesce(jsonb_agg(to_jsonb(c) - 'category_id'), '[]') FROM unnest(categories) c
                       WHERE _assumption.tenant IS NULL OR c.tenant IS NULL OR c.tenant = _assumption.tenant));
END $function$;

CREATE OR REPLACE FUNCTION leadscore._assumed_day(assumption jsonb, as_of timestamp with time zone, scorecard text)
 RETURNS date
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    day date := leadscore._day(as_of, assumption ->> 'time_zone');
BEGIN
    PERFORM leadscore._check_day(day, 'preview');
    IF scorecard IS DISTINCT FROM 'main' AND NOT coalesce(assumption -> 'scorecards' @> jsonb_build_array(jsonb_build_object('scorecard', scorecard)), false) THEN
        RAISE undefined_object USING
            MESSAGE = format('preview: scorecard %s does not exist', coalesce(quote_literal(scorecard), 'NULL')),
            DETAIL = 'Neither leadscore.scorecard nor the configuration has it.',
            HINT = 'Leave it out for main, or add it to scorecards of the configuration.';
    END IF;
    RETURN day;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._preview_persons(assumption text, on_day date, of_tenant text, scorecard text)
 RETURNS TABLE(person_id bigint, kind text, score_before bigint, category_before text, score_after bigint, category_after text, tenant text)
 LANGUAGE c
 STABLE COST 100000 ROWS 10000
AS 'MODULE_PATHNAME', $function$preview_persons_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore.preview_persons(config jsonb, OUT person_id bigint, OUT kind text, OUT score_before bigint, OUT category_before text, OUT score_after bigint, OUT category_after text, INOUT tenant text DEFAULT NULL::text, scorecard text DEFAULT 'main'::text, as_of timestamp with time zone DEFAULT now())
 RETURNS SETOF record
 LANGUAGE plpgsql
 STABLE ROWS 10000
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
DECLARE
    assumption jsonb := leadscore._assumption(leadscore._checked_config(config::text, preview_persons.tenant), preview_persons.tenant);
BEGIN
    RETURN QUERY SELECT * FROM leadscore._preview_persons(
        assumption::text, leadscore._assumed_day(assumption, as_of, preview_persons.scorecard), preview_persons.tenant, preview_persons.scorecard);
    RETURN QUERY
    SELECT x.* FROM leadscore._ask_all(format('SELECT * FROM leadscore.preview_persons(%L, %L, %L, %L)', config, preview_persons.tenant, preview_persons.scorecard,
                                              to_jsonb(as_of) #>> '{}')) a
    CROSS JOIN LATERAL jsonb_to_recordset(a.answer) x(person_id bigint, kind text, score_before bigint, category_before text, score_after bigint,
                                                      category_after text, tenant text);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._preview(assumption text, on_day date, of_tenant text, scorecard text)
 RETURNS TABLE(kind text, category_before text, category_after text, tenant text, persons bigint)
 LANGUAGE c
 STABLE COST 100000
AS 'MODULE_PATHNAME', $function$preview_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore.preview(config jsonb, OUT kind text, OUT category_before text, OUT category_after text, OUT persons bigint, INOUT tenant text DEFAULT NULL::text, scorecard text DEFAULT 'main'::text, as_of timestamp with time zone DEFAULT now())
 RETURNS SETOF record
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
DECLARE
    assumption jsonb := leadscore._assumption(leadscore._checked_config(config::text, preview.tenant), preview.tenant);
BEGIN
    RETURN QUERY
    SELECT p.kind, p.category_before, p.category_after, sum(p.persons)::bigint, p.tenant
    FROM (SELECT b.kind, b.category_before, b.category_after, b.persons, b.tenant
          FROM leadscore._preview(assumption::text, leadscore._assumed_day(assumption, as_of, preview.scorecard), preview.tenant, preview.scorecard) b
          UNION ALL
          SELECT x.*
          FROM leadscore._ask_all(format('SELECT * FROM leadscore.preview(%L, %L, %L, %L)', config, preview.tenant, preview.scorecard, to_jsonb(as_of) #>> '{}')) a
          CROSS JOIN LATERAL jsonb_to_recordset(a.answer) x(kind text, category_before text, category_after text, persons bigint, tenant text)) p
    GROUP BY p.kind, p.category_before, p.category_after, p.tenant
    ORDER BY p.tenant NULLS FIRST, p.kind, p.category_before, p.category_after;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._instant(moment text, time_zone text)
 RETURNS bigint
 LANGUAGE sql
 STABLE
RETURN ((EXTRACT(epoch FROM (((moment)::timestamp without time zone AT TIME ZONE time_zone) - '2000-01-01 00:00:00+00'::timestamp with time zone)) * (1000000)::numeric))::bigint;

CREATE OR REPLACE FUNCTION leadscore._test_config(assumption text, tests text, tenant text)
 RETURNS TABLE(test text, on_day date, expected_score bigint, score bigint, expected_category text, category text, passed boolean, scorecard text)
 LANGUAGE c
 STABLE
AS 'MODULE_PATHNAME', $function$test_config_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore.test_config(config jsonb, tenant text DEFAULT NULL::text)
 RETURNS TABLE(test text, on_day date, expected_score bigint, score bigint, expected_category text, category text, passed boolean, scorecard text)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET "DateStyle" TO 'ISO, YMD'
AS $function$
#variable_conflict use_column
DECLARE
    document   jsonb := leadscore._checked_config(config::text, test_config.tenant);
    assumption jsonb := leadscore._assumption(document, test_config.tenant);
    zone       text := assumption ->> 'time_zone';
    tests      jsonb := coalesce(document -> 'tests', '[]');
    unknown    text;
BEGIN
    SELECT a ->> 'activity_type' INTO unknown
    FROM jsonb_array_elements(tests) t, jsonb_array_elements(t -> 'activities') a
    WHERE NOT assumption -> 'activity_types' ? (a ->> 'activity_type');
    IF FOUND THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('test_config: activity type %L does not exist', unknown),
            DETAIL = 'A test of the configuration registers it.',
            HINT = 'Add it to activity_types of the configuration.';
    END IF;
    -- Local moments become instants, days dates.
    tests := (SELECT jsonb_agg(x.t -> 'person' || jsonb_build_object(
                         'name', x.t -> 'name', 'since', leadscore._instant(x.t #>> '{person,since}', zone),
                         'activities', (SELECT coalesce(jsonb_agg(a.a || jsonb_build_object('at', leadscore._instant(a.a ->> 'on', zone)) ORDER BY a.nth), '[]')
                                        FROM jsonb_array_elements(x.t -> 'activities') WITH ORDINALITY a(a, nth)),
                         'expect', (SELECT coalesce(jsonb_agg(e.e || jsonb_build_object('on', (e.e ->> 'on')::date, 'scorecard', coalesce(e.e ->> 'scorecard', 'main'))
                                                              ORDER BY (e.e ->> 'on')::date, e.nth), '[]')
                                    FROM jsonb_array_elements(x.t -> 'expect') WITH ORDINALITY e(e, nth))) ORDER BY x.nth)
              FROM jsonb_array_elements(tests) WITH ORDINALITY x(t, nth));
    RETURN QUERY SELECT * FROM leadscore._test_config(assumption::text, coalesce(tests, '[]')::text, test_config.tenant);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._require_tests_pass(config jsonb, tenant text DEFAULT NULL::text)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    failure record;
BEGIN
    IF jsonb_typeof(config) = 'object' AND config ? 'tests' THEN
        SELECT t.* INTO failure FROM leadscore.test_config(config, _require_tests_pass.tenant) t WHERE NOT t.passed LIMIT 1;
        IF FOUND THEN
            RAISE check_violation USING
                MESSAGE = format('configuration: test %L fails', failure.test),
                DETAIL = format('On %s the score%s is %s in category %s; expected was %s%s.', to_char(failure.on_day, 'YYYY-MM-DD'),
                                coalesce(' on scorecard ' || quote_literal(nullif(failure.scorecard, 'main')), ''), failure.score,
                                coalesce(failure.category, 'none'), failure.expected_score, coalesce(' in category ' || failure.expected_category, '')),
                HINT = 'SELECT * FROM leadscore.test_config(…) shows all tests; mend the rules or the test.';
        END IF;
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._figure(figure double precision)
 RETURNS numeric
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN trim_scale(round((figure)::numeric, 6));

CREATE OR REPLACE FUNCTION leadscore._check_evaluation_length(purpose text, name text, length interval)
 RETURNS void
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "IntervalStyle" TO 'postgres'
AS $function$
BEGIN
    -- In this order: an infinite one has no fields.
    IF length IS NULL OR length NOT BETWEEN '1 day' AND '1000 years' OR date_trunc('day', length) <> length
        OR least(extract(year FROM length), extract(month FROM length), extract(day FROM length)) < 0 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('%s: %s of %s cannot be used', purpose, name, coalesce(quote_literal(length), 'NULL')),
            DETAIL = format('%s is a length of whole days, at least one of them and at most 1000 years.', name),
            HINT = 'Use days, weeks, months or years, such as ''90 days''.';
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._wilson(outcomes bigint, persons bigint)
 RETURNS TABLE(low double precision, high double precision)
 LANGUAGE c
 IMMUTABLE PARALLEL SAFE ROWS 1
AS 'MODULE_PATHNAME', $function$wilson_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._evaluated_config(config jsonb, tenant text)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RETURN leadscore._assumption(CASE WHEN config IS NULL THEN '{}' ELSE leadscore._checked_config(config::text, _evaluated_config.tenant) END,
                                 _evaluated_config.tenant);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._is_anybody(person_kind text, tenant text)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RETURN EXISTS (SELECT FROM leadscore.person p
                   WHERE (person_kind IS NULL OR p.kind = person_kind) AND (_is_anybody.tenant IS NULL OR p.tenant = _is_anybody.tenant))
        OR EXISTS (SELECT FROM leadscore._ask_all(format('SELECT FROM leadscore.person p WHERE (%1$L IS NULL OR p.kind = %1$L) AND (%2$L IS NULL OR p.tenant = %2$L) LIMIT 1',
                                                         person_kind, _is_anybody.tenant)) a
                   WHERE a.answer <> '[]');
END $function$;

CREATE OR REPLACE FUNCTION leadscore._check_evaluated(purpose text, assumption jsonb, person_kind text, scorecard text, tenant text)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF scorecard IS DISTINCT FROM 'main' AND NOT coalesce(assumption -> 'scorecards' @> jsonb_build_array(jsonb_build_object('scorecard', scorecard)), false) THEN
        RAISE undefined_object USING
            MESSAGE = format('%s: scorecard %s does not exist', purpose, coalesce(quote_literal(scorecard), 'NULL')),
            DETAIL = 'Neither leadscore.scorecard nor the configuration has it.',
            HINT = 'Leave it out for main; SELECT scorecard FROM leadscore.scorecard; lists all.';
    ELSIF person_kind IS NOT NULL AND NOT leadscore._is_anybody(person_kind, NULL) THEN
        RAISE undefined_object USING
            MESSAGE = format('%s: there is no person of kind %L', purpose, person_kind),
            DETAIL = 'leadscore.person has no row of that kind, or none that you may see.',
            HINT = 'Leave it out for all kinds; SELECT DISTINCT kind FROM leadscore.person; lists them.';
    ELSIF tenant IS NOT NULL AND NOT leadscore._is_anybody(NULL, tenant) THEN
        RAISE undefined_object USING
            MESSAGE = format('%s: there is no person of tenant %L', purpose, tenant),
            DETAIL = 'leadscore.person has no row of that tenant, or none that you may see.',
            HINT = 'Leave it out for the persons of all tenants.';
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._outcome_question(purpose text, assumption jsonb, outcome text, horizon interval, from_day date, until_day date, every interval, person_kind text, scorecard text, tenant text)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "IntervalStyle" TO 'postgres'
AS $function$
BEGIN
    IF NOT coalesce(assumption -> 'activity_types' ? outcome, false) THEN
        RAISE undefined_object USING
            MESSAGE = format('%s: activity type %s does not exist', purpose, coalesce(quote_literal(outcome), 'NULL')),
            DETAIL = 'The outcome is an activity type: its activities say who had it, and when.',
            HINT = 'SELECT activity_type FROM leadscore.activity_type; lists all.';
    END IF;
    PERFORM leadscore._check_evaluation_length(purpose, 'horizon', horizon), leadscore._check_evaluation_length(purpose, 'every', every),
            leadscore._check_day(from_day, purpose), leadscore._check_day(until_day, purpose);
    IF from_day > until_day THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('%s: from_day %s is after until_day %s', purpose, to_char(from_day, 'YYYY-MM-DD'), to_char(until_day, 'YYYY-MM-DD')),
            DETAIL = 'Reference days are counted from the first of them to the last.',
            HINT = 'Give the earlier day first; one reference day alone is both.';
    ELSIF every < '100 years' AND from_day + every * 1000 <= until_day THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('%s: from %s to %s every %s there are more than 1000 reference days', purpose, to_char(from_day, 'YYYY-MM-DD'), to_char(until_day, 'YYYY-MM-DD'), every),
            DETAIL = 'Each is looked at for every person.',
            HINT = 'Name a longer every, such as ''1 month'', or days that are nearer to one another.';
    END IF;
    PERFORM leadscore._check_evaluated(purpose, assumption, person_kind, scorecard, tenant);
    RETURN jsonb_build_object('purpose', purpose, 'outcome', outcome, 'horizon', horizon::text, 'from_day', from_day, 'until_day', until_day,
                              'every', every::text, 'known_until', (SELECT s.scored_on FROM leadscore.state s), 'person_kind', person_kind, 'scorecard', scorecard, 'tenant', tenant);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._evaluation_part(assumption text, question text)
 RETURNS text
 LANGUAGE c
 STABLE COST 100000
AS 'MODULE_PATHNAME', $function$evaluation_part_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._evaluate(question text, parts text[])
 RETURNS TABLE(category text, persons bigint, outcomes bigint, rate double precision, low double precision, high double precision, lift double precision, auc double precision, top_decile double precision)
 LANGUAGE c
 STABLE ROWS 10
AS 'MODULE_PATHNAME', $function$evaluate_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore.evaluate(outcome text, horizon interval, from_day date, until_day date, every interval DEFAULT '1 mon'::interval, person_kind text DEFAULT NULL::text, scorecard text DEFAULT 'main'::text, config jsonb DEFAULT NULL::jsonb, tenant text DEFAULT NULL::text)
 RETURNS TABLE(category text, persons bigint, outcomes bigint, rate numeric, low numeric, high numeric, lift numeric, auc numeric, top_decile numeric)
 LANGUAGE plpgsql
 STABLE ROWS 10
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
DECLARE
    assumption jsonb := leadscore._evaluated_config(config, evaluate.tenant);
    question   jsonb := leadscore._outcome_question('evaluate', assumption, outcome, horizon, from_day, until_day, every, person_kind,
                                                    evaluate.scorecard, evaluate.tenant);
BEGIN
    RETURN QUERY
    SELECT e.category, e.persons, e.outcomes, leadscore._figure(e.rate), leadscore._figure(e.low), leadscore._figure(e.high),
           leadscore._figure(e.lift), leadscore._figure(e.auc), leadscore._figure(e.top_decile)
    FROM leadscore._evaluate(question::text, leadscore._parts('_evaluation_part', assumption, question)) e;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._rules_part(assumption text, question text)
 RETURNS text
 LANGUAGE c
 STABLE COST 100000
AS 'MODULE_PATHNAME', $function$rules_part_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._evaluate_rules(assumption text, question text, parts text[])
 RETURNS TABLE(rule text, rule_window text, persons_with bigint, outcomes_with bigint, rate_with double precision, persons_without bigint, outcomes_without bigint, rate_without double precision, lift double precision, auc double precision, auc_without double precision, verdict text)
 LANGUAGE c
 STABLE ROWS 20
AS 'MODULE_PATHNAME', $function$evaluate_rules_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore.evaluate_rules(outcome text, horizon interval, from_day date, until_day date, every interval DEFAULT '1 mon'::interval, person_kind text DEFAULT NULL::text, scorecard text DEFAULT 'main'::text, config jsonb DEFAULT NULL::jsonb, windows interval[] DEFAULT NULL::interval[], tenant text DEFAULT NULL::text)
 RETURNS TABLE(rule text, rule_window interval, persons_with bigint, outcomes_with bigint, rate_with numeric, persons_without bigint, outcomes_without bigint, rate_without numeric, lift numeric, auc numeric, auc_without numeric, verdict text)
 LANGUAGE plpgsql
 STABLE ROWS 20
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET "IntervalStyle" TO 'postgres'
AS $function$
DECLARE
    assumption jsonb := leadscore._evaluated_config(config, evaluate_rules.tenant);
    question   jsonb := leadscore._outcome_question('evaluate_rules', assumption, outcome, horizon, from_day, until_day, every, person_kind,
                                                    evaluate_rules.scorecard, evaluate_rules.tenant);
BEGIN
    IF cardinality(windows) > 20 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('evaluate_rules: %s windows are too many', cardinality(windows)),
            DETAIL = 'Each rule is derived with each of them, up to 20.',
            HINT = 'Name a few lengths of time, such as ''{7 days,30 days,90 days}''.';
    END IF;
    PERFORM leadscore._check_evaluation_length('evaluate_rules', 'a window', w) FROM unnest(windows) w;
    question := question || jsonb_build_object('windows', (SELECT coalesce(jsonb_agg(DISTINCT w::text), '[]') FROM unnest(windows) w));
    RETURN QUERY
    SELECT e.rule, e.rule_window::interval, e.persons_with, e.outcomes_with, leadscore._figure(e.rate_with),
           e.persons_without, e.outcomes_without, leadscore._figure(e.rate_without),
           leadscore._figure(e.lift), leadscore._figure(e.auc), leadscore._figure(e.auc_without), e.verdict
    FROM leadscore._evaluate_rules(assumption::text, question::text, leadscore._parts('_rules_part', assumption, question)) WITH ORDINALITY
         e(rule, rule_window, persons_with, outcomes_with, rate_with, persons_without, outcomes_without, rate_without, lift, auc, auc_without, verdict, nth)
    ORDER BY min(e.nth) OVER (PARTITION BY e.rule), e.nth;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._lesson_part(assumption text, question text)
 RETURNS text
 LANGUAGE c
 STABLE COST 100000
AS 'MODULE_PATHNAME', $function$lesson_part_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._learn_points(assumption text, question text, parts text[])
 RETURNS TABLE(points text, persons bigint, outcomes bigint, learned_until date)
 LANGUAGE c
 STABLE COST 100000 ROWS 1
AS 'MODULE_PATHNAME', $function$learn_points_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._judgement_part(assumption text, question text)
 RETURNS text
 LANGUAGE c
 STABLE COST 100000
AS 'MODULE_PATHNAME', $function$judgement_part_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._judge_points(question text, parts text[])
 RETURNS TABLE(auc_before double precision, auc_after double precision, judged_from date, judged_persons bigint, judged_outcomes bigint, gain_low double precision, gain_high double precision)
 LANGUAGE c
 STABLE COST 100000 ROWS 1
AS 'MODULE_PATHNAME', $function$judge_points_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._with_points(config jsonb, points jsonb, tenant text)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    rules jsonb := coalesce(config -> 'rules', leadscore.export_config(_with_points.tenant) -> 'rules', '[]');
BEGIN
    IF tenant IS NOT NULL THEN
        rules := rules || (SELECT coalesce(jsonb_agg(e.rule ORDER BY e.nth), '[]')
                           FROM jsonb_array_elements(leadscore.export_config() -> 'rules') WITH ORDINALITY e(rule, nth)
                           WHERE points ? (e.rule ->> 'name')
                             AND NOT EXISTS (SELECT FROM jsonb_array_elements(rules) o(rule) WHERE o.rule ->> 'name' = e.rule ->> 'name'));
    END IF;
    -- What its tests expect are the points of before.
    RETURN coalesce(config, '{}') - 'tests' || jsonb_build_object('rules', (
        SELECT coalesce(jsonb_agg(r.rule || CASE WHEN points ? (r.rule ->> 'name') THEN jsonb_build_object('points', points -> (r.rule ->> 'name')) ELSE '{}' END
                                  ORDER BY r.nth), '[]')
        FROM jsonb_array_elements(rules) WITH ORDINALITY r(rule, nth)));
END $function$;

CREATE OR REPLACE FUNCTION leadscore.suggest_points(outcome text, horizon interval, from_day date, until_day date, every interval DEFAULT '1 mon'::interval, person_kind text DEFAULT NULL::text, scorecard text DEFAULT 'main'::text, INOUT config jsonb DEFAULT NULL::jsonb, keep_signs boolean DEFAULT true, max_points integer DEFAULT 20, tenant text DEFAULT NULL::text, OUT auc_before numeric, OUT auc_after numeric, OUT persons bigint, OUT outcomes bigint, OUT learned_until date, OUT judged_from date, OUT judged_persons bigint, OUT judged_outcomes bigint, OUT gain_low numeric, OUT gain_high numeric)
 RETURNS SETOF record
 LANGUAGE plpgsql
 STABLE ROWS 1
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
DECLARE
    assumption jsonb := leadscore._evaluated_config(suggest_points.config, suggest_points.tenant);
    question   jsonb := leadscore._outcome_question('suggest_points', assumption, outcome, horizon, from_day, until_day, every, person_kind,
                                                    suggest_points.scorecard, suggest_points.tenant);
    learned    record;
BEGIN
    IF max_points IS NULL OR max_points NOT BETWEEN 1 AND 1000 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('suggest_points: max_points of %s cannot be used', coalesce(max_points::text, 'NULL')),
            DETAIL = 'A rule gives or takes from 1 to 1000 points at most.',
            HINT = 'Leave it out for 20.';
    ELSIF keep_signs IS NULL THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'suggest_points: keep_signs is NULL',
            DETAIL = 'Rules that give points either may come to take them, or may not.',
            HINT = 'Leave it out for true.';
    END IF;
    question := question || jsonb_build_object('max_points', max_points, 'keep_signs', keep_signs, 'persons', leadscore._count_persons());
    SELECT * INTO learned FROM leadscore._learn_points(assumption::text, question::text, leadscore._parts('_lesson_part', assumption, question));
    IF NOT FOUND THEN
        RETURN;
    END IF;
    question := question || jsonb_build_object('points', learned.points::jsonb);
    RETURN QUERY
    SELECT leadscore._with_points(suggest_points.config, learned.points::jsonb, suggest_points.tenant), leadscore._figure(j.auc_before), leadscore._figure(j.auc_after),
           learned.persons, learned.outcomes, learned.learned_until, j.judged_from, j.judged_persons, j.judged_outcomes,
           leadscore._figure(j.gain_low), leadscore._figure(j.gain_high)
    FROM leadscore._judge_points(question::text, leadscore._parts('_judgement_part', assumption, question)) j;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._outcomes_by_score(question text, parts text[])
 RETURNS TABLE(score bigint, persons bigint, outcomes bigint)
 LANGUAGE c
 STABLE ROWS 100
AS 'MODULE_PATHNAME', $function$outcomes_by_score_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._scores_part(assumption text, question text)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
DECLARE
    q record;
BEGIN
    SELECT * INTO q FROM jsonb_to_record(question::jsonb) x(person_kind text, scorecard text, tenant text, known_until date, as_it_is boolean);
    RETURN (SELECT coalesce(jsonb_object_agg(s.score, s.persons), '{}')
            FROM (SELECT p.score, count(*) AS persons
                  FROM (SELECT p.kind, p.score_after AS score
                        FROM leadscore._preview_persons(CASE WHEN NOT q.as_it_is THEN assumption END, q.known_until, q.tenant, q.scorecard) p
                        UNION ALL
                        SELECT p.kind, CASE WHEN q.scorecard = 'main' THEN p.score ELSE coalesce(x.score, 0) END
                        FROM leadscore.person p
                        LEFT JOIN leadscore.person_score x ON x.person_id = p.person_id AND x.scorecard = q.scorecard
                        WHERE q.as_it_is AND p.active AND (q.tenant IS NULL OR p.tenant = q.tenant)) p
                  WHERE (q.person_kind IS NULL OR p.kind = q.person_kind)
                  GROUP BY p.score) s);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._lowest_scores(scores bigint[], persons bigint[], rooms bigint[])
 RETURNS TABLE(nth integer, min_score bigint, persons bigint)
 LANGUAGE c
 IMMUTABLE ROWS 3
AS 'MODULE_PATHNAME', $function$lowest_scores_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._latest_reference_day(horizon interval)
 RETURNS date
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    known_until date := (SELECT s.scored_on FROM leadscore.state s);
    day         date := known_until - horizon;
BEGIN
    -- Months are not all as long.
    WHILE day + horizon > known_until LOOP
        day := day - 1;
    END LOOP;
    -- Eleven months before it must be days, too.
    RETURN CASE WHEN day >= '0002-01-01' THEN day END;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._outcome_course(assumption text, question text, ids bigint[])
 RETURNS TABLE(day date, category text, persons bigint, outcomes bigint)
 LANGUAGE c
 STABLE COST 100000 ROWS 20
AS 'MODULE_PATHNAME', $function$outcome_course_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._outcomes(ids bigint[], scorecard text)
 RETURNS TABLE(day date, category text, persons bigint, outcomes bigint)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    outcome    record;
    day        date;
    assumption jsonb;
BEGIN
    SELECT s.outcome_type, s.outcome_horizon INTO outcome FROM leadscore.settings s;
    day := leadscore._latest_reference_day(outcome.outcome_horizon);
    IF outcome.outcome_type IS NULL OR day IS NULL THEN
        RETURN;
    END IF;
    assumption := leadscore._evaluated_config(NULL, NULL);
    RETURN QUERY
    SELECT c.* FROM leadscore._outcome_course(assumption::text, leadscore._outcome_question(
        'report', assumption, outcome.outcome_type, outcome.outcome_horizon, (day - interval '5 months')::date, day, '1 month', NULL, _outcomes.scorecard, NULL)::text, ids) c;
END $function$;

CREATE OR REPLACE FUNCTION leadscore.suggest_bands(capacity jsonb, person_kind text DEFAULT NULL::text, scorecard text DEFAULT 'main'::text, tenant text DEFAULT NULL::text, config jsonb DEFAULT NULL::jsonb)
 RETURNS TABLE(category text, min_score bigint, persons bigint, room bigint, outcomes bigint, of_persons bigint, rate numeric, low numeric, high numeric)
 LANGUAGE plpgsql
 STABLE ROWS 5
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
    assumption jsonb := leadscore._evaluated_config(config, suggest_bands.tenant);
    outcome    record;
    wrong      record;
    day        date;
    question   jsonb;
    bands      jsonb;
    names      text[];
    rooms      bigint[];
    scores     bigint[];
    counts     bigint[];
    past       jsonb := '[]';
    parts      text[];
BEGIN
    IF capacity IS NULL OR jsonb_typeof(capacity) <> 'object' OR capacity = '{}' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'suggest_bands: capacity is no JSON object of categories',
            DETAIL = 'It says of each band how many persons it may hold.',
            HINT = 'Write it as ''{"hot": 60, "warm": 200}''.';
    END IF;
    SELECT c.key, c.value INTO wrong FROM jsonb_each(capacity) c
    WHERE NOT CASE WHEN jsonb_typeof(c.value) = 'number' THEN c.value::numeric BETWEEN 0 AND 1e15 AND c.value::numeric = trunc(c.value::numeric) ELSE false END LIMIT 1;
    IF FOUND THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('suggest_bands: capacity of %L is %s', wrong.key, wrong.value),
            DETAIL = 'A band holds a whole number of persons, 0 or more.',
            HINT = 'Write it as ''{"hot": 60, "warm": 200}''.';
    END IF;
    PERFORM leadscore._check_evaluated('suggest_bands', assumption, suggest_bands.person_kind, suggest_bands.scorecard, suggest_bands.tenant);

    -- Those that are categories by now keep their order; otherwise the one with room for fewer is the higher one.
    bands := (SELECT coalesce(jsonb_object_agg(b.name, b.bound), '{}')
              FROM (SELECT c.name, max(coalesce(c.min_score, -9223372036854775808)) AS bound
                    FROM jsonb_to_recordset(assumption -> 'categories') c(name text, scorecard text, person_kind text, min_score bigint)
                    WHERE c.scorecard = suggest_bands.scorecard
                      AND (suggest_bands.person_kind IS NULL OR c.person_kind IS NULL OR c.person_kind = suggest_bands.person_kind)
                    GROUP BY c.name) b);
    SELECT array_agg(c.key ORDER BY o.bound DESC, c.value::bigint, c.key), array_agg(c.value::bigint ORDER BY o.bound DESC, c.value::bigint, c.key)
    INTO names, rooms
    FROM jsonb_each(capacity) c
    CROSS JOIN LATERAL (SELECT CASE WHEN bands ?& ARRAY(SELECT jsonb_object_keys(capacity)) THEN (bands ->> c.key)::bigint END AS bound) o;

    question := jsonb_build_object('person_kind', suggest_bands.person_kind, 'scorecard', suggest_bands.scorecard, 'tenant', suggest_bands.tenant,
                                   'known_until', (SELECT w.scored_on FROM leadscore.state w), 'as_it_is', suggest_bands.config IS NULL);
    -- Estimating how many there are must not ask for them.
    parts := leadscore._parts('_scores_part', assumption, question);
    SELECT array_agg(s.score), array_agg(s.persons) INTO scores, counts
    FROM (SELECT x.key::bigint AS score, sum(x.value::bigint)::bigint AS persons
          FROM unnest(parts) n(part)
          CROSS JOIN LATERAL jsonb_each_text(n.part::jsonb) x
          GROUP BY 1) s;

    SELECT s.outcome_type, s.outcome_horizon INTO outcome FROM leadscore.settings s;
    day := leadscore._latest_reference_day(outcome.outcome_horizon);
    IF outcome.outcome_type IS NOT NULL AND day IS NOT NULL THEN
        question := leadscore._outcome_question('suggest_bands', assumption, outcome.outcome_type, outcome.outcome_horizon,
                                                (day - interval '11 months')::date, day, '1 month', suggest_bands.person_kind, suggest_bands.scorecard, suggest_bands.tenant);
        past := (SELECT coalesce(jsonb_agg(to_jsonb(s)), '[]') FROM leadscore._outcomes_by_score(question::text, leadscore._parts('_evaluation_part', assumption, question)) s);
    END IF;

    RETURN QUERY
    WITH band AS (
        SELECT b.nth, b.min_score, b.persons, (SELECT min(u.min_score) FROM leadscore._lowest_scores(scores, counts, rooms) u WHERE u.nth < b.nth AND u.nth > 0) AS below
        FROM leadscore._lowest_scores(scores, counts, rooms) b WHERE b.nth > 0
        UNION ALL
        SELECT b.nth, b.min_score, b.persons, (SELECT min(u.min_score) FROM leadscore._lowest_scores(scores, counts, rooms) u WHERE u.nth > 0)
        FROM leadscore._lowest_scores(scores, counts, rooms) b WHERE b.nth = 0)
    SELECT CASE WHEN b.nth > 0 THEN names[b.nth]
                -- The rest are in the lowest category.
                ELSE (SELECT c.key FROM jsonb_each_text(bands) c WHERE c.value::bigint = -9223372036854775808 AND NOT capacity ? c.key ORDER BY c.key LIMIT 1) END,
           b.min_score, b.persons, rooms[nullif(b.nth, 0)], o.outcomes, o.persons,
           leadscore._figure(o.outcomes::double precision / nullif(o.persons, 0)), leadscore._figure(w.low), leadscore._figure(w.high)
    FROM band b
    CROSS JOIN LATERAL (SELECT sum(x.persons)::bigint AS persons, sum(x.outcomes)::bigint AS outcomes
                        FROM jsonb_to_recordset(past) x(score bigint, persons bigint, outcomes bigint)
                        WHERE (b.nth = 0 OR x.score >= b.min_score) AND (b.below IS NULL OR x.score < b.below)) o
    CROSS JOIN LATERAL leadscore._wilson(o.outcomes, o.persons) w
    ORDER BY b.nth = 0, b.nth;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._status_here()
 RETURNS TABLE(scored_on date, last_run_at timestamp with time zone, last_run_took interval, rebuild_due boolean, time_zone text, persons bigint, categories text, rules bigint, activities_about bigint, score_records_about bigint, category_changes_7 bigint, pending bigint, pending_since timestamp with time zone, tenant text)
 LANGUAGE sql
 STABLE ROWS 1
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
BEGIN ATOMIC
 WITH present AS MATERIALIZED (
          SELECT p.tenant,
             p.category,
             count(*) FILTER (WHERE p.active) AS persons
            FROM leadscore.person p
           GROUP BY p.tenant, p.category
         ), tenant AS MATERIALIZED (
          SELECT c.tenant,
             (sum(c.persons))::bigint AS persons,
             string_agg(format('%s %s'::text, COALESCE(c.category, 'none'::text), c.persons), ', '::text ORDER BY c.persons DESC, c.category) FILTER (WHERE (c.persons > 0)) AS categories
            FROM present c
           GROUP BY c.tenant
         UNION ALL
          SELECT NULL::text AS tenant,
             (0)::bigint AS persons,
             NULL::text AS categories
           WHERE (NOT (EXISTS ( SELECT
                    FROM present)))
         ), changed AS (
          SELECT p.tenant,
             count(*) AS changes
            FROM ((leadscore.state w_1
              JOIN leadscore.category_change h_1 ON ((h_1.scored_on > (w_1.scored_on - 7))))
              JOIN leadscore.person p ON ((p.person_id = h_1.person_id)))
           GROUP BY p.tenant
         ), waiting AS (
          SELECT p.tenant,
             count(DISTINCT n_1.person_id) AS persons,
             min(n_1.recorded_at) AS since
            FROM (leadscore.pending n_1
              JOIN leadscore.person p ON ((p.person_id = n_1.person_id)))
           GROUP BY p.tenant
         ), common AS (
          SELECT r_1.name
            FROM leadscore.rule r_1
           WHERE ((r_1.tenant IS NULL) AND r_1.enabled)
         ), own AS (
          SELECT r_1.tenant,
             (count(*) FILTER (WHERE r_1.enabled) - count(c.name)) AS more
            FROM (leadscore.rule r_1
              LEFT JOIN common c ON ((c.name = r_1.name)))
           WHERE (r_1.tenant IS NOT NULL)
           GROUP BY r_1.tenant
         )
  SELECT w.scored_on,
     r.finished_at AS last_run_at,
     (r.finished_at - r.started_at) AS last_run_took,
     COALESCE(i.rebuild_due, true) AS rebuild_due,
     s.time_zone,
     t.persons,
     t.categories,
     (( SELECT count(*) AS count
            FROM common) + COALESCE(o.more, (0)::bigint)) AS rules,
     a.activities AS activities_about,
     a.records AS score_records_about,
     COALESCE(h.changes, (0)::bigint) AS category_changes_7,
     COALESCE(n.persons, (0)::bigint) AS pending,
     n.since AS pending_since,
     t.tenant
    FROM ((((((((tenant t
      CROSS JOIN leadscore.state w)
      CROSS JOIN leadscore.settings s)
      LEFT JOIN leadscore.instance i ON (true))
      LEFT JOIN LATERAL ( SELECT u.started_at,
             u.finished_at
            FROM leadscore.run u
           ORDER BY u.run_id DESC
          LIMIT 1) r ON (true))
      LEFT JOIN LATERAL ( SELECT (max(c.reltuples) FILTER (WHERE (c.relname = 'activity'::name)))::bigint AS activities,
             (max(c.reltuples) FILTER (WHERE (c.relname = 'score_record'::name)))::bigint AS records
            FROM ( SELECT x.relname,
                     GREATEST(x.reltuples, (0)::real) AS reltuples
                    FROM pg_class x
                   WHERE (x.oid = ANY (ARRAY[('leadscore.activity'::regclass)::oid, ('leadscore.score_record'::regclass)::oid]))) c
           WHERE (NOT row_security_active('leadscore.person'::text))) a ON (true))
      LEFT JOIN own o ON ((o.tenant = t.tenant)))
      LEFT JOIN changed h ON ((NOT (h.tenant IS DISTINCT FROM t.tenant))))
      LEFT JOIN waiting n ON ((NOT (n.tenant IS DISTINCT FROM t.tenant))))
   ORDER BY t.tenant NULLS FIRST;
END;

CREATE OR REPLACE FUNCTION leadscore._status()
 RETURNS TABLE(scored_on date, last_run_at timestamp with time zone, last_run_took interval, rebuild_due boolean, time_zone text, persons bigint, categories text, rules bigint, activities_about bigint, score_records_about bigint, category_changes_7 bigint, pending bigint, pending_since timestamp with time zone, tenant text)
 LANGUAGE plpgsql
 STABLE ROWS 1
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF leadscore._leads() THEN
        RETURN QUERY SELECT s.* FROM leadscore._status_everywhere() s;
    ELSE
        RETURN QUERY SELECT s.* FROM leadscore._status_here() s;
    END IF;
END $function$;

CREATE OR REPLACE VIEW leadscore.status WITH (security_invoker=true) AS
 SELECT x.scored_on,
    x.last_run_at,
    x.last_run_took,
    x.rebuild_due,
    x.time_zone,
    x.persons,
    x.categories,
    x.rules,
    x.activities_about,
    x.score_records_about,
    x.category_changes_7,
    x.pending,
    x.pending_since,
    x.tenant
   FROM leadscore._status() x(scored_on, last_run_at, last_run_took, rebuild_due, time_zone, persons, categories, rules, activities_about, score_records_about, category_changes_7, pending, pending_since, tenant);

CREATE OR REPLACE FUNCTION leadscore._overview_part(owner text, tenant text, scorecard text, within_days integer)
 RETURNS jsonb
 LANGUAGE c
 STABLE COST 100000
AS 'MODULE_PATHNAME', $function$overview_part_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._overview(parts jsonb)
 RETURNS jsonb
 LANGUAGE c
 IMMUTABLE STRICT
AS 'MODULE_PATHNAME', $function$overview_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._bands(tenant text, person_kind text, scorecard text)
 RETURNS TABLE(kind text, name text, low bigint, color text)
 LANGUAGE c
 STABLE
AS 'MODULE_PATHNAME', $function$bands_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._scored(owner text, tenant text, scorecard text)
 RETURNS TABLE(person_id bigint, since timestamp with time zone, score bigint, category text)
 LANGUAGE sql
 STABLE
BEGIN ATOMIC
 SELECT p.person_id,
     p.since,
     p.score,
     p.category
    FROM leadscore.person p
   WHERE ((_scored.scorecard = 'main'::text) AND p.active AND ((_scored.owner IS NULL) OR (p.owner = _scored.owner)) AND ((_scored.tenant IS NULL) OR (p.tenant = _scored.tenant)))
 UNION ALL
  SELECT p.person_id,
     p.since,
     s.score,
     s.category
    FROM (leadscore.person p
      JOIN leadscore.person_score s ON (((s.person_id = p.person_id) AND (s.scorecard = _scored.scorecard))))
   WHERE ((_scored.scorecard <> 'main'::text) AND p.active AND ((_scored.owner IS NULL) OR (p.owner = _scored.owner)) AND ((_scored.tenant IS NULL) OR (p.tenant = _scored.tenant)));
END;

CREATE OR REPLACE FUNCTION leadscore._category_course(days integer, owner text, tenant text, scorecard text, present jsonb)
 RETURNS TABLE(day date, category text, persons bigint)
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
BEGIN ATOMIC
 WITH today AS (
          SELECT w.scored_on AS day
            FROM leadscore.state w
         ), moved AS (
          SELECT h.scored_on AS day,
             x.category,
             sum(x.persons) AS persons
            FROM ((leadscore.category_change h
              CROSS JOIN today t_1)
              CROSS JOIN LATERAL ( VALUES (h.to_category,1), (h.from_category,'-1'::integer)) x(category, persons))
           WHERE ((h.scored_on > (t_1.day - _category_course.days)) AND (h.scorecard = _category_course.scorecard) AND (EXISTS ( SELECT
                    FROM leadscore.person p
                   WHERE ((p.person_id = h.person_id) AND p.active AND ((_category_course.owner IS NULL) OR (p.owner = _category_course.owner)) AND ((_category_course.tenant IS NULL) OR (p.tenant = _category_course.tenant))))))
           GROUP BY h.scored_on, x.category
         UNION ALL
          SELECT LEAST(leadscore.scoring_day(p.since), t_1.day) AS "least",
             COALESCE(f.from_category, p.category) AS "coalesce",
             count(*) AS count
            FROM ((leadscore._scored(_category_course.owner, _category_course.tenant, _category_course.scorecard) p(person_id, since, score, category)
              CROSS JOIN today t_1)
              LEFT JOIN LATERAL ( SELECT h.from_category
                    FROM leadscore.category_change h
                   WHERE ((h.person_id = p.person_id) AND (h.scorecard = _category_course.scorecard))
                   ORDER BY h.change_id
                  LIMIT 1) f ON (true))
           WHERE (p.since > (((t_1.day - _category_course.days) - 2))::timestamp with time zone)
           GROUP BY LEAST(leadscore.scoring_day(p.since), t_1.day), COALESCE(f.from_category, p.category)
         ), present AS (
          SELECT p.category,
             p.persons
            FROM jsonb_to_recordset(_category_course.present) p(category text, persons bigint)
         )
  SELECT (d.day)::date AS day,
     n.category,
     (GREATEST((0)::numeric, ((COALESCE(n.persons, (0)::bigint))::numeric - COALESCE(( SELECT sum(m.persons) AS sum
            FROM moved m
           WHERE ((NOT (m.category IS DISTINCT FROM n.category)) AND (m.day > d.day))), (0)::numeric))))::bigint AS "greatest"
    FROM ((today t
      CROSS JOIN LATERAL generate_series(((t.day - _category_course.days))::timestamp without time zone, (t.day)::timestamp without time zone, '1 day'::interval) d(day))
      CROSS JOIN ( SELECT p.category,
             p.persons
            FROM present p
         UNION ALL
          SELECT DISTINCT m.category,
             0
            FROM moved m
           WHERE (NOT (EXISTS ( SELECT
                    FROM present p
                   WHERE (NOT (p.category IS DISTINCT FROM m.category)))))) n);
END;

CREATE OR REPLACE FUNCTION leadscore._report_part(owner text, tenant text, scorecard text, days integer)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET "DateStyle" TO 'ISO, YMD'
 SET "IntervalStyle" TO 'postgres'
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
#variable_conflict use_column
DECLARE
    ids   bigint[];
    shown jsonb := leadscore._overview_part(_report_part.owner, _report_part.tenant, _report_part.scorecard, 14);
BEGIN
    IF (_report_part.owner IS NOT NULL OR _report_part.tenant IS NOT NULL) AND EXISTS (SELECT FROM leadscore.settings s WHERE s.outcome_type IS NOT NULL) THEN
        ids := ARRAY(SELECT x.person_id FROM leadscore._scored(_report_part.owner, _report_part.tenant, _report_part.scorecard) x);
    END IF;
    RETURN jsonb_build_object(
        'overview', shown,
        -- Everybody's persons may be in anybody's categories.
        'bands', (SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_object('kind', c.person_kind, 'name', c.name, 'low', c.min_score, 'color', c.color)), '[]')
                  FROM leadscore.category c
                  WHERE _report_part.tenant IS NULL AND c.scorecard = _report_part.scorecard
                    AND EXISTS (SELECT FROM leadscore.person p WHERE p.tenant = c.tenant)),
        'course', (SELECT coalesce(jsonb_agg(to_jsonb(c)), '[]')
                   FROM leadscore._category_course(_report_part.days, _report_part.owner, _report_part.tenant, _report_part.scorecard, shown -> 'present') c),
        'outcomes', (SELECT coalesce(jsonb_agg(to_jsonb(o)), '[]') FROM leadscore._outcomes(ids, _report_part.scorecard) o),
        'first', (SELECT coalesce(jsonb_agg(to_jsonb(w)), '[]')
                  FROM (SELECT w.person_id, w.tenant, w.name, w.kind, w.external_id, w.owner, x.score, x.category,
                               CASE WHEN _report_part.scorecard = 'main' THEN w.change_7 END AS change_7,
                               w.last_activity, leadscore.scoring_day(w.last_activity_at) AS last_on,
                               CASE WHEN _report_part.scorecard = 'main' THEN w.why END AS why
                        FROM (SELECT p.person_id, coalesce(s.score, p.score) AS score, CASE WHEN s.person_id IS NULL THEN p.category ELSE s.category END AS category
                              FROM leadscore.person p
                              LEFT JOIN leadscore.person_score s ON s.person_id = p.person_id AND s.scorecard = _report_part.scorecard
                              WHERE p.person_id IN (SELECT (f.value ->> 1)::bigint FROM jsonb_array_elements(shown -> 'first') f)) x
                        JOIN leadscore.worklist w ON w.person_id = x.person_id) w),
        'cooling', (SELECT coalesce(jsonb_agg(jsonb_build_object('person_id', p.person_id, 'tenant', p.tenant, 'kind', p.kind, 'external_id', p.external_id,
                                                                 'name', p.name, 'owner', p.owner)), '[]')
                    FROM jsonb_array_elements(shown -> 'cooling') f
                    JOIN leadscore.person p ON p.person_id = (f.value ->> 'person_id')::bigint));
END $function$;

CREATE OR REPLACE FUNCTION leadscore.report(language text DEFAULT 'en'::text, owner text DEFAULT NULL::text, tenant text DEFAULT NULL::text, scorecard text DEFAULT 'main'::text)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET "DateStyle" TO 'ISO, YMD'
 SET "IntervalStyle" TO 'postgres'
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
#variable_conflict use_column
DECLARE
    today date := (SELECT w.scored_on FROM leadscore.state w);
    -- No further back than changes of category are kept.
    days  int := (SELECT least(30, leadscore.scoring_day() - (leadscore.scoring_day() - s.keep_category_changes)::date)
                  FROM leadscore.settings s);
    parts jsonb;
    shown jsonb;
    runs  jsonb := '[]';
BEGIN
    PERFORM leadscore._require_language('report', language), leadscore._need_scorecard(report.scorecard, 'report');
    SELECT jsonb_agg(p.part) INTO parts
    FROM (SELECT leadscore._report_part(report.owner, report.tenant, report.scorecard, days) AS part
          UNION ALL
          SELECT a.answer -> 0 -> 'part'
          FROM leadscore._ask_all(format('SELECT leadscore._report_part(%L, %L, %L, %L) AS part', report.owner, report.tenant, report.scorecard, days)) a) p;
    shown := leadscore._overview(jsonb_path_query_array(parts, '$[*].overview'));
    -- A run is one of all tenants, so it is for who sees all.
    IF report.tenant IS NULL AND NOT row_security_active('leadscore.person') THEN
        SELECT coalesce(jsonb_agg(to_jsonb(r)), '[]') INTO runs
        FROM (SELECT u.scored_on, round(extract(epoch FROM u.finished_at - u.started_at), 2)::text AS seconds,
                     u.persons_changed, u.categories_changed
              FROM leadscore.run u ORDER BY u.run_id DESC LIMIT 7) r;
    END IF;
    RETURN leadscore._report_page(shown || jsonb_build_object(
        'language', language,
        'scored_on', today,
        'days', days,
        'person_url', (SELECT s.person_url FROM leadscore.settings s),
        'scorecard', report.scorecard, 'owner', report.owner, 'tenant', report.tenant,
        'bands', (SELECT coalesce(jsonb_agg(to_jsonb(b) ORDER BY b.kind NULLS FIRST, b.low DESC NULLS LAST), '[]')
                  FROM (SELECT b.* FROM leadscore._bands(report.tenant, NULL, report.scorecard) b
                        UNION ALL
                        SELECT DISTINCT x.* FROM jsonb_path_query(parts, '$[*].bands[*]') n
                        CROSS JOIN LATERAL jsonb_to_record(n) x(kind text, name text, low bigint, color text)) b),
        'course', (SELECT coalesce(jsonb_agg(to_jsonb(c) ORDER BY c.day), '[]')
                   FROM (SELECT x.day, x.category, sum(x.persons)::bigint AS persons
                         FROM jsonb_path_query(parts, '$[*].course[*]') n CROSS JOIN LATERAL jsonb_to_record(n) x(day date, category text, persons bigint)
                         GROUP BY x.day, x.category) c),
        'rules', (SELECT coalesce(jsonb_agg(jsonb_build_object('rule', t.rule, 'points', t.points) ORDER BY t.points DESC), '[]')
                  FROM (SELECT coalesce(r.name, '±') AS rule, sum(s.points)::bigint AS points
                        FROM jsonb_to_recordset(shown -> 'rules') s(rule_id int, points bigint)
                        LEFT JOIN leadscore.rule r ON r.rule_id = s.rule_id
                        GROUP BY 1) t),
        'outcome', (SELECT s.outcome_type FROM leadscore.settings s WHERE s.outcome_horizon IS NOT NULL),
        'outcome_days', (SELECT s.outcome_horizon::text FROM leadscore.settings s),
        'outcomes', (SELECT coalesce(jsonb_agg(to_jsonb(o) ORDER BY o.day DESC), '[]')
                     FROM (SELECT x.day, x.category, sum(x.persons)::bigint AS persons, sum(x.outcomes)::bigint AS outcomes
                           FROM jsonb_path_query(parts, '$[*].outcomes[*]') n
                           CROSS JOIN LATERAL jsonb_to_record(n) x(day date, category text, persons bigint, outcomes bigint)
                           GROUP BY x.day, x.category) o),
        'first', (SELECT coalesce(jsonb_agg(w.value ORDER BY f.nth), '[]')
                  FROM jsonb_array_elements(shown -> 'first') WITH ORDINALITY f(value, nth)
                  JOIN jsonb_path_query(parts, '$[*].first[*]') w(value) ON w.value -> 'person_id' = f.value),
        'cooling', (SELECT coalesce(jsonb_agg(f.value || p.value ORDER BY f.nth), '[]')
                    FROM jsonb_array_elements(shown -> 'cooling') WITH ORDINALITY f(value, nth)
                    JOIN jsonb_path_query(parts, '$[*].cooling[*]') p(value) ON p.value -> 'person_id' = f.value -> 'person_id'),
        'runs', runs));
END $function$;

CREATE OR REPLACE FUNCTION leadscore.person_card(person_id bigint, language text DEFAULT 'en'::text, scorecard text DEFAULT 'main'::text)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET "DateStyle" TO 'ISO, YMD'
AS $function$
#variable_conflict use_column
DECLARE
    today date := (SELECT w.scored_on FROM leadscore.state w);
BEGIN
    PERFORM leadscore._require_language('person_card', language), leadscore._need_scorecard(person_card.scorecard, 'person_card'),
            leadscore._need_person(person_card.person_id, 'person_card');
    RETURN leadscore._card_page((
        SELECT jsonb_build_object(
            'language', language,
            'scored_on', today,
            'person_id', p.person_id, 'tenant', p.tenant, 'kind', p.kind, 'external_id', p.external_id, 'owner', p.owner, 'status', p.status,
            'name', p.name, 'person_url', (SELECT s.person_url FROM leadscore.settings s), 'scorecard', person_card.scorecard,
            'score', coalesce(x.score, p.score), 'category', CASE WHEN person_card.scorecard = 'main' THEN p.category ELSE x.category END,
            'others', (SELECT coalesce(jsonb_agg(jsonb_build_object('scorecard', s.scorecard, 'score', s.score, 'category', s.category)
                                                 ORDER BY s.scorecard), '[]')
                       FROM (SELECT 'main' AS scorecard, p.score, p.category
                             UNION ALL
                             SELECT s.scorecard, s.score, s.category FROM leadscore.person_score s WHERE s.person_id = p.person_id) s
                       WHERE s.scorecard <> person_card.scorecard),
            'bands', (SELECT coalesce(jsonb_agg(to_jsonb(b) ORDER BY b.low DESC NULLS LAST), '[]')
                      FROM leadscore._bands(p.tenant, p.kind, person_card.scorecard) b),
            'history', (SELECT coalesce(jsonb_agg(to_jsonb(h)), '[]') FROM leadscore.history(p.person_id, today - 180, today, person_card.scorecard) h),
            'forecast', (SELECT coalesce(jsonb_agg(to_jsonb(f)), '[]') FROM leadscore.forecast(p.person_id, today + 90, person_card.scorecard) f),
            'lines', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                                 'rule', e.rule, 'activity_type', e.activity_type,
                                 'day', coalesce(leadscore.scoring_day(e.occurred_at), e.counts_from),
                                 'points', e.points, 'counts_until', e.counts_until)), '[]')
                      FROM leadscore._explain(p.person_id, NULL, person_card.scorecard, false) e))
        FROM leadscore.person p
        LEFT JOIN leadscore.person_score x ON x.person_id = p.person_id AND x.scorecard = person_card.scorecard
        WHERE p.person_id = person_card.person_id));
END $function$;

CREATE OR REPLACE FUNCTION leadscore._is_clustered()
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT (to_regclass('pg_catalog.pg_dist_local_group'::text) IS NOT NULL);
END;

CREATE OR REPLACE FUNCTION leadscore._node()
 RETURNS integer
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    number int := 0;
BEGIN
    IF leadscore._is_clustered() THEN
        EXECUTE 'SELECT g.groupid FROM pg_dist_local_group g' INTO number;
    END IF;
    RETURN number;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._nodes(with_coordinator boolean DEFAULT false)
 RETURNS TABLE(node integer, host text, port integer)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    follows boolean := false;
BEGIN
    IF leadscore._is_clustered() AND leadscore._node() = 0 THEN
        IF with_coordinator THEN
            follows := EXISTS (SELECT FROM leadscore.node_shard);
        END IF;
        RETURN QUERY EXECUTE
            'SELECT n.groupid, n.nodename::text, n.nodeport FROM pg_dist_node n
             WHERE n.noderole = ''primary'' AND n.isactive
               AND (n.groupid <> 0 OR $2 OR ($1 AND EXISTS (SELECT FROM pg_dist_placement p JOIN pg_dist_shard s USING (shardid)
                                                            JOIN pg_dist_partition d USING (logicalrelid) WHERE p.groupid = 0 AND d.repmodel <> ''t'')))
             ORDER BY n.groupid' USING with_coordinator, follows;
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._leads()
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT (EXISTS ( SELECT
            FROM leadscore._nodes() _nodes(node, host, port))) AS "exists";
END;

CREATE OR REPLACE FUNCTION leadscore._distribution(relation oid, OUT sort text, OUT column_name text, OUT colocation integer)
 RETURNS record
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF leadscore._is_clustered() THEN
        EXECUTE 'SELECT CASE WHEN d.repmodel = ''t'' THEN ''reference'' WHEN d.partmethod = ''h'' THEN ''hash''
                             WHEN d.partmethod = ''n'' AND d.colocationid <> 0 THEN ''single'' ELSE ''other'' END,
                        CASE WHEN d.partmethod = ''h'' THEN column_to_column_name(d.logicalrelid, d.partkey) END, d.colocationid
                 FROM pg_dist_partition d WHERE d.logicalrelid = $1' INTO sort, column_name, colocation USING relation;
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._is_plain_type(type oid)
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT (EXISTS ( SELECT
            FROM pg_type t
           WHERE ((t.oid = _is_plain_type.type) AND ((t.oid < (16384)::oid) OR (t.typtype = 'e'::"char") OR ((t.typtype = 'b'::"char") AND (t.typelem = (0)::oid)))))) AS "exists";
END;

CREATE OR REPLACE FUNCTION leadscore._is_distributed(relation oid)
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT (d.sort IS NOT NULL)
    FROM leadscore._distribution(_is_distributed.relation) d(sort, column_name, colocation);
END;

CREATE OR REPLACE FUNCTION leadscore._shard_relation(relation oid, shard_id bigint)
 RETURNS oid
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    called text;
BEGIN
    IF NOT leadscore._is_clustered() THEN
        RETURN NULL;
    END IF;
    EXECUTE 'SELECT shard_name($1::regclass, $2)' INTO called USING relation, shard_id;
    -- Citus leaves the schema public out of it.
    RETURN to_regclass(CASE WHEN called NOT LIKE 'public.%' AND (SELECT c.relnamespace FROM pg_class c WHERE c.oid = relation) = 'public'::regnamespace
                            THEN 'public.' || called ELSE called END);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._local_shards(of_relation oid)
 RETURNS TABLE(shard_id bigint, relation bigint, place bigint, low integer, high integer)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
BEGIN
    IF leadscore._is_clustered() THEN
        RETURN QUERY EXECUTE
            'SELECT n.shardid, r.relation::bigint, n.place, n.low, n.high
             FROM (SELECT s.shardid, row_number() OVER (ORDER BY s.shardminvalue::int) - 1 AS place, s.shardminvalue::int AS low, s.shardmaxvalue::int AS high
                   FROM pg_dist_shard s WHERE s.logicalrelid = $1) n
             JOIN pg_dist_placement p ON p.shardid = n.shardid
             CROSS JOIN LATERAL (SELECT leadscore._shard_relation($1, n.shardid) AS relation) r
             WHERE p.groupid = (SELECT g.groupid FROM pg_dist_local_group g) AND r.relation IS NOT NULL
             ORDER BY n.place' USING of_relation;
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._places_of(of_relation oid)
 RETURNS TABLE(relation regclass, suffix text)
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT (_places_of.of_relation)::regclass AS relation,
     ''::text AS suffix
 UNION ALL
  SELECT ((n.relation)::oid)::regclass AS relation,
     ('_'::text || n.shard_id) AS suffix
    FROM leadscore._local_shards(_places_of.of_relation) n(shard_id, relation, place, low, high);
END;

CREATE TABLE leadscore.node_shard (
    shard_id bigint NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE leadscore.node_shard ADD CONSTRAINT node_shard_pkey PRIMARY KEY (shard_id);

CREATE TABLE leadscore.handover (
    person_id bigint NOT NULL,
    document jsonb NOT NULL,
    left_at timestamp with time zone NOT NULL,
    taken boolean DEFAULT false NOT NULL
);

ALTER TABLE leadscore.handover ADD CONSTRAINT handover_pkey PRIMARY KEY (person_id);

CREATE OR REPLACE FUNCTION leadscore._local_ddl(setting text DEFAULT 'off'::text)
 RETURNS text
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    before text;
BEGIN
    IF leadscore._is_clustered() THEN
        before := current_setting('citus.enable_ddl_propagation', true);
        PERFORM set_config('citus.enable_ddl_propagation', coalesce(setting, 'on'), true), set_config('citus.override_table_visibility', 'off', true);
    END IF;
    RETURN before;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._let_put_triggers(relation regclass)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    owner name := (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = relation);
    func  regprocedure;
BEGIN
    IF NOT has_schema_privilege(owner, 'leadscore', 'USAGE') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA leadscore TO %I', owner);
    END IF;
    FOREACH func IN ARRAY ARRAY['leadscore._source_begins()', 'leadscore._source_changed()', 'leadscore._reached_changed()', 'leadscore._refuse_truncate()']::regprocedure[] LOOP
        IF NOT has_function_privilege(owner, func, 'EXECUTE') THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', func, owner);
        END IF;
    END LOOP;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._check_distributed(source regclass)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    way   record := leadscore._distribution(source);
    key   record;
    most  bigint;
BEGIN
    IF leadscore._node() <> 0 THEN
        RAISE feature_not_supported USING
            MESSAGE = format('%s cannot be attached here: this is not the coordinator', source),
            DETAIL = 'Attached tables are part of the configuration, which the coordinator has.',
            HINT = 'Call it on the coordinator.';
    ELSIF way.sort IS NULL THEN
        RETURN;
    ELSIF way.sort = 'reference' THEN
        RAISE feature_not_supported USING
            MESSAGE = format('%s is a reference table of Citus', source),
            DETAIL = 'All of its rows are on each node, so each of them would be a person or an activity as often as there are nodes.',
            HINT = format('Distribute it by its key: SELECT undistribute_table(%L); SELECT create_distributed_table(%1$L, …); rows of other tables may reach a reference table.', source);
    ELSIF way.sort = 'other' THEN
        RAISE feature_not_supported USING
            MESSAGE = format('%s is managed by Citus, and not distributed by hash', source),
            DETAIL = 'Which shard has which rows cannot be told.',
            HINT = format('SELECT undistribute_table(%L); and, if it is to be distributed, SELECT create_distributed_table(%1$L, …);', source);
    END IF;
    SELECT a.attname AS name, a.atttypid::regtype AS type INTO key
    FROM pg_attribute a WHERE a.attrelid = source AND a.attname = way.column_name AND NOT leadscore._is_plain_type(a.atttypid);
    IF FOUND THEN
        RAISE feature_not_supported USING
            MESSAGE = format('%s is distributed by column %I of type %s', source, key.name, key.type),
            DETAIL = 'A value of a domain, an array, a range or a composite type can be one that functions of whoever made the type look at.',
            HINT = 'Distribute it by a column of a type such as bigint, text or uuid.';
    END IF;
    EXECUTE 'SELECT max(c.count) FROM (SELECT count(*) FROM pg_dist_placement p JOIN pg_dist_shard s USING (shardid) WHERE s.logicalrelid = $1 GROUP BY s.shardid) c'
        INTO most USING source;
    IF most > 1 THEN
        RAISE feature_not_supported USING
            MESSAGE = format('shards of %s are on %s nodes each', source, most),
            DETAIL = 'Each copy of a row would be a person or an activity of its own.',
            HINT = 'SET citus.shard_replication_factor = 1; and distribute the table anew; standbys of the nodes keep copies.';
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._own_columns(s leadscore.source, part text)
 RETURNS text[]
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT array_agg(
         CASE
             WHEN ((c.place ->> 0) = '0'::text) THEN (((_own_columns.s).parts -> 'names'::text) ->> ((c.place ->> 1))::integer)
             ELSE NULL::text
         END ORDER BY e.nth) AS array_agg
    FROM (jsonb_array_elements_text(((_own_columns.s).parts -> _own_columns.part)) WITH ORDINALITY e(at, nth)
      CROSS JOIN LATERAL ( SELECT (((_own_columns.s).parts -> 'columns'::text) -> (e.at)::integer) AS place) c);
END;

CREATE OR REPLACE FUNCTION leadscore._check_colocation(of_source integer)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    s     leadscore.source;
    other leadscore.source;
    own   record;
    their record;
    step  record;
    nth   int;
BEGIN
    SELECT * INTO s FROM leadscore.source x WHERE x.source_id = of_source;
    own := leadscore._distribution(s.source);
    FOR step IN SELECT t.relation, d.* FROM leadscore.source_step t CROSS JOIN LATERAL leadscore._distribution(t.relation) d
                WHERE t.source_id = of_source AND (own.sort IS NOT NULL OR d.sort IS NOT NULL) LOOP
        IF own.sort IS NULL OR step.sort IS NULL OR (step.sort <> 'reference' AND step.colocation <> own.colocation) THEN
            RAISE feature_not_supported USING
                MESSAGE = format('%s is not co-located with %s, whose rows reach it', step.relation, s.source),
                DETAIL = 'What a row reaches must be on the node that has the row.',
                HINT = format('SELECT create_distributed_table(%L, …, colocate_with => %L); or SELECT create_reference_table(%1$L);', step.relation::text, s.source::text);
        END IF;
    END LOOP;
    IF own.sort = 'hash' AND NOT coalesce(own.column_name = ANY (leadscore._own_columns(s, 'key')), false) THEN
        RAISE feature_not_supported USING
            MESSAGE = format('the key of %s does not hold column %I, by which it is distributed', s.source, own.column_name),
            DETAIL = 'Only the coordinator could tell whether a key is there twice.',
            HINT = format('Name it in the key: key => %L.', array_to_string(own.column_name || leadscore._own_columns(s, 'key'), ', '));
    END IF;
    FOR other IN SELECT * FROM leadscore.source x WHERE x.attached AND x.role <> s.role AND x.person_kind = s.person_kind LOOP
        their := leadscore._distribution(other.source);
        CONTINUE WHEN own.sort IS NULL AND their.sort IS NULL;
        IF own.colocation IS DISTINCT FROM their.colocation THEN
            RAISE feature_not_supported USING
                MESSAGE = format('%s is not co-located with %s', s.source, other.source),
                DETAIL = format('Activities of persons of kind %L must be on the node that has the persons.', s.person_kind),
                HINT = format('SELECT create_distributed_table(%L, …, colocate_with => %L);',
                              CASE s.role WHEN 'activity' THEN s.source ELSE other.source END::text, CASE s.role WHEN 'activity' THEN other.source ELSE s.source END::text);
        END IF;
        IF s.role = 'person' THEN
            nth := array_position(leadscore._own_columns(s, 'key'), own.column_name);
            own.column_name := (leadscore._own_columns(other, 'person'))[nth];
        ELSE
            nth := array_position(leadscore._own_columns(other, 'key'), their.column_name);
            their.column_name := (leadscore._own_columns(s, 'person'))[nth];
        END IF;
        IF own.sort = 'hash' AND own.column_name IS DISTINCT FROM their.column_name THEN
            RAISE feature_not_supported USING
                MESSAGE = format('%s is not distributed by the column in which it names persons of kind %L', CASE s.role WHEN 'activity' THEN s.source ELSE other.source END, s.person_kind),
                DETAIL = format('Persons are distributed by number %s of the columns of their key, and so must be what refers to them.', nth),
                HINT = 'Name the columns in the order of the persons'' key: person => ''tenant_id, candidate_id''.';
        END IF;
    END LOOP;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._refuse_truncate()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RAISE feature_not_supported USING
        MESSAGE = format('%s cannot be truncated while it is attached', TG_RELID::regclass),
        DETAIL = 'It is distributed, and what came from its rows would be left behind on the nodes.',
        HINT = format('DELETE FROM %s; or SELECT leadscore.detach(%L, keep => false); first.', TG_RELID::regclass, TG_RELID::regclass::text);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._has_distributed_sources()
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RETURN leadscore._is_clustered() AND EXISTS (SELECT FROM leadscore.source s WHERE s.attached AND leadscore._is_distributed(s.source));
END $function$;

CREATE OR REPLACE FUNCTION leadscore._refuse_where_distributed(what text)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF leadscore._has_distributed_sources() THEN
        RAISE feature_not_supported USING
            MESSAGE = format('%s is not there where attached tables are distributed', what),
            DETAIL = 'What it stores belongs to no shard, and would not follow its person from node to node.',
            HINT = 'Keep events in a distributed table of the application and attach it: SELECT leadscore.attach_activity(…);';
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._refuse_edits_of_nodes(relation regclass)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF leadscore._node() <> 0 AND coalesce(current_setting('leadscore.follows', true), '') <> 'on' AND leadscore._has_distributed_sources() THEN
        RAISE feature_not_supported USING
            MESSAGE = format('%s cannot be edited here: this is not the coordinator', relation),
            DETAIL = 'The configuration is the coordinator''s, and comes from there to all nodes.',
            HINT = 'Edit it on the coordinator, and CALL leadscore.spread(); there or wait for the next run.';
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._ask(query text, of_nodes integer[] DEFAULT NULL::integer[], with_coordinator boolean DEFAULT false)
 RETURNS TABLE(node integer, done boolean, answer text)
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    nodes int[];
    hosts text[];
    ports int[];
BEGIN
    SELECT array_agg(n.node ORDER BY n.node), array_agg(n.host ORDER BY n.node), array_agg(n.port ORDER BY n.node) INTO nodes, hosts, ports
    FROM leadscore._nodes(with_coordinator) n WHERE of_nodes IS NULL OR n.node = ANY (of_nodes);
    IF nodes IS NOT NULL THEN
        RETURN QUERY EXECUTE
            'SELECT ($1)[r.nth], r.success, CASE WHEN r.success THEN r.result ELSE format(''node %s (%s:%s): %s'', ($1)[r.nth], r.node_name, r.node_port, r.result) END
             FROM master_run_on_worker($2, $3, array_fill($4::text, ARRAY[cardinality($1)]), true) WITH ORDINALITY r(node_name, node_port, success, result, nth)'
            USING nodes, hosts, ports, query;
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._ask_all(query text)
 RETURNS TABLE(node integer, answer jsonb)
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    a record;
BEGIN
    FOR a IN SELECT * FROM leadscore._ask(format('SELECT coalesce(jsonb_agg(to_jsonb(x)), ''[]'')::text FROM (%s) x', query)) LOOP
        IF NOT a.done THEN
            RAISE connection_exception USING
                MESSAGE = a.answer,
                DETAIL = 'The answer is of all nodes together.',
                HINT = 'Call it again when the node is back; SELECT * FROM leadscore.nodes; shows all of them.';
        END IF;
        node := a.node;
        answer := a.answer;
        RETURN NEXT;
    END LOOP;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._parts(part name, assumption jsonb, question jsonb)
 RETURNS text[]
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    own text;
BEGIN
    EXECUTE format('SELECT leadscore.%I($1, $2)', part) INTO own USING assumption::text, question::text;
    RETURN array_remove(ARRAY[own] || ARRAY(SELECT a.answer -> 0 ->> 'part'
                                            FROM leadscore._ask_all(format('SELECT leadscore.%I(%L, %L) AS part', part, assumption, question)) a ORDER BY a.node), NULL);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._count_persons()
 RETURNS bigint
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT (( SELECT count(*) AS count
            FROM leadscore.person) + ( SELECT (COALESCE(sum((((a.answer -> 0) ->> 'persons'::text))::bigint), (0)::numeric))::bigint AS "coalesce"
            FROM leadscore._ask_all('SELECT count(*) AS persons FROM leadscore.person'::text) a(node, answer)));
END;

CREATE OR REPLACE FUNCTION leadscore._cluster_document()
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "IntervalStyle" TO 'postgres'
 SET jit TO 'off'
BEGIN ATOMIC
 SELECT jsonb_build_object('scored_on', ( SELECT w.scored_on
            FROM leadscore.state w), 'settings', ( SELECT to_jsonb(s.*) AS to_jsonb
            FROM leadscore.settings s), 'activity_type', ( SELECT jsonb_agg(to_jsonb(t.*) ORDER BY t.activity_type) AS jsonb_agg
            FROM leadscore.activity_type t), 'event_type', ( SELECT jsonb_agg(to_jsonb(t.*) ORDER BY t.event) AS jsonb_agg
            FROM leadscore.event_type t), 'scorecard', ( SELECT jsonb_agg(to_jsonb(c.*) ORDER BY c.scorecard) AS jsonb_agg
            FROM leadscore.scorecard c), 'rule', ( SELECT jsonb_agg(to_jsonb(r.*) ORDER BY r.rule_id) AS jsonb_agg
            FROM leadscore.rule r), 'category', ( SELECT jsonb_agg(to_jsonb(c.*) ORDER BY c.category_id) AS jsonb_agg
            FROM leadscore.category c), 'known', ( SELECT jsonb_agg(s.source_id ORDER BY s.source_id) AS jsonb_agg
            FROM leadscore.source s), 'source', ( SELECT jsonb_agg((((to_jsonb(s.*) - 'recorded_at'::text) - 'read_in'::text) || jsonb_build_object('source', NULL::unknown, 'name', leadscore._name_of(s.source))) ORDER BY s.role DESC, s.source_id) AS jsonb_agg
            FROM leadscore.source s
           WHERE leadscore._is_distributed((s.source)::oid)), 'source_step', ( SELECT jsonb_agg((to_jsonb(t.*) || jsonb_build_object('relation', leadscore._name_of(t.relation))) ORDER BY t.source_id, t.step) AS jsonb_agg
            FROM (leadscore.source_step t
              JOIN leadscore.source s USING (source_id))
           WHERE leadscore._is_distributed((s.source)::oid))) AS jsonb_build_object;
END;

CREATE OR REPLACE FUNCTION leadscore._adopt_rows(relation regclass, key text, rows jsonb, removes text DEFAULT 'true'::text, remakes text DEFAULT 'false'::text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "IntervalStyle" TO 'postgres'
 SET jit TO 'off'
AS $function$
DECLARE
    columns text := (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
                     WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '');
    differs boolean;
    step    text;
BEGIN
    rows := coalesce(nullif(rows, 'null'), '[]');
    -- Triggers of a statement fire, too, where it finds no row.
    EXECUTE format('SELECT EXISTS (SELECT FROM %1$s t FULL JOIN jsonb_populate_recordset(NULL::%1$s, $1) n ON n.%2$I = t.%2$I
                                   WHERE to_jsonb(n) IS DISTINCT FROM to_jsonb(t) AND (n.%2$I IS NOT NULL OR (%3$s)))', relation, key, removes)
        INTO differs USING rows;
    IF NOT differs THEN
        RETURN;
    END IF;
    FOREACH step IN ARRAY ARRAY[
        'DELETE FROM %1$s t WHERE (%4$s) AND NOT EXISTS (SELECT FROM jsonb_populate_recordset(NULL::%1$s, $1) n WHERE n.%2$I = t.%2$I)',
        'DELETE FROM %1$s t USING jsonb_populate_recordset(NULL::%1$s, $1) n WHERE n.%2$I = t.%2$I AND (%5$s)',
        'UPDATE %1$s t SET (%3$s) = (SELECT %3$s FROM jsonb_populate_recordset(NULL::%1$s, $1) n WHERE n.%2$I = t.%2$I)
         WHERE EXISTS (SELECT FROM jsonb_populate_recordset(NULL::%1$s, $1) n WHERE n.%2$I = t.%2$I AND to_jsonb(n) <> to_jsonb(t))',
        'INSERT INTO %1$s (%3$s) SELECT %3$s FROM jsonb_populate_recordset(NULL::%1$s, $1) n
         WHERE NOT EXISTS (SELECT FROM %1$s t WHERE t.%2$I = n.%2$I) ORDER BY n.%2$I'] LOOP
        EXECUTE format(step, relation, key, columns, removes, remakes) USING rows;
    END LOOP;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._number_apart()
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    first bigint := leadscore._node() * 10000000000000;
    here  regclass;
    last  bigint;
BEGIN
    FOREACH here IN ARRAY ARRAY['leadscore.person_person_id_seq', 'leadscore.activity_activity_id_seq', 'leadscore.adjustment_adjustment_id_seq',
                                'leadscore.category_change_change_id_seq']::regclass[] LOOP
        EXECUTE format('SELECT q.last_value FROM %s q', here) INTO last;
        IF last < first THEN
            PERFORM setval(here, first);
        END IF;
    END LOOP;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._follow(document jsonb, again integer[] DEFAULT '{}'::integer[])
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET lock_timeout TO '60s'
 SET "IntervalStyle" TO 'postgres'
AS $function$
DECLARE
    s        leadscore.source;
    old      leadscore.source;
    item     record;
    to_take  int[] := '{}';
    here     regclass;
    newcomer boolean;
BEGIN
    IF leadscore._node() = 0 THEN
        RETURN leadscore._displaced();
    END IF;
    PERFORM set_config('leadscore.follows', 'on', true);
    PERFORM leadscore._begin();
    PERFORM leadscore._go_live(), leadscore._number_apart();
    PERFORM leadscore._adopt_rows('leadscore.activity_type', 'activity_type', document -> 'activity_type', removes => 'false');
    PERFORM leadscore._adopt_rows('leadscore.scorecard', 'scorecard', document -> 'scorecard', removes => 'false');
    PERFORM leadscore._adopt_rows('leadscore.rule', 'rule_id', document -> 'rule',
                                  remakes => '(t.tenant, t.name) IS DISTINCT FROM (n.tenant, n.name) AND EXISTS (SELECT FROM leadscore.rule o WHERE o.rule_id <> n.rule_id AND o.name = n.name AND o.tenant IS NOT DISTINCT FROM n.tenant)');
    PERFORM leadscore._adopt_rows('leadscore.category', 'category_id', document -> 'category',
                                  remakes => '(t.tenant, t.scorecard, t.person_kind, t.min_score) IS DISTINCT FROM (n.tenant, n.scorecard, n.person_kind, n.min_score)');
    PERFORM leadscore._adopt_rows('leadscore.scorecard', 'scorecard', document -> 'scorecard');
    IF (SELECT to_jsonb(x) FROM leadscore.settings x) <> document -> 'settings' THEN
        UPDATE leadscore.settings x
        SET (time_zone, notify_channel, keep_category_changes, scoring, person_url, outcome_type, outcome_horizon)
            = (n.time_zone, n.notify_channel, n.keep_category_changes, n.scoring, n.person_url, n.outcome_type, n.outcome_horizon)
        FROM jsonb_populate_record(NULL::leadscore.settings, document -> 'settings') n;
    END IF;
    PERFORM leadscore._adopt_rows('leadscore.event_type', 'event', document -> 'event_type');
    PERFORM leadscore._adopt_rows('leadscore.activity_type', 'activity_type', document -> 'activity_type',
                                  removes => 'NOT EXISTS (SELECT FROM leadscore.activity a WHERE a.activity_type = t.activity_type)');
    -- A node that joins starts on the day of the others.
    UPDATE leadscore.state w SET scored_on = (document ->> 'scored_on')::date
    WHERE w.scored_on <> (document ->> 'scored_on')::date AND NOT EXISTS (SELECT FROM leadscore.person) AND NOT EXISTS (SELECT FROM leadscore.run);
    IF FOUND THEN
        PERFORM leadscore._forget_configuration();
    END IF;

    FOR s IN SELECT * FROM leadscore.source x WHERE NOT coalesce(document -> 'known' @> to_jsonb(x.source_id), false) ORDER BY x.role, x.source_id LOOP
        PERFORM leadscore._drop_triggers(s.source_id), leadscore._remove_source(s.source_id), leadscore._forget_configuration();
    END LOOP;
    FOR item IN SELECT n.value FROM jsonb_array_elements(nullif(document -> 'source', 'null')) WITH ORDINALITY n(value, nth) ORDER BY n.nth LOOP
        here := to_regclass(item.value ->> 'name');
        IF here IS NULL THEN
            RAISE undefined_table USING
                MESSAGE = format('table %s is not there yet', item.value ->> 'name'),
                DETAIL = 'It was made in the transaction that attaches it, or Citus has not brought it.',
                HINT = 'Commit before you attach it.';
        END IF;
        s := jsonb_populate_record(NULL::leadscore.source, item.value || jsonb_build_object('source', here::oid::text));
        SELECT * INTO old FROM leadscore.source x WHERE x.source_id = s.source_id;
        -- When and in which zone it was read is each node's own.
        s.recorded_at := coalesce(old.recorded_at, now());
        s.read_in := old.read_in;
        CONTINUE WHEN old IS NOT DISTINCT FROM s AND s.source_id <> ALL (again);
        newcomer := NOT EXISTS (SELECT FROM leadscore.source x WHERE x.source = here AND x.attached);
        PERFORM leadscore._drop_triggers(s.source_id) WHERE old.source_id IS NOT NULL;
        DELETE FROM leadscore.source x WHERE x.source_id = s.source_id;
        INSERT INTO leadscore.source SELECT s.*;
        DELETE FROM leadscore.source_step t WHERE t.source_id = s.source_id;
        INSERT INTO leadscore.source_step SELECT t.* FROM jsonb_populate_recordset(NULL::leadscore.source_step, nullif(document -> 'source_step', 'null')) t WHERE t.source_id = s.source_id;
        PERFORM leadscore._drop_triggers(s.source_id);
        IF s.attached THEN
            PERFORM leadscore._put_triggers(s.source_id);
            IF newcomer THEN
                INSERT INTO leadscore.node_shard (shard_id) SELECT n.shard_id FROM leadscore._local_shards(here) n ON CONFLICT DO NOTHING;
            END IF;
            to_take := to_take || s.source_id;
        END IF;
        PERFORM leadscore._forget_configuration();
    END LOOP;
    PERFORM leadscore._resync(u.id) FROM unnest(to_take) WITH ORDINALITY u(id, nth);
    IF to_take <> '{}' THEN
        PERFORM leadscore._admit_waiting();
    END IF;
    RETURN leadscore._displaced();
END $function$;

CREATE OR REPLACE FUNCTION leadscore._arrived_shards()
 RETURNS TABLE(shard_id bigint, source regclass, relation regclass)
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT n.shard_id,
     s.source,
     ((n.relation)::oid)::regclass AS relation
    FROM (( SELECT DISTINCT x.source
            FROM leadscore.source x
           WHERE x.attached) s
      CROSS JOIN LATERAL leadscore._local_shards((s.source)::oid) n(shard_id, relation, place, low, high))
   WHERE (NOT (EXISTS ( SELECT
            FROM leadscore.node_shard k
           WHERE (k.shard_id = n.shard_id))));
END;

CREATE OR REPLACE FUNCTION leadscore._left_shards()
 RETURNS SETOF bigint
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT k.shard_id
    FROM leadscore.node_shard k
   WHERE (NOT (EXISTS ( SELECT
            FROM (( SELECT DISTINCT x.source
                    FROM leadscore.source x
                   WHERE x.attached) s
              CROSS JOIN LATERAL leadscore._local_shards((s.source)::oid) n(shard_id, relation, place, low, high))
           WHERE (n.shard_id = k.shard_id))));
END;

CREATE OR REPLACE FUNCTION leadscore._displaced()
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT jsonb_build_object('arrived', ( SELECT count(*) AS count
            FROM leadscore._arrived_shards() _arrived_shards(shard_id, source, relation)), 'left', ( SELECT count(*) AS count
            FROM leadscore._left_shards() _left_shards(_left_shards))) AS jsonb_build_object;
END;

CREATE OR REPLACE FUNCTION leadscore._leaving(after bigint, most integer)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
DECLARE
    s   record;
    ids bigint[] := '{}';
    own bigint[];
BEGIN
    FOR s IN SELECT x.*, d.sort, d.column_name, leadscore._own_columns(x, 'key') AS key
             FROM leadscore.source x CROSS JOIN LATERAL leadscore._distribution(x.source) d
             WHERE x.attached AND x.role = 'person' AND d.sort IS NOT NULL
               AND (d.sort <> 'hash' OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = x.source AND a.attname = d.column_name AND leadscore._is_plain_type(a.atttypid))) LOOP
        IF s.sort = 'hash' THEN
            EXECUTE format('SELECT array_agg(l.person_id)
                            FROM (SELECT h.person_id
                                  FROM (SELECT p.person_id, worker_hash(leadscore._key_value(p.external_id, %s, %s)::%s) AS hash
                                        FROM leadscore.person p WHERE p.source_id = $1 AND p.person_id > $2) h
                                  WHERE NOT EXISTS (SELECT FROM unnest($3, $4) n(low, high) WHERE h.hash BETWEEN n.low AND n.high)
                                  ORDER BY h.person_id LIMIT $5) l',
                           cardinality(s.key), array_position(s.key, s.column_name) - 1,
                           (SELECT a.atttypid::regtype FROM pg_attribute a WHERE a.attrelid = s.source AND a.attname = s.column_name))
                INTO own USING s.source_id, after, ARRAY(SELECT n.low FROM leadscore._local_shards(s.source) n),
                               ARRAY(SELECT n.high FROM leadscore._local_shards(s.source) n), most;
        ELSE
            own := ARRAY(SELECT p.person_id FROM leadscore.person p
                         WHERE p.source_id = s.source_id AND p.person_id > after AND NOT EXISTS (SELECT FROM leadscore._local_shards(s.source))
                         ORDER BY p.person_id LIMIT most);
        END IF;
        ids := ids || own;
    END LOOP;
    RETURN (SELECT coalesce(jsonb_agg(d.document ORDER BY d.person_id), '[]')
            FROM (SELECT p.person_id, jsonb_build_object(
                             'person', to_jsonb(p),
                             'left_at', (SELECT max(k.recorded_at) FROM leadscore.node_shard k),
                             'adjustment', (SELECT jsonb_agg(to_jsonb(a)) FROM leadscore.adjustment a WHERE a.person_id = p.person_id),
                             'category_change', (SELECT jsonb_agg(to_jsonb(c)) FROM leadscore.category_change c WHERE c.person_id = p.person_id),
                             'person_score', (SELECT jsonb_agg(to_jsonb(c)) FROM leadscore.person_score c WHERE c.person_id = p.person_id),
                             'person_alias', (SELECT jsonb_agg(to_jsonb(l)) FROM leadscore.person_alias l WHERE l.person_id = p.person_id),
                             'person_consent', (SELECT to_jsonb(c) - 'refused' FROM leadscore.person_consent c WHERE c.person_id = p.person_id),
                             'activity', (SELECT jsonb_agg(to_jsonb(a)) FROM leadscore.activity a WHERE a.person_id = p.person_id AND a.source_id IS NULL),
                             -- Of tables that do not tell when.
                             'moment', (SELECT jsonb_agg(jsonb_build_object('source_id', a.source_id, 'source_key', a.source_key, 'person_kind', p.kind,
                                                                            'external_id', p.external_id, 'tenant', p.tenant, 'activity_type', a.activity_type,
                                                                            'occurred_at', a.occurred_at, 'attributes', a.attributes))
                                        FROM leadscore.activity a JOIN leadscore.source x ON x.source_id = a.source_id AND NOT x.parts ? 'moment'
                                        WHERE a.person_id = p.person_id)) AS document
                  FROM leadscore.person p WHERE p.person_id IN (SELECT u.id FROM unnest(ids) u(id) ORDER BY u.id LIMIT most)) d);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._key_value(key text, columns integer, nth integer)
 RETURNS text
 LANGUAGE c
 IMMUTABLE STRICT
AS 'MODULE_PATHNAME', $function$key_value_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._part_of_key(of_source integer, key text)
 RETURNS integer
 LANGUAGE c
 STABLE STRICT
AS 'MODULE_PATHNAME', $function$part_of_key_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._receive(documents jsonb)
 RETURNS bigint
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
BEGIN ATOMIC
 WITH stored AS (
          INSERT INTO leadscore.handover AS h (person_id, document, left_at)  SELECT (((d.value -> 'person'::text) ->> 'person_id'::text))::bigint AS int8,
                     d.value,
                     COALESCE(((d.value ->> 'left_at'::text))::timestamp with time zone, '-infinity'::timestamp with time zone) AS "coalesce"
                    FROM jsonb_array_elements(_receive.documents) d(value) ON CONFLICT(person_id) DO UPDATE SET document = excluded.document, left_at = excluded.left_at
           WHERE ((NOT h.taken) AND (h.left_at <= excluded.left_at))
           RETURNING 1 AS "?column?"
         )
  SELECT count(*) AS count
    FROM stored;
END;

CREATE OR REPLACE FUNCTION leadscore._take_in()
 RETURNS bigint
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET plan_cache_mode TO 'force_custom_plan'
 SET lock_timeout TO '60s'
AS $function$
DECLARE
    arrived record;
    before  text;
    s       record;
    came    bigint[] := '{}';
    -- Of those who came. Merged persons who came apart, and meet again: each with whom it was merged into.
    own     bigint[];
    losers  bigint[] := '{}';
    winners bigint[] := '{}';
    mark    bigint;
BEGIN
    PERFORM leadscore._begin();
    before := leadscore._local_ddl();
    FOR arrived IN SELECT * FROM leadscore._arrived_shards() a ORDER BY a.shard_id LOOP
        -- Whoever writes to it has committed, or sees that it is followed.
        EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', arrived.relation);
        INSERT INTO leadscore.node_shard (shard_id) VALUES (arrived.shard_id);
    END LOOP;
    PERFORM leadscore._local_ddl(before);
    PERFORM leadscore._put_triggers(x.source_id) FROM leadscore.source x WHERE x.attached AND leadscore._is_distributed(x.source) ORDER BY x.source_id;
    PERFORM leadscore._forget_configuration();
    mark := nextval('leadscore.category_change_change_id_seq');

    FOR s IN SELECT * FROM leadscore.source x WHERE x.attached AND leadscore._is_distributed(x.source) ORDER BY x.role DESC, x.source_id LOOP
        IF s.role = 'person' THEN
            WITH back AS (
                DELETE FROM leadscore.person_alias l USING leadscore.handover h
                WHERE NOT h.taken AND (h.document -> 'person' ->> 'source_id')::int = s.source_id AND l.kind = s.person_kind
                  AND l.external_id = h.document -> 'person' ->> 'external_id' AND l.tenant IS NOT DISTINCT FROM h.document -> 'person' ->> 'tenant'
                  AND leadscore._part_of_key(s.source_id, l.external_id) IS NOT NULL
                RETURNING h.person_id AS loser, l.person_id AS winner
            )
            SELECT losers || array_agg(b.loser), winners || array_agg(b.winner) INTO losers, winners FROM back b;
            WITH here AS MATERIALIZED (
                SELECT h.person_id, h.document FROM leadscore.handover h
                JOIN leadscore._source_rows(s.source_id) r ON r.key = h.document -> 'person' ->> 'external_id'
                 AND r.tenant IS NOT DISTINCT FROM h.document -> 'person' ->> 'tenant'
                WHERE NOT h.taken AND (h.document -> 'person' ->> 'source_id')::int = s.source_id
                  AND NOT EXISTS (SELECT FROM leadscore._person_key k WHERE k.kind = s.person_kind AND k.external_id = r.key AND k.tenant IS NOT DISTINCT FROM r.tenant)
                  AND NOT EXISTS (SELECT FROM leadscore.person p WHERE p.person_id = h.person_id)
            ), added AS (
                INSERT INTO leadscore.person (person_id, kind, tenant, external_id, name, status, owner, since, attributes, active, source_id, recorded_at)
                SELECT p.person_id, p.kind, p.tenant, p.external_id, p.name, p.status, p.owner, p.since, p.attributes, p.active, s.source_id, p.recorded_at
                FROM here h CROSS JOIN LATERAL jsonb_populate_record(NULL::leadscore.person, h.document -> 'person') p
            ), consent AS (
                INSERT INTO leadscore.person_consent (person_id, granted_at, refused_at)
                SELECT c.person_id, c.granted_at, c.refused_at
                FROM here h CROSS JOIN LATERAL jsonb_populate_record(NULL::leadscore.person_consent, h.document -> 'person_consent') c
                WHERE h.document -> 'person_consent' <> 'null'
            ), adjustment AS (
                INSERT INTO leadscore.adjustment
                SELECT a.* FROM here h CROSS JOIN LATERAL jsonb_populate_recordset(NULL::leadscore.adjustment, nullif(h.document -> 'adjustment', 'null')) a
            ), activity AS (
                INSERT INTO leadscore.activity
                SELECT a.* FROM here h CROSS JOIN LATERAL jsonb_populate_recordset(NULL::leadscore.activity, nullif(h.document -> 'activity', 'null')) a
            ), moment AS (
                INSERT INTO leadscore.waiting
                SELECT w.* FROM here h CROSS JOIN LATERAL jsonb_populate_recordset(NULL::leadscore.waiting, nullif(h.document -> 'moment', 'null')) w
                ON CONFLICT DO NOTHING
            )
            SELECT array_agg(h.person_id) INTO own FROM here h;
            came := came || own;
            WITH alias AS MATERIALIZED (
                SELECT l.*, p.person_id AS loser
                FROM leadscore.handover h
                CROSS JOIN LATERAL jsonb_populate_recordset(NULL::leadscore.person_alias, nullif(h.document -> 'person_alias', 'null')) l
                LEFT JOIN leadscore.person p ON p.kind = l.kind AND p.external_id = l.external_id AND p.tenant IS NOT DISTINCT FROM l.tenant
                WHERE h.person_id = ANY (own)
            ), kept AS (
                INSERT INTO leadscore.person_alias (kind, external_id, person_id, source_id, tenant)
                SELECT a.kind, a.external_id, a.person_id, a.source_id, a.tenant FROM alias a WHERE a.loser IS NULL
                ON CONFLICT DO NOTHING
            )
            SELECT losers || array_agg(a.loser), winners || array_agg(a.person_id) INTO losers, winners FROM alias a WHERE a.loser IS NOT NULL;
            -- It says whether anybody is merged, so that rows of merged persons show the score as well.
            PERFORM leadscore._forget_configuration();
        END IF;
        PERFORM leadscore._resync(s.source_id);
    END LOOP;
    PERFORM leadscore._admit_waiting();
    PERFORM leadscore._lock_persons(came);
    PERFORM leadscore._rescore(came);
    -- To have come is no change of category. What was one before the move is kept, and what became one by it is one change.
    DELETE FROM leadscore.category_change c WHERE c.person_id = ANY (came) AND c.change_id > mark;
    INSERT INTO leadscore.category_change (change_id, person_id, from_category, to_category, score, scored_on, changed_at, scorecard, tenant)
    SELECT c.change_id, c.person_id, c.from_category, c.to_category, c.score, c.scored_on, c.changed_at, c.scorecard, c.tenant
    FROM leadscore.handover h
    CROSS JOIN LATERAL jsonb_populate_recordset(NULL::leadscore.category_change, nullif(h.document -> 'category_change', 'null')) c
    WHERE h.person_id = ANY (came);
    INSERT INTO leadscore.category_change (person_id, from_category, to_category, score, scored_on, scorecard, tenant)
    SELECT p.person_id, h.document -> 'person' ->> 'category', p.category, p.score, w.scored_on, 'main', p.tenant
    FROM leadscore.handover h JOIN leadscore.person p USING (person_id) CROSS JOIN leadscore.state w
    WHERE h.person_id = ANY (came) AND h.document -> 'person' ->> 'category' IS DISTINCT FROM p.category AND h.document -> 'person' ->> 'category' IS NOT NULL
    UNION ALL
    SELECT c.person_id, o.value ->> 'category', c.category, c.score, w.scored_on, c.scorecard, h.document -> 'person' ->> 'tenant'
    FROM leadscore.handover h
    CROSS JOIN LATERAL jsonb_array_elements(nullif(h.document -> 'person_score', 'null')) o
    JOIN leadscore.person_score c ON c.person_id = h.person_id AND c.scorecard = o.value ->> 'scorecard'
    CROSS JOIN leadscore.state w
    WHERE h.person_id = ANY (came) AND o.value ->> 'category' IS DISTINCT FROM c.category AND o.value ->> 'category' IS NOT NULL;
    UPDATE leadscore.handover h SET taken = true WHERE h.person_id = ANY (came);
    PERFORM leadscore.merge_person(p.loser, p.winner)
    FROM unnest(losers, winners) p(loser, winner)
    WHERE EXISTS (SELECT FROM leadscore.person x WHERE x.person_id = p.loser) AND EXISTS (SELECT FROM leadscore.person x WHERE x.person_id = p.winner);
    RETURN cardinality(came);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._leave()
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET lock_timeout TO '60s'
AS $function$
DECLARE
    aliases bigint := (SELECT count(*) FROM leadscore.person_alias);
BEGIN
    PERFORM leadscore._begin();
    DELETE FROM leadscore.node_shard k WHERE k.shard_id IN (SELECT l FROM leadscore._left_shards() l);
    IF FOUND THEN
        PERFORM leadscore._forget_configuration();
        PERFORM leadscore._resync(x.source_id) FROM leadscore.source x WHERE x.attached AND leadscore._is_distributed(x.source) ORDER BY x.role DESC, x.source_id;
        -- Rows of persons who were merged into one that left are persons of their own again.
        IF (SELECT count(*) FROM leadscore.person_alias) <> aliases THEN
            PERFORM leadscore._resync(x.source_id) FROM leadscore.source x WHERE x.attached AND leadscore._is_distributed(x.source) ORDER BY x.role DESC, x.source_id;
            PERFORM leadscore._admit_waiting();
        END IF;
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._forget_handover()
 RETURNS void
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 DELETE FROM leadscore.handover;
END;

CREATE OR REPLACE FUNCTION leadscore._tell_alone()
 RETURNS void
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT pg_advisory_xact_lock(27763, 1) AS pg_advisory_xact_lock;
END;

CREATE OR REPLACE FUNCTION leadscore._tell_nodes(again integer[] DEFAULT '{}'::integer[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    a record;
BEGIN
    PERFORM leadscore._tell_alone();
    FOR a IN SELECT * FROM leadscore._ask(format('SELECT leadscore._follow(%L, %L)', leadscore._cluster_document(), again)) LOOP
        IF NOT a.done THEN
            RAISE object_not_in_prerequisite_state USING
                MESSAGE = a.answer,
                DETAIL = 'Nodes that were told before have done it.',
                HINT = 'Call it again when what is wrong is mended; CALL leadscore.spread(); brings the nodes to what the coordinator has.';
        END IF;
    END LOOP;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._attach_on_nodes(of_source integer)
 RETURNS bigint
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    own bigint;
BEGIN
    INSERT INTO leadscore.node_shard (shard_id)
    SELECT n.shard_id FROM leadscore.source s CROSS JOIN LATERAL leadscore._local_shards(s.source) n WHERE s.source_id = of_source
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM leadscore._forget_configuration();
        PERFORM leadscore._resync(of_source);
    END IF;
    PERFORM leadscore._tell_nodes();
    own := (SELECT count(*) FROM leadscore.person p WHERE p.source_id = of_source) + (SELECT count(*) FROM leadscore.activity a WHERE a.source_id = of_source);
    RETURN own + (SELECT coalesce(sum((a.answer -> 0 ->> 'rows')::bigint), 0)
                  FROM leadscore._ask_all(format('SELECT (SELECT count(*) FROM leadscore.person p WHERE p.source_id = %s) + (SELECT count(*) FROM leadscore.activity a WHERE a.source_id = %1$s) AS rows', of_source)) a);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._spread()
 RETURNS text[]
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    most   CONSTANT int := 5000;
    failed text[];
    moved  boolean;
    n      record;
    part   record;
    after  bigint;
    step   text;
BEGIN
    PERFORM leadscore._tell_alone();
    SELECT array_agg(a.answer ORDER BY a.node) FILTER (WHERE NOT a.done),
           bool_or(a.done AND a.answer::jsonb <> '{"left": 0, "arrived": 0}') INTO failed, moved
    FROM leadscore._ask(format('SELECT leadscore._follow(%L)', leadscore._cluster_document()), with_coordinator => true) a;
    -- Persons go from node to node only where all can be asked.
    IF failed IS NOT NULL OR moved IS NOT TRUE THEN
        RETURN failed;
    END IF;
    FOR n IN SELECT x.node FROM leadscore._nodes(true) x LOOP
        after := -1;
        LOOP
            SELECT a.* INTO part FROM leadscore._ask(format('SELECT leadscore._leaving(%s, %s)', after, most), ARRAY[n.node], true) a;
            IF NOT part.done THEN
                RETURN ARRAY[part.answer];
            END IF;
            EXIT WHEN part.answer = '[]';
            SELECT array_agg(a.answer) INTO failed
            FROM leadscore._ask(format('SELECT leadscore._receive(%L)', part.answer), ARRAY(SELECT x.node FROM leadscore._nodes(true) x WHERE x.node <> n.node), true) a
            WHERE NOT a.done;
            IF failed IS NOT NULL THEN
                RETURN failed;
            END IF;
            after := (SELECT max((d.value -> 'person' ->> 'person_id')::bigint) FROM jsonb_array_elements(part.answer::jsonb) d);
        END LOOP;
    END LOOP;
    FOREACH step IN ARRAY ARRAY['_take_in', '_leave', '_forget_handover'] LOOP
        SELECT array_agg(a.answer) INTO failed FROM leadscore._ask(format('SELECT leadscore.%I()', step), with_coordinator => true) a WHERE NOT a.done;
        IF failed IS NOT NULL THEN
            RETURN failed;
        END IF;
    END LOOP;
    RETURN NULL;
END $function$;

CREATE OR REPLACE PROCEDURE leadscore.spread()
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $procedure$
DECLARE
    failed text[];
BEGIN
    IF NOT leadscore._leads() THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'there are no other nodes here',
            DETAIL = 'spread() brings configuration and moved persons from the coordinator of a Citus cluster to its nodes.',
            HINT = 'Call it on the coordinator.';
    END IF;
    failed := leadscore._spread();
    IF failed IS NOT NULL THEN
        RAISE connection_exception USING
            MESSAGE = array_to_string(failed, '; '),
            DETAIL = 'What other nodes did stands, and nobody is lost.',
            HINT = 'CALL leadscore.spread(); again when the node is back.';
    END IF;
END $procedure$;

CREATE OR REPLACE FUNCTION leadscore._recompute_everywhere(as_of timestamp with time zone, full_rebuild boolean)
 RETURNS leadscore.run
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    failed text[];
    later  text[];
    part   leadscore.run;
    total  leadscore.run;
    a      record;
BEGIN
    failed := leadscore._spread();
    FOR a IN SELECT * FROM leadscore._ask(format('SELECT to_jsonb(r)::text FROM leadscore._recompute_here(%L, %L) r', to_jsonb(as_of) #>> '{}', full_rebuild)) ORDER BY node LOOP
        IF a.done THEN
            part := jsonb_populate_record(NULL::leadscore.run, a.answer::jsonb);
            total.records_added := coalesce(total.records_added, 0) + part.records_added;
            total.records_removed := coalesce(total.records_removed, 0) + part.records_removed;
            total.persons_changed := coalesce(total.persons_changed, 0) + part.persons_changed;
            total.categories_changed := coalesce(total.categories_changed, 0) + part.categories_changed;
        ELSE
            later := later || a.answer;
        END IF;
    END LOOP;
    failed := coalesce(later, failed);
    IF failed IS NOT NULL THEN
        RAISE connection_exception USING
            MESSAGE = format('the run is not done on all nodes: %s', array_to_string(failed, '; ')),
            DETAIL = 'What the other nodes did stands, each for its own persons.',
            HINT = 'Call it again when the node is back: it goes on where it failed.';
    END IF;
    part := leadscore._recompute_here(as_of, full_rebuild);
    part.records_added := part.records_added + total.records_added;
    part.records_removed := part.records_removed + total.records_removed;
    part.persons_changed := part.persons_changed + total.persons_changed;
    part.categories_changed := part.categories_changed + total.categories_changed;
    UPDATE leadscore.run r
    SET records_added = part.records_added, records_removed = part.records_removed,
        persons_changed = part.persons_changed, categories_changed = part.categories_changed
    WHERE r.run_id = part.run_id;
    RETURN part;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._batches_elsewhere(as_of timestamp with time zone, batch_size integer)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    failed text[];
    later  text[];
BEGIN
    PERFORM leadscore._need_right_to_batches();
    IF leadscore._leads() THEN
        failed := leadscore._spread();
        SELECT array_agg(a.answer ORDER BY a.node) INTO later
        FROM leadscore._ask(format('CALL leadscore.recompute_in_batches(%L, %s)', to_jsonb(as_of) #>> '{}', batch_size)) a WHERE NOT a.done;
        IF coalesce(later, failed) IS NOT NULL THEN
            RAISE connection_exception USING
                MESSAGE = format('the run is not done on all nodes: %s', array_to_string(coalesce(later, failed), '; ')),
                DETAIL = 'What the other nodes did stands, each for its own persons.',
                HINT = 'Call it again when the node is back: it goes on where it failed.';
        END IF;
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._lock_days()
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    before text := current_setting('lock_timeout');
BEGIN
    IF NOT leadscore._has_distributed_sources() THEN
        LOCK TABLE leadscore.state IN EXCLUSIVE MODE;
        RETURN;
    END IF;
    LOOP
        BEGIN
            PERFORM set_config('lock_timeout', '500ms', true);
            LOCK TABLE leadscore.state IN EXCLUSIVE MODE;
            PERFORM set_config('lock_timeout', before, true);
            -- Which shards are here may have changed.
            PERFORM leadscore._forget_configuration();
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            PERFORM pg_sleep(0.1 + random() / 5);
        END;
    END LOOP;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._node_statuses()
 RETURNS SETOF jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
BEGIN ATOMIC
 SELECT (to_jsonb(s.*) || jsonb_build_object('node', leadscore._node(), 'by_category', ( SELECT jsonb_agg(jsonb_build_object('category', c.category, 'persons', c.persons)) AS jsonb_agg
            FROM ( SELECT p.category,
                     count(*) FILTER (WHERE p.active) AS persons
                    FROM leadscore.person p
                   WHERE (NOT (p.tenant IS DISTINCT FROM s.tenant))
                   GROUP BY p.category) c)))
    FROM leadscore._status_here() s(scored_on, last_run_at, last_run_took, rebuild_due, time_zone, persons, categories, rules, activities_about, score_records_about, category_changes_7, pending, pending_since, tenant);
END;

CREATE OR REPLACE FUNCTION leadscore._node_status()
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
BEGIN ATOMIC
 SELECT (leadscore._displaced() || jsonb_build_object('scored_on', min(s.scored_on), 'last_run_at', max(s.last_run_at), 'persons', sum(s.persons), 'activities_about', max(s.activities_about)))
    FROM leadscore._status_here() s(scored_on, last_run_at, last_run_took, rebuild_due, time_zone, persons, categories, rules, activities_about, score_records_about, category_changes_7, pending, pending_since, tenant);
END;

CREATE OR REPLACE FUNCTION leadscore._all_nodes()
 RETURNS TABLE(node integer, host text, port integer, reachable boolean, scored_on date, persons bigint, activities_about bigint, shards_arrived integer, shards_left integer, last_run_at timestamp with time zone, remark text, status jsonb)
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RETURN QUERY
    SELECT a.node, n.host, n.port, a.done, (s.status ->> 'scored_on')::date, (s.status ->> 'persons')::bigint, (s.status ->> 'activities_about')::bigint,
           (s.status ->> 'arrived')::int, (s.status ->> 'left')::int, (s.status ->> 'last_run_at')::timestamptz,
           CASE WHEN NOT a.done THEN a.answer END, s.status
    FROM (SELECT 0 AS node, true AS done, leadscore._node_status()::text AS answer
          UNION ALL
          SELECT * FROM leadscore._ask('SELECT leadscore._node_status()::text')) a
    LEFT JOIN leadscore._nodes() n ON n.node = a.node
    CROSS JOIN LATERAL (SELECT CASE WHEN a.done THEN a.answer::jsonb END AS status) s
    ORDER BY a.node;
END $function$;

CREATE OR REPLACE VIEW leadscore.nodes WITH (security_invoker=true) AS
 SELECT n.node,
    n.host,
    n.port,
    n.reachable,
    n.scored_on,
    n.last_run_at,
    n.persons,
    n.activities_about,
    n.shards_arrived,
    n.shards_left,
    n.remark
   FROM leadscore._all_nodes() n(node, host, port, reachable, scored_on, persons, activities_about, shards_arrived, shards_left, last_run_at, remark, status);

CREATE OR REPLACE FUNCTION leadscore._status_everywhere()
 RETURNS TABLE(scored_on date, last_run_at timestamp with time zone, last_run_took interval, rebuild_due boolean, time_zone text, persons bigint, categories text, rules bigint, activities_about bigint, score_records_about bigint, category_changes_7 bigint, pending bigint, pending_since timestamp with time zone, tenant text)
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH row AS MATERIALIZED (
        SELECT r.*
        FROM (SELECT leadscore._node_statuses() AS s
              UNION ALL
              SELECT x.value -> 's' FROM leadscore._ask_all('SELECT leadscore._node_statuses() AS s') a CROSS JOIN LATERAL jsonb_array_elements(a.answer) x) n
        CROSS JOIN LATERAL jsonb_to_record(n.s) r(
            node int, scored_on date, last_run_at timestamptz, last_run_took interval, rebuild_due boolean, time_zone text, persons bigint, rules bigint,
            activities_about bigint, score_records_about bigint, category_changes_7 bigint, pending bigint, pending_since timestamptz, tenant text, by_category jsonb)
    ), whole AS MATERIALIZED (
        SELECT min(r.scored_on) AS scored_on, max(r.last_run_at) AS last_run_at, max(r.last_run_took) AS last_run_took, bool_or(r.rebuild_due) AS rebuild_due
        FROM row r
    ), size AS MATERIALIZED (
        SELECT sum(x.activities)::bigint AS activities, sum(x.records)::bigint AS records
        FROM (SELECT max(r.activities_about) AS activities, max(r.score_records_about) AS records FROM row r GROUP BY r.node) x
    ), category AS MATERIALIZED (
        SELECT c.tenant, string_agg(format('%s %s', coalesce(c.category, 'none'), c.persons), ', ' ORDER BY c.persons DESC, c.category) FILTER (WHERE c.persons > 0) AS categories
        FROM (SELECT r.tenant, x.category, sum(x.persons) AS persons
              FROM row r CROSS JOIN LATERAL jsonb_to_recordset(r.by_category) x(category text, persons bigint)
              WHERE jsonb_typeof(r.by_category) = 'array'
              GROUP BY r.tenant, x.category) c
        GROUP BY c.tenant
    )
    SELECT w.scored_on, w.last_run_at, w.last_run_took, w.rebuild_due, min(r.time_zone), sum(r.persons)::bigint, min(c.categories), max(r.rules),
           z.activities, z.records, sum(r.category_changes_7)::bigint, sum(r.pending)::bigint, min(r.pending_since), r.tenant
    FROM row r
    CROSS JOIN whole w
    CROSS JOIN size z
    LEFT JOIN category c ON c.tenant IS NOT DISTINCT FROM r.tenant
    -- A node without persons has a row that says so.
    WHERE jsonb_typeof(r.by_category) = 'array' OR NOT EXISTS (SELECT FROM category)
    GROUP BY r.tenant, w.scored_on, w.last_run_at, w.last_run_took, w.rebuild_due, z.activities, z.records
    ORDER BY r.tenant NULLS FIRST;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._doctor_merged()
 RETURNS TABLE(severity text, finding text, detail text, remedy text)
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
BEGIN
    IF NOT leadscore._has_distributed_sources() THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH merged AS MATERIALIZED (
        SELECT l.kind, leadscore._part_of_key(l.source_id, l.external_id) AS part, leadscore._part_of_key(p.source_id, p.external_id) AS of_winner
        FROM leadscore.person_alias l
        JOIN leadscore.person p USING (person_id)
        JOIN leadscore.source x ON x.source_id = l.source_id
        CROSS JOIN LATERAL leadscore._distribution(x.source) d
        WHERE x.attached AND d.sort = 'hash'
    )
    SELECT 'note', format('%s merged persons of kind %L have rows in several shards', count(*), m.kind),
           'If one of these shards moves to another node they come apart: each is then scored by its own rows. They are joined again when the shards meet.',
           'Merge them in the application''s own tables.'
    FROM merged m WHERE m.part <> m.of_winner GROUP BY m.kind
    UNION ALL
    SELECT 'warning', format('%s merged persons of kind %L came apart', count(*), m.kind),
           'The shard of one of them moved to another node. Each is scored by its own rows; adjustments and consent are where they were.',
           'Merge them in the application''s own tables; or bring their shards to one node: SELECT citus_move_shard_placement(…); CALL leadscore.spread();'
    FROM merged m WHERE m.part IS NULL AND m.of_winner IS NOT NULL GROUP BY m.kind
    ORDER BY 1, 2;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._are_in_different_shards(kind text, one text, other text)
 RETURNS boolean
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT (EXISTS ( SELECT
            FROM leadscore.source s
           WHERE (s.attached AND (s.role = 'person'::text) AND (s.person_kind = _are_in_different_shards.kind) AND (leadscore._part_of_key(s.source_id, _are_in_different_shards.one) <> leadscore._part_of_key(s.source_id, _are_in_different_shards.other))))) AS "exists";
END;

CREATE OR REPLACE FUNCTION leadscore._doctor_cluster()
 RETURNS TABLE(severity text, finding text, detail text, remedy text)
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
    own text := md5((leadscore._cluster_document() - 'scored_on' - 'known')::text);
    day date := (SELECT w.scored_on FROM leadscore.state w);
    n   record;
BEGIN
    FOR n IN SELECT * FROM leadscore._all_nodes() x ORDER BY x.node LOOP
        IF NOT n.reachable THEN
            RETURN QUERY SELECT 'error', format('node %s cannot be asked', n.node), n.remark, 'SELECT * FROM leadscore.nodes;';
            CONTINUE;
        END IF;
        IF n.scored_on <> day THEN
            RETURN QUERY SELECT 'error', format('node %s is on another day', n.node), format('Scores stand for %s there, and for %s here.', n.scored_on, day),
                leadscore._cron_command() || ';';
        END IF;
        IF n.shards_arrived + n.shards_left > 0 THEN
            RETURN QUERY SELECT 'warning', format('%s shards came to node %s and %s went from it', n.shards_arrived, n.node, n.shards_left),
                'What is registered on their persons waits until they are followed.', 'CALL leadscore.spread();';
        END IF;
    END LOOP;
    RETURN QUERY
    SELECT 'warning', format('node %s has not the configuration of the coordinator', a.node), 'Rules, categories, settings or attached tables changed.', 'CALL leadscore.spread();'
    FROM leadscore._ask('SELECT md5((leadscore._cluster_document() - ''scored_on'' - ''known'')::text)') a
    WHERE a.done AND a.answer <> own;
    -- That a node has nobody of a rule's kind says nothing, unless none of them has.
    RETURN QUERY
    WITH found AS MATERIALIZED (
        SELECT a.node, d.*
        FROM leadscore._ask('SELECT coalesce(jsonb_agg(to_jsonb(d)), ''[]'')::text FROM leadscore.doctor() d') a
        CROSS JOIN LATERAL jsonb_to_recordset(CASE WHEN a.done THEN a.answer::jsonb END) d(severity text, finding text, detail text, remedy text)
    )
    SELECT f.severity, format('%s: %s', CASE WHEN count(*) = 1 THEN 'node ' ELSE 'nodes ' END || string_agg(f.node::text, ', ' ORDER BY f.node), f.finding), f.detail,
           format('On each of them: %s', f.remedy)
    FROM found f
    GROUP BY f.severity, f.finding, f.detail, f.remedy
    HAVING f.severity <> 'note' OR f.finding !~ '^(rule |no rule )' OR count(*) = (SELECT count(*) FROM leadscore._nodes())
    ORDER BY min(f.node), f.severity, f.finding;
END $function$;

CREATE OR REPLACE FUNCTION leadscore.cluster_worklist(most integer DEFAULT 100, owner text DEFAULT NULL::text, tenant text DEFAULT NULL::text)
 RETURNS SETOF leadscore.worklist
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
DECLARE
    query text := format('SELECT w.* FROM leadscore.worklist w WHERE (%1$L IS NULL OR w.owner = %1$L) AND (%2$L IS NULL OR w.tenant = %2$L)
                          ORDER BY w.score DESC, w.person_id LIMIT %3$s', owner, tenant, coalesce(most, 100));
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT (jsonb_populate_record(NULL::leadscore.worklist, x.row)).*
         FROM (SELECT to_jsonb(w) AS row FROM (%s) w
               UNION ALL
               SELECT r.value FROM leadscore._ask_all($1) a CROSS JOIN LATERAL jsonb_array_elements(a.answer) r) x
         ORDER BY (x.row ->> ''score'')::bigint DESC, (x.row ->> ''person_id'')::bigint LIMIT $2', query) USING query, coalesce(most, 100);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._node_of_row(kind text, key text)
 RETURNS integer
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    s    record;
    node int;
BEGIN
    IF leadscore._leads() THEN
        SELECT x.source, d.column_name, cardinality(k.columns) AS columns, array_position(k.columns, d.column_name) - 1 AS place,
               a.atttypid::regtype AS type INTO s
        FROM leadscore.source x
        CROSS JOIN LATERAL leadscore._distribution(x.source) d
        CROSS JOIN LATERAL (SELECT leadscore._own_columns(x, 'key') AS columns) k
        JOIN pg_attribute a ON a.attrelid = x.source AND a.attname = d.column_name
        WHERE x.role = 'person' AND x.attached AND x.person_kind = kind AND d.sort = 'hash' AND leadscore._is_plain_type(a.atttypid);
        IF FOUND THEN
            EXECUTE format('SELECT p.groupid FROM pg_dist_placement p WHERE p.shardid = get_shard_id_for_distribution_column($1, %L::%s)',
                           leadscore._key_value(key, s.columns, s.place), s.type) INTO node USING s.source::oid::regclass;
        END IF;
    END IF;
    RETURN node;
EXCEPTION WHEN data_exception THEN
    -- It is no key.
    RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._of_person(kind text, key text, tenant text, purpose text, query text)
 RETURNS SETOF jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
DECLARE
    person CONSTANT text := format('SELECT k.person_id FROM leadscore._person_key k WHERE k.kind = %L AND k.external_id = %L AND k.tenant IS NOT DISTINCT FROM %L',
                                   kind, key, tenant);
    at     CONSTANT int := leadscore._node_of_row(kind, key);
    id     bigint;
    s      record;
    turn   text;
    -- Not called found, which is PL/pgSQL's own.
    is_there boolean := false;
BEGIN
    -- Where its row is, then here, then anywhere: it may be on its way, or have been merged with somebody elsewhere.
    FOREACH turn IN ARRAY ARRAY['there', 'here', 'elsewhere'] LOOP
        IF turn = 'here' THEN
            EXECUTE person INTO id;
            IF id IS NOT NULL THEN
                RETURN QUERY EXECUTE format('SELECT to_jsonb(x) FROM (SELECT %s::bigint AS person_id) k CROSS JOIN LATERAL (%s) x', id, query);
                RETURN;
            END IF;
            CONTINUE;
        END IF;
        FOR s IN SELECT * FROM leadscore._ask(format('SELECT jsonb_agg(p.rows)::text FROM (%s) k CROSS JOIN LATERAL (SELECT coalesce(jsonb_agg(to_jsonb(x)), ''[]'') AS rows FROM (%s) x) p',
                                                     person, query),
                                              ARRAY(SELECT n.node FROM leadscore._nodes() n WHERE (n.node IS NOT DISTINCT FROM at) = (turn = 'there'))) LOOP
            IF NOT s.done THEN
                RAISE connection_exception USING
                    MESSAGE = format('%s: %s', purpose, s.answer),
                    DETAIL = format('The person of kind %L with key %L may be there.', kind, key),
                    HINT = 'Call it again when the node is back; SELECT * FROM leadscore.nodes; shows all of them.';
            END IF;
            IF s.answer <> '' THEN
                RETURN QUERY SELECT r.value FROM jsonb_array_elements(s.answer::jsonb -> 0) r;
                is_there := true;
            END IF;
        END LOOP;
        EXIT WHEN is_there;
    END LOOP;
    IF NOT is_there THEN
        RAISE no_data_found USING
            MESSAGE = format('%s: there is no person of kind %L with key %L', purpose, kind, key),
            DETAIL = concat('leadscore.person has no such row', CASE WHEN tenant IS NOT NULL THEN format(' of tenant %L', tenant) END, '.'),
            HINT = 'Keys of several columns are their values with commas between them, such as 7,123; a person of a tenant is named with it.';
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore.explain_by_key(kind text, key text, on_day date DEFAULT NULL::date, scorecard text DEFAULT 'main'::text, tenant text DEFAULT NULL::text)
 RETURNS TABLE(rule text, activity_id bigint, activity_type text, occurred_at timestamp with time zone, points bigint, counts boolean, counts_from date, counts_until date, why text)
 LANGUAGE sql
 ROWS 50
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT x.rule,
     x.activity_id,
     x.activity_type,
     x.occurred_at,
     x.points,
     x.counts,
     x.counts_from,
     x.counts_until,
     x.why
    FROM (leadscore._of_person(explain_by_key.kind, explain_by_key.key, explain_by_key.tenant, 'explain_by_key'::text, format('SELECT * FROM leadscore.explain(k.person_id, %L, %L)'::text, explain_by_key.on_day, explain_by_key.scorecard)) r(r)
      CROSS JOIN LATERAL jsonb_to_record(r.r) x(rule text, activity_id bigint, activity_type text, occurred_at timestamp with time zone, points bigint, counts boolean, counts_from date, counts_until date, why text));
END;

CREATE OR REPLACE FUNCTION leadscore.score_at_by_key(kind text, key text, on_day date, scorecard text DEFAULT 'main'::text, tenant text DEFAULT NULL::text)
 RETURNS bigint
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT ((r.r ->> 'score'::text))::bigint AS int8
    FROM leadscore._of_person(score_at_by_key.kind, score_at_by_key.key, score_at_by_key.tenant, 'score_at_by_key'::text, format('SELECT leadscore.score_at(k.person_id, %L::date, %L) AS score'::text, score_at_by_key.on_day, score_at_by_key.scorecard)) r(r);
END;

CREATE OR REPLACE FUNCTION leadscore.forecast_by_key(kind text, key text, until date, scorecard text DEFAULT 'main'::text, tenant text DEFAULT NULL::text)
 RETURNS TABLE(day date, score bigint, category text)
 LANGUAGE sql
 ROWS 100
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT x.day,
     x.score,
     x.category
    FROM (leadscore._of_person(forecast_by_key.kind, forecast_by_key.key, forecast_by_key.tenant, 'forecast_by_key'::text, format('SELECT * FROM leadscore.forecast(k.person_id, %L::date, %L)'::text, forecast_by_key.until, forecast_by_key.scorecard)) r(r)
      CROSS JOIN LATERAL jsonb_to_record(r.r) x(day date, score bigint, category text));
END;

CREATE OR REPLACE FUNCTION leadscore._forget_tenant_elsewhere(tenant text)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF NOT leadscore._leads() THEN
        RETURN '{}';
    END IF;
    PERFORM leadscore._tell_alone();
    RETURN (SELECT coalesce(jsonb_object_agg(t.table_name, t.removed), '{}')
            FROM (SELECT x.table_name, sum(x.removed)::bigint AS removed
                  FROM leadscore._ask_all(format('SELECT t.* FROM (SELECT set_config(''leadscore.follows'', ''on'', true) AS follows) s
                                                 CROSS JOIN LATERAL leadscore.forget_tenant(CASE s.follows WHEN ''on'' THEN %L END) t', tenant)) a
                  CROSS JOIN LATERAL jsonb_to_recordset(a.answer) x(table_name text, removed bigint)
                  -- Copies of the coordinator's.
                  WHERE x.table_name NOT IN ('rule', 'category', 'configuration_change', 'edited')
                  GROUP BY x.table_name) t);
END $function$;

CREATE OR REPLACE FUNCTION leadscore.forget_person_by_key(kind text, key text, tenant text DEFAULT NULL::text)
 RETURNS void
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT count(*) AS count
    FROM leadscore._of_person(forget_person_by_key.kind, forget_person_by_key.key, forget_person_by_key.tenant, 'forget_person_by_key'::text, 'SELECT leadscore.forget_person(k.person_id) AS done'::text) r(r);
END;

CREATE OR REPLACE FUNCTION leadscore.adjust_by_key(kind text, key text, points integer, reason text, from_day date DEFAULT NULL::date, until_day date DEFAULT NULL::date, scorecard text DEFAULT 'main'::text, tenant text DEFAULT NULL::text)
 RETURNS bigint
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT ((r.r ->> 'id'::text))::bigint AS int8
    FROM leadscore._of_person(adjust_by_key.kind, adjust_by_key.key, adjust_by_key.tenant, 'adjust_by_key'::text, format('SELECT leadscore.adjust(k.person_id, %L::int, %L, %L::date, %L::date, %L) AS id'::text, adjust_by_key.points, adjust_by_key.reason, adjust_by_key.from_day, adjust_by_key.until_day, adjust_by_key.scorecard)) r(r);
END;

CREATE OR REPLACE FUNCTION leadscore.unadjust_by_key(kind text, key text, id bigint, tenant text DEFAULT NULL::text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    PERFORM leadscore._of_person(kind, key, tenant, 'unadjust_by_key',
                                 format('SELECT leadscore.unadjust(a.adjustment_id) AS done FROM leadscore.adjustment a WHERE a.person_id = k.person_id AND a.adjustment_id = %L', id));
    IF NOT FOUND THEN
        RAISE no_data_found USING
            MESSAGE = format('unadjust_by_key: the person of kind %L with key %L has no adjustment %s', kind, key, coalesce(id::text, 'NULL')),
            DETAIL = 'Nothing was adjusted under that id, or it was taken back already.',
            HINT = 'adjust_by_key() returned the id; leadscore.adjustment on the person''s node has it.';
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore.merge_person_by_key(kind text, loser text, winner text, tenant text DEFAULT NULL::text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    apart boolean;
BEGIN
    SELECT (r ->> 'apart')::boolean INTO apart
    FROM leadscore._of_person(kind, loser, tenant, 'merge_person_by_key', format(
        'SELECT leadscore.merge_person(k.person_id, w.person_id) AS done, leadscore._are_in_different_shards(w.kind, %L, w.external_id) AS apart
         FROM leadscore._person_key w WHERE w.kind = %L AND w.external_id = %L AND w.tenant IS NOT DISTINCT FROM %L', loser, kind, winner, tenant)) r;
    IF apart THEN
        RAISE WARNING USING
            MESSAGE = format('merge_person_by_key: the persons of kind %L with keys %L and %L are in different shards', kind, loser, winner),
            DETAIL = 'They are one as long as both shards are on one node; when one of them moves, they come apart.',
            HINT = 'Merge them in the application''s own tables.';
    ELSIF apart IS NULL THEN
        PERFORM leadscore._of_person(kind, winner, tenant, 'merge_person_by_key', 'SELECT 1 AS there');
        RAISE feature_not_supported USING
            MESSAGE = format('merge_person_by_key: the persons of kind %L with keys %L and %L are on different nodes', kind, loser, winner),
            DETAIL = 'A person is on one node, with all that is registered on it.',
            HINT = 'Merge them in the application''s own tables; or move the shard of one of them to the node of the other: SELECT citus_move_shard_placement(…); CALL leadscore.spread();';
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore.person_card_by_key(kind text, key text, language text DEFAULT 'en'::text, scorecard text DEFAULT 'main'::text, tenant text DEFAULT NULL::text)
 RETURNS text
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT (r.r ->> 'page'::text)
    FROM leadscore._of_person(person_card_by_key.kind, person_card_by_key.key, person_card_by_key.tenant, 'person_card_by_key'::text, format('SELECT leadscore.person_card(k.person_id, %L, %L) AS page'::text, person_card_by_key.language, person_card_by_key.scorecard)) r(r);
END;

CREATE OR REPLACE FUNCTION leadscore._doctor_dump()
 RETURNS TABLE(severity text, finding text, detail text, remedy text)
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT 'warning'::text AS severity,
     format('the owner of the database, %I, cannot dump it'::text, o.name) AS finding,
     'pg_dump reads all of leadscore''s tables and sequences.'::text AS detail,
     format('GRANT USAGE ON SCHEMA leadscore TO %1$I; GRANT SELECT ON ALL TABLES IN SCHEMA leadscore TO %1$I; GRANT SELECT ON ALL SEQUENCES IN SCHEMA leadscore TO %1$I;'::text, o.name) AS remedy
    FROM ( SELECT d.datdba AS role,
             pg_get_userbyid(d.datdba) AS name
            FROM pg_database d
           WHERE (d.datname = current_database())) o
   WHERE ((NOT has_schema_privilege(o.role, 'leadscore'::text, 'USAGE'::text)) OR (EXISTS ( SELECT
            FROM (pg_extension e
              CROSS JOIN LATERAL unnest(e.extconfig) c(relation))
           WHERE ((e.extname = 'leadscore'::name) AND (NOT has_table_privilege(o.role, c.relation, 'SELECT'::text))))));
END;

COMMENT ON COLUMN leadscore.adjustment.scorecard IS 'The scorecard that its points belong to';
COMMENT ON COLUMN leadscore.category.recorded_at IS 'When the row was inserted';
COMMENT ON COLUMN leadscore.category.scorecard IS 'The scorecard whose score it is a band of';
COMMENT ON COLUMN leadscore.category.tenant IS 'Whose category it is; NULL: of all tenants that have none of their own';
COMMENT ON COLUMN leadscore.category_change.scorecard IS 'The scorecard whose category changed';
COMMENT ON COLUMN leadscore.category_change.tenant IS 'Whose person it is';
COMMENT ON COLUMN leadscore.configuration_change.after IS 'The document after; NULL only within the transaction';
COMMENT ON COLUMN leadscore.configuration_change.before IS 'The document before: leadscore.import_config(before, tenant) goes back to it';
COMMENT ON COLUMN leadscore.configuration_change.changed_at IS 'When the transaction began';
COMMENT ON COLUMN leadscore.configuration_change.changed_by IS 'The role that had logged in';
COMMENT ON COLUMN leadscore.configuration_change.configuration_change_id IS 'Identity, in the order of the changes';
COMMENT ON COLUMN leadscore.configuration_change.tenant IS 'Whose rules and categories changed; NULL: what is everybody''s, with scorecards and settings';
COMMENT ON COLUMN leadscore.configuration_history.changed_at IS 'When the transaction began';
COMMENT ON COLUMN leadscore.configuration_history.changed_by IS 'The role that had logged in';
COMMENT ON COLUMN leadscore.configuration_history.configuration_change_id IS 'The change, of which leadscore.configuration_change has the documents';
COMMENT ON COLUMN leadscore.configuration_history.tenant IS 'Whose rules and categories changed; NULL: what is everybody''s';
COMMENT ON COLUMN leadscore.configuration_history.what IS 'What changed, such as rule "Call": points 5 → 8';
COMMENT ON COLUMN leadscore.edited.person_kind IS 'Persons of this kind; NULL: of all';
COMMENT ON COLUMN leadscore.edited.rule_id IS 'Persons to whom this rule applies or applied; NULL: whatever rules apply';
COMMENT ON COLUMN leadscore.edited.tenant IS 'Persons of this tenant, or of one that was forgotten, by the MD5 sum of its name; NULL: of all';
COMMENT ON COLUMN leadscore.event.tenant IS 'Whose website it is, and whose person';
COMMENT ON COLUMN leadscore.handover.document IS 'Its row, adjustments, changes of category, consent, keys of merged persons, and moments that no table tells';
COMMENT ON COLUMN leadscore.handover.left_at IS 'Since when the node that hands it over had its row: of two the later one counts';
COMMENT ON COLUMN leadscore.handover.person_id IS 'The person';
COMMENT ON COLUMN leadscore.handover.taken IS 'Whether it is taken in';
COMMENT ON COLUMN leadscore.instance.rebuild_due IS 'Whether rules, categories, scorecards or settings changed since the last run, so that the next one derives anew whom that concerns, as leadscore.edited says';
COMMENT ON COLUMN leadscore.node_shard.recorded_at IS 'Since when it is followed';
COMMENT ON COLUMN leadscore.node_shard.shard_id IS 'The number of the shard';
COMMENT ON COLUMN leadscore.nodes.activities_about IS 'Activities there, by the statistics of the last ANALYZE';
COMMENT ON COLUMN leadscore.nodes.host IS 'Where it is';
COMMENT ON COLUMN leadscore.nodes.last_run_at IS 'When its last run had done its work';
COMMENT ON COLUMN leadscore.nodes.node IS 'Its number: that of its group in Citus';
COMMENT ON COLUMN leadscore.nodes.persons IS 'Persons there who are active';
COMMENT ON COLUMN leadscore.nodes.port IS 'Where it is';
COMMENT ON COLUMN leadscore.nodes.reachable IS 'Whether it answered';
COMMENT ON COLUMN leadscore.nodes.remark IS 'Why it did not answer';
COMMENT ON COLUMN leadscore.nodes.scored_on IS 'The day for which the scores stand there';
COMMENT ON COLUMN leadscore.nodes.shards_arrived IS 'Shards of attached tables that came and are not followed yet: CALL leadscore.spread();';
COMMENT ON COLUMN leadscore.nodes.shards_left IS 'Shards that went, and whose persons are still there: CALL leadscore.spread();';
COMMENT ON COLUMN leadscore.pending.day IS 'The latest day of what was registered; NULL: nothing was';
COMMENT ON COLUMN leadscore.pending.recorded_at IS 'Since when it waits';
COMMENT ON COLUMN leadscore.person.active IS 'Whether anything counts: a person who is not active keeps everything, has score 0 and no category';
COMMENT ON COLUMN leadscore.person.attributes IS 'What the application knows of the person, as a JSON object that a rule''s person_filter can ask for';
COMMENT ON COLUMN leadscore.person.external_id IS 'The application''s own key of the person, unique within tenant and kind';
COMMENT ON COLUMN leadscore.person.name IS 'What people call the person, for lists and pages';
COMMENT ON COLUMN leadscore.person.tenant IS 'Whose person it is, where several customers share the database; rules and categories can be for one tenant';
COMMENT ON COLUMN leadscore.person_alias.tenant IS 'The tenant of the merged person';
COMMENT ON COLUMN leadscore.person_score.category IS 'The name of the band in which the score falls; NULL where there are no categories';
COMMENT ON COLUMN leadscore.person_score.person_id IS 'The person';
COMMENT ON COLUMN leadscore.person_score.score IS 'Points';
COMMENT ON COLUMN leadscore.person_score.scorecard IS 'The scorecard';
COMMENT ON COLUMN leadscore.recheck.keys IS 'The keys of the rows';
COMMENT ON COLUMN leadscore.recheck.recheck_id IS 'Tells one request from another';
COMMENT ON COLUMN leadscore.recheck.source_id IS 'The attached table';
COMMENT ON COLUMN leadscore.renamed_category.category_id IS 'The category';
COMMENT ON COLUMN leadscore.renamed_category.name IS 'A name that it had, which persons may still have';
COMMENT ON COLUMN leadscore.renumbered.person_id IS 'The person';
COMMENT ON COLUMN leadscore.rule.at_least IS 'Frequency rules: how many matching activities there must be';
COMMENT ON COLUMN leadscore.rule.decay IS 'none: full points on every day; linear: from full points to none over relevant_for; halving: half as many after each half_life';
COMMENT ON COLUMN leadscore.rule.excused_by_planned IS 'Inactivity rules: a silence that ends with an activity, even one that is only planned, gives no penalties';
COMMENT ON COLUMN leadscore.rule.filter IS 'An SQL/JSON path that must be true for an activity''s attributes, such as $.minutes >= 30; NULL: no filter';
COMMENT ON COLUMN leadscore.rule.half_life IS 'Decay halving: the time after which a record is worth half';
COMMENT ON COLUMN leadscore.rule.kind IS 'activity: points for each matching activity; inactivity: points for each period without any; frequency: points while there are many; profile: points for what a person is';
COMMENT ON COLUMN leadscore.rule.name IS 'What people call the rule, unique within the tenant; a configuration is matched by it';
COMMENT ON COLUMN leadscore.rule.person_filter IS 'An SQL/JSON path that must be true for the person''s attributes; NULL: no filter';
COMMENT ON COLUMN leadscore.rule.scorecard IS 'The scorecard that its points belong to';
COMMENT ON COLUMN leadscore.rule.tenant IS 'Whose rule it is; NULL: everybody''s, except of tenants that have a rule of the same name';
COMMENT ON COLUMN leadscore.rule.within IS 'Frequency rules: the length of time in which they must lie';
COMMENT ON COLUMN leadscore.run.categories_changed IS 'Persons whose category the run changed, on whatever scorecards';
COMMENT ON COLUMN leadscore.run.configuration_change_id IS 'The last change of the configuration before it: of each tenant, the latest one up to it in leadscore.configuration_change has the document; NULL: there was none';
COMMENT ON COLUMN leadscore.run.persons_changed IS 'Persons whose score or category the run changed, on whatever scorecards';
COMMENT ON COLUMN leadscore.score_record.half_life IS 'The time after which it is worth half, again and again; NULL: it does not';
COMMENT ON COLUMN leadscore.score_record.kind IS 'What it is: a, of an activity; i, a penalty for inactivity; f, of a frequency rule; p, of a profile rule; m, a manual adjustment';
COMMENT ON COLUMN leadscore.score_record.scorecard IS 'The scorecard that its points belong to; NULL: main';
COMMENT ON COLUMN leadscore.scorecard.description IS 'What it says of a person, for people';
COMMENT ON COLUMN leadscore.scorecard.max_score IS 'Its score is not above this, in points; NULL: no limit';
COMMENT ON COLUMN leadscore.scorecard.min_score IS 'Its score is not below this, in points; NULL: no limit';
COMMENT ON COLUMN leadscore.scorecard.part_of IS 'The scorecard to whose score its own is added; NULL: none';
COMMENT ON COLUMN leadscore.scorecard.recorded_at IS 'When the row was inserted';
COMMENT ON COLUMN leadscore.scorecard.scorecard IS 'What rules, categories and adjustments call it; main is always there';
COMMENT ON COLUMN leadscore.settings.outcome_horizon IS 'Within how long the outcome counts, in whole days, weeks, months or years';
COMMENT ON COLUMN leadscore.settings.outcome_type IS 'The activity type that scores are to foretell, for the report; NULL: none';
COMMENT ON COLUMN leadscore.settings.person_url IS 'Where a person is in the application, such as https://app/{kind}/{external_id}; NULL: pages have no links';
COMMENT ON COLUMN leadscore.settings.scoring IS 'at_once: what is registered is scored in its own transaction; deferred: it waits for score_pending() or the next run';
COMMENT ON COLUMN leadscore.source.label IS 'Tells several attachments of one table for one kind apart';
COMMENT ON COLUMN leadscore.source.name IS 'What the table was called when it was attached, or a run found it renamed, by which one that takes its place is known';
COMMENT ON COLUMN leadscore.source.owner IS 'Whose it was then';
COMMENT ON COLUMN leadscore.source.parts IS 'Which part the columns in the lists of the triggers leadscore_N_columns and leadscore_N_K_columns play, by position from 0';
COMMENT ON COLUMN leadscore.source.read_in IS 'The zone in which such columns were read last, and a hash of names in the types of all; NULL: it has neither';
COMMENT ON COLUMN leadscore.source.time_zone IS 'The zone of its columns without a time zone; NULL: that of the settings';
COMMENT ON COLUMN leadscore.source_step.names IS 'The columns of it that are read, as they were called when it was attached';
COMMENT ON COLUMN leadscore.source_step.relation IS 'The table that is reached';
COMMENT ON COLUMN leadscore.source_step.source_id IS 'The attached table';
COMMENT ON COLUMN leadscore.source_step.step IS 'Its number, from 1; part of the name of the trigger on it';
COMMENT ON COLUMN leadscore.status.activities_about IS 'Activities of all tenants together, by the statistics of the last ANALYZE; NULL for a role to which policies on persons apply';
COMMENT ON COLUMN leadscore.status.pending IS 'Persons that wait to be scored, in deferred mode or by a run in batches';
COMMENT ON COLUMN leadscore.status.pending_since IS 'Since when the first of them waits';
COMMENT ON COLUMN leadscore.status.persons IS 'Persons who are active';
COMMENT ON COLUMN leadscore.status.rebuild_due IS 'Whether rules, categories or settings changed since, so that the next run derives anew whom that concerns';
COMMENT ON COLUMN leadscore.status.rules IS 'Rules that are enabled and can apply to them';
COMMENT ON COLUMN leadscore.status.score_records_about IS 'Score records of all tenants together, by the statistics of the last ANALYZE; NULL for a role to which policies on persons apply';
COMMENT ON COLUMN leadscore.status.tenant IS 'Whose persons they are; NULL: of no tenant';
COMMENT ON COLUMN leadscore.visitor.tenant IS 'Whose website it is; ids are those of one website';
COMMENT ON COLUMN leadscore.visitor_person.tenant IS 'Whose website it is, and whose person';
COMMENT ON COLUMN leadscore.waiting.tenant IS 'The tenant of that person';
COMMENT ON COLUMN leadscore.worklist.name IS 'What people call the person';
COMMENT ON COLUMN leadscore.worklist.scorecards IS 'Score and category on each other scorecard; NULL: there is none';
COMMENT ON COLUMN leadscore.worklist.tenant IS 'Whose person it is';
COMMENT ON COLUMN leadscore.worklist.why IS 'The two rules that give most, with their points; a part of the score that is at its limit instead of its rules';
COMMENT ON TABLE leadscore.edited IS 'Whom edits of the configuration since the last run concern; written by leadscore alone';
COMMENT ON TABLE leadscore.person IS 'Persons that are scored; the application writes tenant, kind, external_id, name, status, owner, attributes, since and active, leadscore the rest';
COMMENT ON TABLE leadscore.renamed_category IS 'Names that categories had since the last run; written by leadscore alone';
SELECT pg_catalog.pg_extension_config_dump('leadscore.renamed_category', '');
COMMENT ON TABLE leadscore.scorecard IS 'Scorecards: scores of their own, or limited parts of others; an edit takes effect at the next leadscore_recompute()';
SELECT pg_catalog.pg_extension_config_dump('leadscore.scorecard', '');
COMMENT ON FUNCTION leadscore._replace_main() IS 'Trigger: the row main of a dump is written over the one that is there';
REVOKE EXECUTE ON FUNCTION leadscore._replace_main() FROM PUBLIC;
COMMENT ON TABLE leadscore.person_score IS 'The score of each person on each scorecard other than main, which person.score has; written by leadscore alone';
SELECT pg_catalog.pg_extension_config_dump('leadscore.person_score', '');
COMMENT ON TABLE leadscore.pending IS 'Persons that are still to be derived anew, by the present run in batches or by score_pending()';
SELECT pg_catalog.pg_extension_config_dump('leadscore.configuration_change_configuration_change_id_seq', '');
COMMENT ON TABLE leadscore.configuration_change IS 'Each transaction that changed rules, categories, scorecards or settings, with the documents before and after; written by leadscore alone';
SELECT pg_catalog.pg_extension_config_dump('leadscore.configuration_change', '');
COMMENT ON FUNCTION leadscore._differences(jsonb,jsonb) IS 'What is different between two documents, in words: one row for each rule, category, scorecard and for the settings';
COMMENT ON VIEW leadscore.configuration_history IS 'What changed in the configuration, when, by whom: one row for each rule, category and scorecard, and for the settings';
COMMENT ON FUNCTION leadscore._present_configuration() IS 'The change that made the configuration what it is; NULL: there was none';
COMMENT ON FUNCTION leadscore._refuse_person(bigint,text) IS 'Raises the error for a person that does not exist';
COMMENT ON FUNCTION leadscore._is_seen(bigint) IS 'Whether row-level security hides no persons from the role of the session, or not this one';
REVOKE EXECUTE ON FUNCTION leadscore._is_seen(bigint) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._sees_all() IS 'Whether row-level security hides no persons from the role of the session';
REVOKE EXECUTE ON FUNCTION leadscore._sees_all() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._need_sight_of_all(text) IS 'Refuses a session whose role does not see all persons';
REVOKE EXECUTE ON FUNCTION leadscore._need_sight_of_all(text) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._need_own_person(bigint,text) IS 'Refuses a person that does not exist, or that policies hide from the role of the session';
REVOKE EXECUTE ON FUNCTION leadscore._need_own_person(bigint,text) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._need_scorecard(text,text) IS 'Refuses a scorecard that does not exist';
REVOKE EXECUTE ON FUNCTION leadscore._differing(boolean) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._begin() IS 'Waits for a running recompute';
REVOKE EXECUTE ON FUNCTION leadscore._begin() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._rescore_counts(bigint[],date[],boolean) IS 'Derives some persons anew and returns what changed as four numbers';
REVOKE EXECUTE ON FUNCTION leadscore._rescore_counts(bigint[],date[],boolean) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._rescore(bigint[],date[],boolean) IS 'Derives some persons anew and stores what differs';
REVOKE EXECUTE ON FUNCTION leadscore._rescore(bigint[],date[],boolean) FROM PUBLIC;
COMMENT ON TABLE leadscore.source_step IS 'Tables that rows of an attached table reach through foreign keys';
SELECT pg_catalog.pg_extension_config_dump('leadscore.source_step', '');
COMMENT ON FUNCTION leadscore._bound_columns(oid,text) IS 'The columns that a trigger on a table of the application binds';
COMMENT ON TABLE leadscore.renumbered IS 'Persons who got another key in deferred mode since the last run; written by leadscore alone';
SELECT pg_catalog.pg_extension_config_dump('leadscore.renumbered', '');
COMMENT ON FUNCTION leadscore._admit_present() IS 'Makes activities of waiting rows whose person and type have been there for a while';
REVOKE EXECUTE ON FUNCTION leadscore._admit_present() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._note_edited(leadscore.edited[]) IS 'Has the next run derive persons anew';
REVOKE EXECUTE ON FUNCTION leadscore._note_edited(leadscore.edited[]) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._configuration_changed() IS 'Trigger: an edit of the configuration takes effect at the next run, for everybody if it is said to';
COMMENT ON FUNCTION leadscore._rules_changed() IS 'Trigger: notes whom an edit of rules concerns';
REVOKE EXECUTE ON FUNCTION leadscore._rules_changed() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._categories_changed() IS 'Trigger: notes whom an edit of categories concerns';
REVOKE EXECUTE ON FUNCTION leadscore._categories_changed() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._scorecards_changed() IS 'Trigger: notes that an edit of scorecards concerns everybody, unless it is one of words';
REVOKE EXECUTE ON FUNCTION leadscore._scorecards_changed() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._settings_changed() IS 'Trigger: notes that another time zone concerns everybody';
REVOKE EXECUTE ON FUNCTION leadscore._settings_changed() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._persons_edited() IS 'The persons whom edits of the configuration since the last run concern; NULL: everybody';
REVOKE EXECUTE ON FUNCTION leadscore._persons_edited() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._take_edits_in() IS 'Notes that a run derives anew whom edits concern';
REVOKE EXECUTE ON FUNCTION leadscore._take_edits_in() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._check_rule(text,boolean) IS 'Raises an error when a rule, as JSON with ISO 8601 intervals, has no meaning; one that is restored may be of an earlier version';
COMMENT ON FUNCTION leadscore._no_predicate(jsonpath) IS 'Why an SQL/JSON path is no predicate; NULL if it is one';
COMMENT ON FUNCTION leadscore._check_rule_names(leadscore.rule,text[],text[]) IS 'Raises an error when a rule names what does not exist, or its filters are no predicates';
COMMENT ON FUNCTION leadscore._check_assumed_rule(leadscore.rule,text[],text[]) IS 'Raises an error when a rule has no meaning; known are the activity types and scorecards that there would be';
COMMENT ON FUNCTION leadscore._check_filled() IS 'Trigger: refuses empty names in the columns that it is given';
REVOKE EXECUTE ON FUNCTION leadscore._check_filled() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._refuse_bound(text,text,text,bigint,text,text) IS 'Raises the error for a category whose bound another one has';
COMMENT ON FUNCTION leadscore._is_category_seen(integer) IS 'Whether row-level security lets the role of the session see a category';
REVOKE EXECUTE ON FUNCTION leadscore._is_category_seen(integer) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._check_category() IS 'Trigger: refuses a category whose bound another one has, or of a scorecard that does not exist';
COMMENT ON FUNCTION leadscore._category_renamed() IS 'Trigger: keeps a name that persons may still have until the next run';
REVOKE EXECUTE ON FUNCTION leadscore._category_renamed() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._check_scorecards(text) IS 'Raises an error when scorecards, as JSON, make no sense together: one is part of itself or of none, or its limits leave no score';
COMMENT ON FUNCTION leadscore._check_scorecards() IS 'Trigger: refuses scorecards that make no sense together';
REVOKE EXECUTE ON FUNCTION leadscore._check_scorecards() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._require_unused(text) IS 'Raises an error when an adjustment belongs to a scorecard, or an attached table has columns for it';
COMMENT ON FUNCTION leadscore._keep_scorecard() IS 'Trigger: keeps main and scorecards that are in use, and their names';
REVOKE EXECUTE ON FUNCTION leadscore._keep_scorecard() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._keep_scorecards() IS 'Trigger: refuses to truncate scorecards';
REVOKE EXECUTE ON FUNCTION leadscore._keep_scorecards() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._check_setting_length(text,interval) IS 'Refuses a length of time that is not of whole days';
COMMENT ON FUNCTION leadscore._check_settings(leadscore.settings,text[]) IS 'Refuses settings that cannot be';
COMMENT ON FUNCTION leadscore._history_document(text) IS 'The configuration as its history has it: without activity types, on which no score depends';
COMMENT ON FUNCTION leadscore._note_configuration(text) IS 'Notes the configuration of a tenant as it was before the transaction, unless that is noted';
REVOKE EXECUTE ON FUNCTION leadscore._note_configuration(text) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._note_configuration() IS 'Trigger: notes the configuration before it changes';
REVOKE EXECUTE ON FUNCTION leadscore._note_configuration() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._complete_change() IS 'Trigger: at commit a change of the configuration has its document after, or was none';
REVOKE EXECUTE ON FUNCTION leadscore._complete_change() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._persons_arrived(bigint[],bigint[]) IS 'Lets new persons meet what waited for them, and brings the scores of those from attached tables there';
REVOKE EXECUTE ON FUNCTION leadscore._persons_arrived(bigint[],bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._person_inserted() IS 'Trigger: stores the score records of inserted persons';
COMMENT ON FUNCTION leadscore._person_changed() IS 'Trigger: derives persons anew of whom changed what rules look at';
COMMENT ON TABLE leadscore.recheck IS 'Rows of attached tables that the present transaction reads again when it commits; written by leadscore alone';
COMMENT ON FUNCTION leadscore._recheck_at_commit(integer,text[]) IS 'Has what came from rows of an attached table with these keys brought in step with them at commit';
REVOKE EXECUTE ON FUNCTION leadscore._recheck_at_commit(integer,text[]) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._bring_rows(integer,text[]) IS 'Brings what came from rows of an attached table with these keys in step with them as they are by now';
REVOKE EXECUTE ON FUNCTION leadscore._bring_rows(integer,text[]) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._source_rechecked() IS 'Trigger: brings what came from rows of an attached table in step with them';
COMMENT ON FUNCTION leadscore._make_way(text,text[],text[],bigint[]) IS 'Frees keys that persons get, or refuses when somebody else has one';
REVOKE EXECUTE ON FUNCTION leadscore._make_way(text,text[],text[],bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._as_told(leadscore.source,text[],text[],text[],text[],text[],timestamp with time zone[],jsonb[],boolean[]) IS 'Persons as an attached table tells of them';
REVOKE EXECUTE ON FUNCTION leadscore._as_told(leadscore.source,text[],text[],text[],text[],text[],timestamp with time zone[],jsonb[],boolean[]) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._take_persons(integer,text[],text[],text[],text[],text[],text[],timestamp with time zone[],jsonb[],boolean[]) IS 'Brings changed rows of an attached table to persons';
REVOKE EXECUTE ON FUNCTION leadscore._take_persons(integer,text[],text[],text[],text[],text[],text[],timestamp with time zone[],jsonb[],boolean[]) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._source_rows(integer) IS 'The rows of an attached table that are persons or activities';
REVOKE EXECUTE ON FUNCTION leadscore._source_rows(integer) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._takes_all(integer) IS 'Whether the rows of an attached table can become activities without a statement';
REVOKE EXECUTE ON FUNCTION leadscore._takes_all(integer) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._take_all(integer) IS 'Makes activities of the rows of an attached table, and returns those whose person or type is not known';
REVOKE EXECUTE ON FUNCTION leadscore._take_all(integer) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._source_begins() IS 'Trigger on attached tables that are written back: waits for a running recompute, and writes nothing back until the statement ends';
REVOKE EXECUTE ON FUNCTION leadscore._source_begins() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._reached_row_changed() IS 'Trigger on tables that attached ones reach through foreign keys: notes a changed row';
COMMENT ON FUNCTION leadscore._reached_changed() IS 'Trigger on tables that attached ones reach through foreign keys: reads again the rows that reach the changed ones';
REVOKE EXECUTE ON FUNCTION leadscore._reached_changed() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._source_is_left(integer) IS 'Whether anything is there by now that came from an attached table; a serialization failure where the transaction has one snapshot';
REVOKE EXECUTE ON FUNCTION leadscore._source_is_left(integer) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._all_depart(integer) IS 'Has all persons of an attached table go at commit';
REVOKE EXECUTE ON FUNCTION leadscore._all_depart(integer) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._check_source(regclass,boolean) IS 'Refuses a relation that cannot be attached';
REVOKE EXECUTE ON FUNCTION leadscore._check_source(regclass,boolean) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._check_column(regclass,text,text,text[]) IS 'Refuses a column that is missing or of a wrong type';
REVOKE EXECUTE ON FUNCTION leadscore._check_column(regclass,text,text,text[]) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._check_key_type(regclass,text,text,boolean) IS 'Refuses a column whose values cannot be keys';
REVOKE EXECUTE ON FUNCTION leadscore._check_key_type(regclass,text,text,boolean) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._names_in(text,text) IS 'The names in a list or a path';
REVOKE EXECUTE ON FUNCTION leadscore._names_in(text,text) FROM PUBLIC;
COMMENT ON TYPE leadscore._plan IS 'The columns that an attached table binds';
COMMENT ON FUNCTION leadscore._foreign_key(regclass,text,text) IS 'The foreign key of a column of an attached table';
REVOKE EXECUTE ON FUNCTION leadscore._foreign_key(regclass,text,text) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._has_column(regclass,text) IS 'Whether a table has a column';
COMMENT ON FUNCTION leadscore._bind(leadscore._plan,text,text,text[],oid) IS 'Binds a column that attaching names';
REVOKE EXECUTE ON FUNCTION leadscore._bind(leadscore._plan,text,text,text[],oid) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._bound_names(leadscore._plan,integer) IS 'The columns of a table that attaching binds';
REVOKE EXECUTE ON FUNCTION leadscore._bound_names(leadscore._plan,integer) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._places(leadscore._plan,text[]) IS 'Where the columns are that an attached table binds';
REVOKE EXECUTE ON FUNCTION leadscore._places(leadscore._plan,text[]) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._columns_in(regclass,text) IS 'The columns, or paths to some, that a list names';
REVOKE EXECUTE ON FUNCTION leadscore._columns_in(regclass,text) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._is_unique(regclass,text[]) IS 'Whether columns tell the rows of a table apart';
COMMENT ON FUNCTION leadscore._key_columns(regclass,text) IS 'The columns by which a row of an attached table is found again';
REVOKE EXECUTE ON FUNCTION leadscore._key_columns(regclass,text) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._check_reference(regclass,text[],leadscore.source) IS 'Refuses a column that refers to other rows than those that are persons';
REVOKE EXECUTE ON FUNCTION leadscore._check_reference(regclass,text[],leadscore.source) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._put_triggers(integer) IS 'Puts leadscore''s triggers on an attached table';
REVOKE EXECUTE ON FUNCTION leadscore._put_triggers(integer) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._is_deferrable(leadscore.source,integer) IS 'Whether the foreign key of a step is deferrable';
COMMENT ON FUNCTION leadscore._has_loose_keys(regclass) IS 'Whether a foreign key to a table lets rows refer to none that is there';
COMMENT ON FUNCTION leadscore._leads_to(leadscore.source,integer) IS 'The table to which the foreign key of a step leads now; NULL: there is none';
COMMENT ON FUNCTION leadscore._follow_keys(leadscore.source) IS 'Follows the foreign keys of an attached table to where they lead now';
REVOKE EXECUTE ON FUNCTION leadscore._follow_keys(leadscore.source) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._has_key(leadscore.source,integer) IS 'Whether the columns of a step are a foreign key';
COMMENT ON FUNCTION leadscore._may_come_later(leadscore.source,integer) IS 'Whether rows may refer to one that is not there, and comes by itself';
COMMENT ON FUNCTION leadscore._put_reached_triggers(regclass,text,boolean) IS 'Puts leadscore''s triggers on a table that an attached one reaches';
REVOKE EXECUTE ON FUNCTION leadscore._put_reached_triggers(regclass,text,boolean) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._drop_triggers(integer) IS 'Takes leadscore''s triggers off an attached table';
REVOKE EXECUTE ON FUNCTION leadscore._drop_triggers(integer) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._tell_missing_indexes(leadscore._plan) IS 'Names indexes that a change of what is reached would need';
REVOKE EXECUTE ON FUNCTION leadscore._tell_missing_indexes(leadscore._plan) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._tell_zone(regclass,text,text) IS 'Tells when a column without a time zone seems to hold UTC';
REVOKE EXECUTE ON FUNCTION leadscore._tell_zone(regclass,text,text) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._name_of(regclass) IS 'The qualified name of a table; NULL when it is gone';
COMMENT ON FUNCTION leadscore._register_source(regclass,text,text,text,text,text,jsonb,leadscore._plan) IS 'Notes an attached table and returns its number';
REVOKE EXECUTE ON FUNCTION leadscore._register_source(regclass,text,text,text,text,text,jsonb,leadscore._plan) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._lock_table(regclass) IS 'Locks a table of the application against writers';
REVOKE EXECUTE ON FUNCTION leadscore._lock_table(regclass) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._lock_tables(leadscore._plan) IS 'Locks a table that is attached, and those that it reaches';
REVOKE EXECUTE ON FUNCTION leadscore._lock_tables(leadscore._plan) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._bind_only_when(leadscore._plan,jsonb,oid) IS 'Binds the columns of only_when';
REVOKE EXECUTE ON FUNCTION leadscore._bind_only_when(leadscore._plan,jsonb,oid) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._bind_attributes(leadscore._plan,text[],oid) IS 'Binds the columns that are attributes';
REVOKE EXECUTE ON FUNCTION leadscore._bind_attributes(leadscore._plan,text[],oid) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._bind_key(regclass,text,oid) IS 'A plan that binds the key of a table that is to be attached';
REVOKE EXECUTE ON FUNCTION leadscore._bind_key(regclass,text,oid) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._attach_person(regclass,text,text,text,text,text,text,text,text,text[],text,jsonb,text,jsonb) IS 'attach_person() with the rights of leadscore, for a caller that was admitted';
COMMENT ON FUNCTION leadscore.attach_person(regclass,text,text,text,text,text,text,text,text,text[],text,jsonb,text,jsonb) IS 'Lets the rows of an application''s table be persons of a kind, existing ones too, and returns how many there are; score, category and those in scorecards are columns to write back to';
COMMENT ON FUNCTION leadscore._check_reference_of(leadscore.source,leadscore.source) IS 'Refuses activities whose column for the person refers to other rows than those that are persons';
REVOKE EXECUTE ON FUNCTION leadscore._check_reference_of(leadscore.source,leadscore.source) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._attach_activity(regclass,text,text,text,text,text,text,text[],jsonb,text,text,text) IS 'attach_activity() with the rights of leadscore, for a caller that was admitted';
COMMENT ON FUNCTION leadscore.attach_activity(regclass,text,text,text,text,text,text,text[],jsonb,text,text,text) IS 'Lets the rows of an application''s table be activities, existing ones too, and returns how many there are; call it with named arguments';
COMMENT ON FUNCTION leadscore._adopt_activities(integer) IS 'Recognises activities that were kept of a table that is gone';
REVOKE EXECUTE ON FUNCTION leadscore._adopt_activities(integer) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._detach(regclass,boolean,text,text) IS 'detach() with the rights of leadscore, for a caller that was admitted';
COMMENT ON FUNCTION leadscore._remove_source(integer) IS 'Removes an attached table and all that came from it';
REVOKE EXECUTE ON FUNCTION leadscore._remove_source(integer) FROM PUBLIC;
COMMENT ON FUNCTION leadscore.forget_source(integer) IS 'Removes an attached table that was dropped, and all that came from it';
REVOKE EXECUTE ON FUNCTION leadscore.forget_source(integer) FROM PUBLIC;
COMMENT ON FUNCTION leadscore.detach(regclass,boolean,text,text) IS 'Takes leadscore''s triggers off a table, or off it for one kind or label; with keep => false what came from it goes too';
COMMENT ON FUNCTION leadscore._parts_left(leadscore.source,jsonb) IS 'What an attached table is without columns that are lost; NULL when it cannot be without them';
COMMENT ON FUNCTION leadscore._new_place(jsonb,integer) IS 'The place of a column in a list without those that are lost';
COMMENT ON FUNCTION leadscore._present_names(leadscore.source) IS 'The columns that an attached table binds, by their names of today';
COMMENT ON FUNCTION leadscore._is_whole(leadscore.source) IS 'Whether an attached table can be attached again as it was';
COMMENT ON FUNCTION leadscore._may_lack(leadscore.source,jsonb) IS 'Whether an attached column can hold json that jsonb cannot';
COMMENT ON FUNCTION leadscore.reattach(regclass) IS 'Puts lost triggers of an attached table back, as it was attached, and brings what came from it in step; also where another table took its name';
COMMENT ON FUNCTION leadscore._read_by(leadscore.source) IS 'What else than its rows tells what an attached table says: the zone of the settings, and names in its types';
REVOKE EXECUTE ON FUNCTION leadscore._read_by(leadscore.source) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._refuse_equal_keys(leadscore.source) IS 'Refuses an attached table in which two rows have one key';
REVOKE EXECUTE ON FUNCTION leadscore._refuse_equal_keys(leadscore.source) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._read_again() IS 'Reads attached tables again that were read in another time zone, or by other names';
REVOKE EXECUTE ON FUNCTION leadscore._read_again() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._pass_days(date,date,bigint[]) IS 'Brings persons through the days between two days: removes records that ended, takes what decays and what silence takes; returns what changed and who is to be derived anew';
REVOKE EXECUTE ON FUNCTION leadscore._pass_days(date,date,bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._set_right(bigint[]) IS 'Brings activities of persons who are gone, or got another key, to whoever has the key that their rows name';
REVOKE EXECUTE ON FUNCTION leadscore._set_right(bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._begin_run(timestamp with time zone,boolean) IS 'Waits for writers and moves the day';
REVOKE EXECUTE ON FUNCTION leadscore._begin_run(timestamp with time zone,boolean) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._recompute_here(timestamp with time zone,boolean) IS 'A run on this node';
REVOKE EXECUTE ON FUNCTION leadscore._recompute_here(timestamp with time zone,boolean) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._take_pending(integer,bigint[]) IS 'Takes pending persons that nobody else is taking: so many, of all or of some';
REVOKE EXECUTE ON FUNCTION leadscore._take_pending(integer,bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION leadscore.score_pending(integer) IS 'Scores persons that are pending in deferred mode, at most so many, and returns how many';
REVOKE EXECUTE ON FUNCTION leadscore.score_pending(integer) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._person_line(leadscore.source,text,text,text,timestamp with time zone,jsonb,boolean) IS 'A person as verify() shows it';
COMMENT ON FUNCTION leadscore._is_shortened(text) IS 'Whether a key was too long to be kept';
COMMENT ON FUNCTION leadscore._differences() IS 'What is stored of persons and is not what the engine derives; persons that wait to be scored are left out';
COMMENT ON FUNCTION leadscore.adjust(bigint,integer,text,date,date,text) IS 'Gives a person points with a reason, from a day (today) until a day (for ever), and returns the adjustment''s id';
REVOKE EXECUTE ON FUNCTION leadscore.adjust(bigint,integer,text,date,date,text) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._tenant_tables() IS 'Tables with rows of tenants, and the condition that finds them: $1 is the tenant, $2 its persons, $3 their visitors';
COMMENT ON FUNCTION leadscore.forget_tenant(text) IS 'Erases a tenant: its persons with all that belongs to them, its rules, categories and their history; returns how many rows it removed from which table, no row where there was nothing; the application''s own tables are its own to clear, and first';
REVOKE EXECUTE ON FUNCTION leadscore.forget_tenant(text) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._checked_config(text,text) IS 'The document, of a tenant if one is named, with its types checked; an error names the path to the field that is wrong';
COMMENT ON FUNCTION leadscore._path(jsonpath) IS 'An SQL/JSON path as people write it';
COMMENT ON FUNCTION leadscore._as_document(jsonb,regclass) IS 'A row of a table as documents have it: without NULLs, with lengths of time and filters as people write them';
COMMENT ON FUNCTION leadscore.export_config(text) IS 'Rules, categories, scorecards, activity types and settings as one document; of a tenant, its own rules and categories';
COMMENT ON FUNCTION leadscore._document_rules(jsonb,text) IS 'The rules of a checked document as rows';
COMMENT ON FUNCTION leadscore._document_categories(jsonb,text) IS 'The categories of a checked document as rows, with the ids of those that are there, and negative ones';
COMMENT ON FUNCTION leadscore._check_times(jsonb) IS 'Refuses a document with a length of time, a day, a moment or a filter that cannot be read';
COMMENT ON FUNCTION leadscore._write_configuration(regclass,jsonb,text[],text[]) IS 'Inserts and updates rows of the configuration that differ from what is there';
COMMENT ON FUNCTION leadscore._gives_way(leadscore.category,leadscore.category[],boolean) IS 'Whether a category goes, or changes, when a document''s categories are applied';
COMMENT ON FUNCTION leadscore._apply_config(jsonb,boolean,text) IS 'Brings the configuration to a document, all of it or nothing';
COMMENT ON FUNCTION leadscore.import_config(jsonb,text) IS 'Makes a document the configuration, or a tenant''s own rules and categories: a section that it has replaces that section, rules are matched by name; all or nothing, and nothing when a test that it carries fails';
COMMENT ON FUNCTION leadscore.load_preset(text,text) IS 'Adds the activity types, scorecards, categories and rules of a preset: recruitment or recruitment_nl; for a tenant, as rules and categories of its own';
COMMENT ON FUNCTION leadscore._slow_tables() IS 'What makes leadscore write its tables by statements instead of directly';
COMMENT ON FUNCTION leadscore._take_events(leadscore._read_event[],text) IS 'Takes events among which no consent is withdrawn';
REVOKE EXECUTE ON FUNCTION leadscore._take_events(leadscore._read_event[],text) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._join_visitors(text,text,text) IS 'Makes two visitors one and returns it, or nothing where they are one already';
REVOKE EXECUTE ON FUNCTION leadscore._join_visitors(text,text,text) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._withdraw(leadscore._read_event,text) IS 'Removes what was stored of the visitor and the person of an event that withdraws consent';
REVOKE EXECUTE ON FUNCTION leadscore._withdraw(leadscore._read_event,text) FROM PUBLIC;
COMMENT ON FUNCTION leadscore.track(jsonb,text) IS 'Takes one website event, an array of them or a Segment batch; returns how many were taken and left out, and of each that cannot be taken its index and the reason; with a tenant, events of its website about its persons';
REVOKE EXECUTE ON FUNCTION leadscore.track(jsonb,text) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._explain(bigint,date,text,boolean) IS 'The lines of explain(), or those that count alone';
COMMENT ON FUNCTION leadscore.explain(bigint,date,text) IS 'What a person''s score is made of on a day, or as it stands now, and what does not count, and why: points where counts sum to the score';
COMMENT ON FUNCTION leadscore._score_at(bigint,date,text) IS 'The score of a person on a day';
COMMENT ON FUNCTION leadscore.score_at(bigint,date,text) IS 'The score of a person on any day, in points; an error when there is no such person, day or scorecard';
COMMENT ON FUNCTION leadscore._course(bigint,date,date,text) IS 'A person''s score on a day and on each day until another on which it or its category changes, if nothing more is registered';
COMMENT ON FUNCTION leadscore.history(bigint,date,date,text) IS 'The score and category of a person on a day and on each day until another, both included, on which they change; by the activities that are kept and the rules and status of today';
COMMENT ON FUNCTION leadscore.forecast(bigint,date,text) IS 'Each day after the last run''s until another, included, on which a person''s score or category changes if nothing more is registered';
COMMENT ON FUNCTION leadscore._cooling(integer,text) IS 'Persons that will fall to a lower category, for leadscore.cooling()';
COMMENT ON FUNCTION leadscore.cooling(integer,text) IS 'Persons that will fall to a lower category of a scorecard within so many days if nothing more is registered, when and to which; goes by the scores as they stand';
COMMENT ON FUNCTION leadscore._top_rules(bigint) IS 'The two rules that give a person most, with the points as they stand; a part of the score that is at its limit instead of its rules';
COMMENT ON FUNCTION leadscore._scorecards(bigint) IS 'Score and category of a person on each other scorecard than main';
COMMENT ON FUNCTION leadscore._assumption(jsonb,text) IS 'What a checked document makes of the configuration that there is';
COMMENT ON FUNCTION leadscore._assumed_day(jsonb,timestamp with time zone,text) IS 'The day of a preview; refuses one that is none, and a scorecard that there would not be';
COMMENT ON FUNCTION leadscore._preview_persons(text,date,text,text) IS 'The rows of preview_persons()';
COMMENT ON FUNCTION leadscore.preview_persons(jsonb,text,text,timestamp with time zone) IS 'For each active person the score and category as stored, and as they would be after import_config() of the document and a run as of the moment; with a tenant, of its persons';
COMMENT ON FUNCTION leadscore._preview(text,date,text,text) IS 'The rows of preview()';
COMMENT ON FUNCTION leadscore.preview(jsonb,text,text,timestamp with time zone) IS 'How many active persons of each kind would go from which category to which after import_config() of the document and a run as of the moment; with a tenant, of its persons';
COMMENT ON FUNCTION leadscore._instant(text,text) IS 'A local moment, in microseconds since 2000-01-01 UTC';
COMMENT ON FUNCTION leadscore._test_config(text,text,text) IS 'The rows of test_config()';
COMMENT ON FUNCTION leadscore.test_config(jsonb,text) IS 'Runs the tests that a configuration carries, without touching any data';
COMMENT ON FUNCTION leadscore._require_tests_pass(jsonb,text) IS 'Raises an error when a test that a configuration carries fails';
COMMENT ON FUNCTION leadscore._figure(double precision) IS 'A rate or quotient with six decimals';
COMMENT ON FUNCTION leadscore._check_evaluation_length(text,text,interval) IS 'Refuses a length of time that is not of whole days';
COMMENT ON FUNCTION leadscore._wilson(bigint,bigint) IS 'Wilson''s 95 % limits of a rate; NULL of nobody';
COMMENT ON FUNCTION leadscore._evaluated_config(jsonb,text) IS 'The configuration as it is, or with what a checked document changes';
COMMENT ON FUNCTION leadscore._is_anybody(text,text) IS 'Whether there is a person of a kind, or of a tenant, whom the role may see, on this node or, asked on the coordinator, on any';
COMMENT ON FUNCTION leadscore._check_evaluated(text,jsonb,text,text,text) IS 'Refuses a scorecard, a kind and a tenant that do not exist';
COMMENT ON FUNCTION leadscore._outcome_question(text,jsonb,text,interval,date,date,interval,text,text,text) IS 'What is asked about an outcome, checked';
COMMENT ON FUNCTION leadscore._evaluation_part(text,text) IS 'Counts for evaluate() and suggest_bands() of the persons of this node';
COMMENT ON FUNCTION leadscore._evaluate(text,text[]) IS 'The rows of evaluate(), from the counts of all nodes';
COMMENT ON FUNCTION leadscore.evaluate(text,interval,date,date,interval,text,text,jsonb,text) IS 'Whether the score of past days, as known then, foretold an outcome within a length of time: for each category and for all how many had it, with 95 % limits, lift, AUC and the share of the top tenth; with a document, by that configuration';
COMMENT ON FUNCTION leadscore._rules_part(text,text) IS 'Counts for evaluate_rules() of the persons of this node';
COMMENT ON FUNCTION leadscore._evaluate_rules(text,text,text[]) IS 'The rows of evaluate_rules(), from the counts of all nodes';
COMMENT ON FUNCTION leadscore.evaluate_rules(text,interval,date,date,interval,text,text,jsonb,interval[],text) IS 'What each rule adds to what the score of past days foretold: outcome rates of persons with and without it, AUC of the score with and without it, and a verdict; with windows, the same rule for other lengths of time';
COMMENT ON FUNCTION leadscore._lesson_part(text,text) IS 'What suggest_points() learns from the persons of this node: what rules gave them, and whether the outcome followed';
COMMENT ON FUNCTION leadscore._learn_points(text,text,text[]) IS 'What suggest_points() suggests, by name of the rule, from what all nodes teach';
COMMENT ON FUNCTION leadscore._judgement_part(text,text) IS 'Scores of the persons of this node on the judged days, by the points of before and by those that are suggested';
COMMENT ON FUNCTION leadscore._judge_points(text,text[]) IS 'What suggested points would have been worth, from the scores of all nodes';
COMMENT ON FUNCTION leadscore._with_points(jsonb,jsonb,text) IS 'A document with other points, by name of the rule';
COMMENT ON FUNCTION leadscore.suggest_points(text,interval,date,date,interval,text,text,jsonb,boolean,integer,text) IS 'Whole points for the rules that there are, learned on the earlier reference days and judged on the latest fifth of them: a document for preview(), test_config() and import_config(), AUC of the judged days with the points before and after, and 95 % limits of the gain; imports nothing';
COMMENT ON FUNCTION leadscore._outcomes_by_score(text,text[]) IS 'Of each score of past days how many had it, and how many of them the outcome, from the counts of all nodes';
COMMENT ON FUNCTION leadscore._scores_part(text,text) IS 'Of each score how many persons of this node have it, or would have it by another configuration';
COMMENT ON FUNCTION leadscore._lowest_scores(bigint[],bigint[],bigint[]) IS 'Bands for so many each, the highest first, of persons by score; the row 0 is who is left';
COMMENT ON FUNCTION leadscore._latest_reference_day(interval) IS 'The latest day whose horizon is over by the last run''s day; NULL if that is before the calendar';
COMMENT ON FUNCTION leadscore._outcome_course(text,text,bigint[]) IS 'Of some persons, or all, by reference day and category how many there were, and how many of them had the outcome';
COMMENT ON FUNCTION leadscore._outcomes(bigint[],text) IS 'For the report: on the latest reference days how many persons were in each category, and how many of them had the outcome of the settings';
COMMENT ON FUNCTION leadscore.suggest_bands(jsonb,text,text,text,jsonb) IS 'Lowest scores such that each band holds at most so many persons now, and, where settings name an outcome, how many of those who were in it in the last year had it';
COMMENT ON FUNCTION leadscore._status_here() IS 'How things stand on this node';
COMMENT ON FUNCTION leadscore._status() IS 'The rows of leadscore.status';
COMMENT ON VIEW leadscore.status IS 'How things stand, on one screen: use it with \x; where customers share the database, a row for each tenant that has persons';
COMMENT ON FUNCTION leadscore._overview_part(text,text,text,integer) IS 'What the report says of the persons of an owner and a tenant, or (NULL) of all, on this node: how many are where, what each rule gives, who is first and who falls within so many days';
COMMENT ON FUNCTION leadscore._overview(jsonb) IS 'The same of the persons of all nodes, from what each of them says';
COMMENT ON FUNCTION leadscore._bands(text,text,text) IS 'The categories of a tenant''s persons of a kind, or of all kinds (NULL), on a scorecard';
COMMENT ON FUNCTION leadscore._scored(text,text,text) IS 'Active persons with score and category on a scorecard, of an owner and a tenant or (NULL) of all';
COMMENT ON FUNCTION leadscore._category_course(integer,text,text,text,jsonb) IS 'How many persons were in which category on each of the last days, from how many are now';
COMMENT ON FUNCTION leadscore._report_part(text,text,text,integer) IS 'What report() says of the persons of this node, with numbers that can be added up';
COMMENT ON FUNCTION leadscore.report(text,text,text,text) IS 'A self-contained HTML page about all persons, in English (en) or Dutch (nl)';
COMMENT ON FUNCTION leadscore.person_card(bigint,text,text) IS 'A self-contained HTML page about one person: the score over time, what makes it, and its forecast, in English (en) or Dutch (nl)';
COMMENT ON FUNCTION leadscore._is_clustered() IS 'Whether Citus is in this database';
COMMENT ON FUNCTION leadscore._node() IS 'The number of this node, its group in Citus; 0: the coordinator, or no cluster';
COMMENT ON FUNCTION leadscore._nodes(boolean) IS 'The other nodes, asked on the coordinator; none elsewhere';
COMMENT ON FUNCTION leadscore._leads() IS 'Whether this is the coordinator of several nodes';
COMMENT ON FUNCTION leadscore._distribution(oid) IS 'How Citus distributes a table';
COMMENT ON FUNCTION leadscore._is_plain_type(oid) IS 'Whether reading a value of a type runs no function of an ordinary role';
COMMENT ON FUNCTION leadscore._is_distributed(oid) IS 'Whether Citus distributes a table';
COMMENT ON FUNCTION leadscore._shard_relation(oid,bigint) IS 'The table that a shard is on this node';
COMMENT ON FUNCTION leadscore._local_shards(oid) IS 'The shards of a distributed table that live on this node';
COMMENT ON FUNCTION leadscore._places_of(oid) IS 'A table, and its shards on this node';
COMMENT ON TABLE leadscore.node_shard IS 'Shards of attached tables that are followed on this node; written by leadscore alone';
COMMENT ON TABLE leadscore.handover IS 'Persons that other nodes hand over; written by leadscore.spread() alone';
COMMENT ON FUNCTION leadscore._local_ddl(text) IS 'Keeps Citus from bringing what follows to other nodes; returns the setting before, which another call puts back';
REVOKE EXECUTE ON FUNCTION leadscore._local_ddl(text) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._let_put_triggers(regclass) IS 'Lets the owner of a distributed table have triggers on its shards';
REVOKE EXECUTE ON FUNCTION leadscore._let_put_triggers(regclass) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._check_distributed(regclass) IS 'Refuses a distributed table that cannot be attached';
REVOKE EXECUTE ON FUNCTION leadscore._check_distributed(regclass) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._own_columns(leadscore.source,text) IS 'The columns of an attached table in its key, or by which it refers to persons';
COMMENT ON FUNCTION leadscore._check_colocation(integer) IS 'Refuses an attached table whose rows would be on other nodes than what belongs to them';
REVOKE EXECUTE ON FUNCTION leadscore._check_colocation(integer) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._refuse_truncate() IS 'Trigger: refuses to truncate a distributed table that is attached';
REVOKE EXECUTE ON FUNCTION leadscore._refuse_truncate() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._has_distributed_sources() IS 'Whether a distributed table is attached';
COMMENT ON FUNCTION leadscore._refuse_where_distributed(text) IS 'Refuses what has no place in a cluster';
COMMENT ON FUNCTION leadscore._refuse_edits_of_nodes(regclass) IS 'Refuses an edit of the configuration on a node that follows the coordinator';
REVOKE EXECUTE ON FUNCTION leadscore._refuse_edits_of_nodes(regclass) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._ask(text,integer[],boolean) IS 'What nodes answer to a query of one value';
COMMENT ON FUNCTION leadscore._ask_all(text) IS 'The rows that all other nodes give to a query, as JSON';
COMMENT ON FUNCTION leadscore._parts(name,jsonb,jsonb) IS 'The parts of an answer about everybody, from this node and, asked on the coordinator, from all others';
COMMENT ON FUNCTION leadscore._count_persons() IS 'How many persons there are on this node and, asked on the coordinator, on all others';
COMMENT ON FUNCTION leadscore._cluster_document() IS 'The configuration as the coordinator sends it to the nodes';
REVOKE EXECUTE ON FUNCTION leadscore._cluster_document() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._adopt_rows(regclass,text,jsonb,text,text) IS 'Makes the rows of a table of the configuration those of the coordinator';
REVOKE EXECUTE ON FUNCTION leadscore._adopt_rows(regclass,text,jsonb,text,text) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._number_apart() IS 'Has this node number persons and what belongs to them apart from other nodes';
REVOKE EXECUTE ON FUNCTION leadscore._number_apart() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._follow(jsonb,integer[]) IS 'Brings a node to the configuration of the coordinator';
REVOKE EXECUTE ON FUNCTION leadscore._follow(jsonb,integer[]) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._arrived_shards() IS 'Shards of attached tables that Citus brought to this node and that are not followed yet';
COMMENT ON FUNCTION leadscore._left_shards() IS 'Shards that were followed on this node and are not here any more';
COMMENT ON FUNCTION leadscore._displaced() IS 'How many shards came to this node and went from it';
COMMENT ON FUNCTION leadscore._leaving(bigint,integer) IS 'Persons whose rows went to another node, as documents';
REVOKE EXECUTE ON FUNCTION leadscore._leaving(bigint,integer) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._key_value(text,integer,integer) IS 'One of the values in a key of so many columns, counted from 0';
COMMENT ON FUNCTION leadscore._part_of_key(integer,text) IS 'The place of the shard of this node that has the row of an attached table with this key; NULL where it is no part of a table';
REVOKE EXECUTE ON FUNCTION leadscore._part_of_key(integer,text) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._receive(jsonb) IS 'Keeps what another node hands over';
REVOKE EXECUTE ON FUNCTION leadscore._receive(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._take_in() IS 'Follows the shards that came to this node, with what was handed over';
REVOKE EXECUTE ON FUNCTION leadscore._take_in() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._leave() IS 'Drops persons whose rows went to another node';
REVOKE EXECUTE ON FUNCTION leadscore._leave() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._forget_handover() IS 'Forgets what was handed over and is taken in';
REVOKE EXECUTE ON FUNCTION leadscore._forget_handover() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._tell_alone() IS 'Waits for another call that tells the nodes';
REVOKE EXECUTE ON FUNCTION leadscore._tell_alone() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._tell_nodes(integer[]) IS 'Brings the configuration to all nodes';
REVOKE EXECUTE ON FUNCTION leadscore._tell_nodes(integer[]) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._attach_on_nodes(integer) IS 'Attaches a distributed table on all nodes';
REVOKE EXECUTE ON FUNCTION leadscore._attach_on_nodes(integer) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._spread() IS 'spread(); returns what failed';
REVOKE EXECUTE ON FUNCTION leadscore._spread() FROM PUBLIC;
COMMENT ON PROCEDURE leadscore.spread() IS 'On the coordinator of a Citus cluster: brings the configuration to every node, and persons to the nodes to which their rows were moved';
REVOKE EXECUTE ON PROCEDURE leadscore.spread() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._recompute_everywhere(timestamp with time zone,boolean) IS 'A run on all nodes of a cluster';
REVOKE EXECUTE ON FUNCTION leadscore._recompute_everywhere(timestamp with time zone,boolean) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._batches_elsewhere(timestamp with time zone,integer) IS 'A run in batches on the other nodes of a cluster';
COMMENT ON FUNCTION leadscore._lock_days() IS 'Waits for writers, and keeps others waiting';
REVOKE EXECUTE ON FUNCTION leadscore._lock_days() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._node_statuses() IS 'The rows of leadscore.status on this node, with numbers that can be added up';
COMMENT ON FUNCTION leadscore._node_status() IS 'How things stand on this node';
COMMENT ON FUNCTION leadscore._all_nodes() IS 'The rows of leadscore.nodes';
COMMENT ON VIEW leadscore.nodes IS 'The nodes of a Citus cluster, asked on the coordinator, which is node 0; elsewhere this node alone';
COMMENT ON FUNCTION leadscore._status_everywhere() IS 'The rows of leadscore.status on the coordinator of a cluster';
COMMENT ON FUNCTION leadscore._doctor_merged() IS 'What doctor() finds about merged persons of different shards';
COMMENT ON FUNCTION leadscore._are_in_different_shards(text,text,text) IS 'Whether the rows of two persons of this node are in different shards';
COMMENT ON FUNCTION leadscore._doctor_cluster() IS 'What doctor() finds about the nodes of a cluster, and what they find';
COMMENT ON FUNCTION leadscore.cluster_worklist(integer,text,text) IS 'The persons of all nodes to spend time on first: the rows of leadscore.worklist with the highest scores, of an owner and a tenant or of all';
COMMENT ON FUNCTION leadscore._node_of_row(text,text) IS 'The node that has the row of a person of a kind with a key, whether or not there is one; NULL if that cannot be told';
COMMENT ON FUNCTION leadscore._of_person(text,text,text,text,text) IS 'The rows of a query about a person, on whichever node the person is';
COMMENT ON FUNCTION leadscore.explain_by_key(text,text,date,text,text) IS 'explain() by the kind and the application''s own key of a person, on whichever node the person is';
COMMENT ON FUNCTION leadscore.score_at_by_key(text,text,date,text,text) IS 'score_at() by the kind and the application''s own key of a person, on whichever node the person is';
COMMENT ON FUNCTION leadscore.forecast_by_key(text,text,date,text,text) IS 'forecast() by the kind and the application''s own key of a person, on whichever node the person is';
COMMENT ON FUNCTION leadscore._forget_tenant_elsewhere(text) IS 'Forgets a tenant on the other nodes, and returns how many rows went from which table';
REVOKE EXECUTE ON FUNCTION leadscore._forget_tenant_elsewhere(text) FROM PUBLIC;
COMMENT ON FUNCTION leadscore.forget_person_by_key(text,text,text) IS 'forget_person() by the kind and the application''s own key of a person, on whichever node the person is, in a transaction of that node';
REVOKE EXECUTE ON FUNCTION leadscore.forget_person_by_key(text,text,text) FROM PUBLIC;
COMMENT ON FUNCTION leadscore.adjust_by_key(text,text,integer,text,date,date,text,text) IS 'adjust() by the kind and the application''s own key of a person, on whichever node the person is, in a transaction of that node';
REVOKE EXECUTE ON FUNCTION leadscore.adjust_by_key(text,text,integer,text,date,date,text,text) FROM PUBLIC;
COMMENT ON FUNCTION leadscore.unadjust_by_key(text,text,bigint,text) IS 'unadjust() by the kind and the application''s own key of a person, on whichever node the person is, in a transaction of that node';
REVOKE EXECUTE ON FUNCTION leadscore.unadjust_by_key(text,text,bigint,text) FROM PUBLIC;
COMMENT ON FUNCTION leadscore.merge_person_by_key(text,text,text,text) IS 'merge_person() by the kind and the application''s own keys of two persons of one node, on whichever node they are, in a transaction of that node';
REVOKE EXECUTE ON FUNCTION leadscore.merge_person_by_key(text,text,text,text) FROM PUBLIC;
COMMENT ON FUNCTION leadscore.person_card_by_key(text,text,text,text,text) IS 'person_card() by the kind and the application''s own key of a person, on whichever node the person is';
COMMENT ON FUNCTION leadscore._doctor_dump() IS 'What doctor() finds about dumps by the owner of the database';

-- A table that lacks a column that it needs is left without; doctor() names it.
SELECT leadscore._put_triggers(s.source_id)
FROM leadscore.source s
WHERE s.attached AND leadscore._name_of(s.source) IS NOT NULL AND leadscore._is_whole(s)
  AND NOT EXISTS (SELECT FROM jsonb_array_elements_text(s.parts -> 'names') n(name) WHERE NOT leadscore._has_column(s.source, n.name))
ORDER BY s.source_id;
SELECT leadscore._forget_configuration();

-- The owner of the database can dump it: pg_dump reads the rows of all tables that an extension says are the user's, and
-- the positions of their sequences. Everything else of the database's owner goes by what others get. When the database
-- changes hands, doctor() names the new owner.
DO $$
DECLARE
    owner name := (SELECT pg_get_userbyid(d.datdba) FROM pg_database d WHERE d.datname = current_database());
BEGIN
    -- Whoever owns the schema can read it anyway.
    IF NOT pg_has_role(owner, (SELECT n.nspowner FROM pg_namespace n WHERE n.nspname = 'leadscore'), 'USAGE') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA leadscore TO %I', owner);
        EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA leadscore TO %I', owner);
        EXECUTE format('GRANT SELECT ON ALL SEQUENCES IN SCHEMA leadscore TO %I', owner);
    END IF;
END $$;
