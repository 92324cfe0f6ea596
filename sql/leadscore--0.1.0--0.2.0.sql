-- leadscore 0.1.0 to 0.2.0. tools/upgrade-script makes this script: what is by hand in it comes from
-- tests/upgrade/by_hand. tests/upgrade/run holds it to the install script.
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL check_function_bodies = false;

DROP FUNCTION leadscore_what_if._derived(date,boolean,date);

DROP FUNCTION leadscore_what_if._candidate(date,date);

DROP VIEW leadscore_what_if._activity_record;

DROP FUNCTION leadscore._checked_config(jsonb);

DROP FUNCTION leadscore._is_scored_on(timestamp with time zone);

DROP FUNCTION leadscore._next_batch(integer);

DROP FUNCTION leadscore._begin_batches(timestamp with time zone);

DROP FUNCTION leadscore._expire(date,date);

DROP TRIGGER note_changed ON leadscore.person;

DROP TRIGGER a_changes ON leadscore.person;

DROP TRIGGER configuration_changed ON leadscore.settings;

DROP FUNCTION leadscore._derived(date,boolean,date);

DROP FUNCTION leadscore._candidate(date,date);

DROP VIEW leadscore._activity_record;

ALTER TABLE leadscore.person DROP CONSTRAINT person_kind_check;

ALTER TABLE leadscore.settings ADD COLUMN notify_channel text;

ALTER TABLE leadscore.settings ADD COLUMN keep_category_changes interval;

ALTER TABLE leadscore.person SET (fillfactor=50);

CREATE OR REPLACE FUNCTION leadscore.scoring_day(at timestamp with time zone DEFAULT now())
 RETURNS date
 LANGUAGE plpgsql
 STABLE PARALLEL SAFE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF NOT isfinite(at) THEN
        RAISE datetime_field_overflow USING
            MESSAGE = format('scoring_day: %L is on no day', at),
            DETAIL = 'An infinite moment has no local day.',
            HINT = 'Give a finite moment, or leave it out for now.';
    END IF;
    RETURN (SELECT leadscore._day(at, s.time_zone) FROM leadscore.settings s);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._need_person(id bigint, purpose text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF NOT EXISTS (SELECT FROM leadscore.person p WHERE p.person_id = id) THEN
        RAISE no_data_found USING
            MESSAGE = format('%s: person %s does not exist', purpose, coalesce(id::text, 'NULL')),
            DETAIL = 'leadscore.person has no such row.',
            HINT = 'Look the person up in leadscore.person.';
    END IF;
END $function$;

CREATE OR REPLACE VIEW leadscore._plain_record AS
 SELECT m.person_id,
    m.rule_id,
    m.activity_id,
    m.points,
    m.day AS counts_from,
    ((m.day + m.relevant_for))::date AS window_end,
        CASE
            WHEN (m.decay = 'linear'::text) THEN ((m.day + m.relevant_for))::date
            ELSE NULL::date
        END AS decays_until,
    m.scored_through
   FROM leadscore._match m
  WHERE ((m.kind = 'activity'::text) AND (m.max_per_day IS NULL) AND (m.max_counted IS NULL) AND ((m.effective_from IS NULL) OR (m.day >= m.effective_from)));

CREATE OR REPLACE VIEW leadscore._capped_record AS
 SELECT c.person_id,
    c.rule_id,
    c.activity_id,
    c.points,
    c.day AS counts_from,
    ((c.day + c.relevant_for))::date AS window_end,
    lag(c.day, c.max_counted) OVER (PARTITION BY c.person_id, c.rule_id ORDER BY c.occurred_at DESC, c.activity_id DESC) AS displaced_on,
        CASE
            WHEN (c.decay = 'linear'::text) THEN ((c.day + c.relevant_for))::date
            ELSE NULL::date
        END AS decays_until,
    c.scored_through
   FROM ( SELECT m.person_id,
            m.activity_id,
            m.occurred_at,
            m.day,
            m.scored_through,
            m.rule_id,
            m.kind,
            m.points,
            m.relevant_for,
            m.decay,
            m.max_per_day,
            m.max_counted,
            m.effective_from,
            row_number() OVER (PARTITION BY m.person_id, m.rule_id, m.day ORDER BY m.occurred_at DESC, m.activity_id DESC) AS nth_newest
           FROM leadscore._match m
          WHERE ((m.kind = 'activity'::text) AND ((m.max_per_day IS NOT NULL) OR (m.max_counted IS NOT NULL)) AND ((m.effective_from IS NULL) OR (m.day >= m.effective_from)))) c
  WHERE ((c.max_per_day IS NULL) OR (c.nth_newest <= c.max_per_day));

CREATE OR REPLACE FUNCTION leadscore._other_candidate(on_day date, until_day date DEFAULT NULL::date)
 RETURNS TABLE(person_id bigint, rule_id integer, activity_id bigint, adjustment_id bigint, points integer, counts_from date, window_end date, displaced_on date, decays_until date, next_touch date, scored_through date)
 LANGUAGE sql
 STABLE PARALLEL SAFE
BEGIN ATOMIC
 SELECT c.person_id,
     c.rule_id,
     c.activity_id,
     NULL::bigint AS adjustment_id,
     c.points,
     c.counts_from,
     c.window_end,
     c.displaced_on,
     c.decays_until,
     NULL::date AS next_touch,
     c.scored_through
    FROM leadscore._capped_record c
 UNION ALL
  SELECT n.person_id,
     n.rule_id,
     NULL::bigint AS activity_id,
     NULL::bigint AS adjustment_id,
     n.points,
     n.counts_from,
     n.window_end,
     n.displaced_on,
     NULL::date AS decays_until,
     n.next_touch,
     n.scored_through
    FROM leadscore._penalty(_other_candidate.on_day, _other_candidate.until_day) n(person_id, rule_id, points, counts_from, window_end, displaced_on, next_touch, scored_through)
 UNION ALL
  SELECT j.person_id,
     NULL::integer AS rule_id,
     NULL::bigint AS activity_id,
     j.adjustment_id,
     j.points,
     j.from_day,
     j.until_day,
     NULL::date AS displaced_on,
     NULL::date AS decays_until,
     NULL::date AS next_touch,
     p.scored_through
    FROM (leadscore.adjustment j
      JOIN leadscore.person p ON ((p.person_id = j.person_id)));
END;

CREATE OR REPLACE FUNCTION leadscore._candidate(on_day date, until_day date DEFAULT NULL::date)
 RETURNS TABLE(person_id bigint, rule_id integer, activity_id bigint, adjustment_id bigint, points integer, counts_from date, window_end date, displaced_on date, decays_until date, scored_through date)
 LANGUAGE sql
 STABLE PARALLEL SAFE
BEGIN ATOMIC
 SELECT r.person_id,
     r.rule_id,
     r.activity_id,
     NULL::bigint AS int8,
     r.points,
     r.counts_from,
     r.window_end,
     NULL::date AS date,
     r.decays_until,
     r.scored_through
    FROM leadscore._plain_record r
 UNION ALL
  SELECT o.person_id,
     o.rule_id,
     o.activity_id,
     o.adjustment_id,
     o.points,
     o.counts_from,
     o.window_end,
     o.displaced_on,
     o.decays_until,
     o.scored_through
    FROM leadscore._other_candidate(_candidate.on_day, _candidate.until_day) o(person_id, rule_id, activity_id, adjustment_id, points, counts_from, window_end, displaced_on, decays_until, next_touch, scored_through);
END;

CREATE OR REPLACE FUNCTION leadscore._stands(counts_from date, window_end date, displaced_on date, on_day date, through date)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN (((window_end IS NULL) OR (window_end > on_day)) AND ((displaced_on IS NULL) OR ((displaced_on > through) AND (displaced_on > counts_from))));

CREATE OR REPLACE FUNCTION leadscore._derived(on_day date, ahead boolean, until_day date DEFAULT NULL::date)
 RETURNS TABLE(person_id bigint, rule_id integer, activity_id bigint, adjustment_id bigint, points integer, counts_from date, counts_until date, decays_until date)
 LANGUAGE sql
 STABLE PARALLEL SAFE
BEGIN ATOMIC
 SELECT c.person_id,
     c.rule_id,
     c.activity_id,
     c.adjustment_id,
     c.points,
     c.counts_from,
     LEAST(c.window_end, c.displaced_on) AS "least",
     c.decays_until
    FROM leadscore._candidate(_derived.on_day, _derived.until_day) c(person_id, rule_id, activity_id, adjustment_id, points, counts_from, window_end, displaced_on, decays_until, scored_through)
   WHERE (leadscore._stands(c.counts_from, c.window_end, c.displaced_on, _derived.on_day,
         CASE
             WHEN _derived.ahead THEN GREATEST(_derived.on_day, c.scored_through)
             ELSE _derived.on_day
         END) AND ((c.activity_id IS NOT NULL) OR (c.adjustment_id IS NOT NULL) OR (c.counts_from <= COALESCE(_derived.until_day, _derived.on_day))));
END;

CREATE OR REPLACE FUNCTION leadscore._standing(today date)
 RETURNS TABLE(person_id bigint, score bigint, starts_on date, next_on date, penalised boolean, last_activity_at timestamp with time zone)
 LANGUAGE sql
 STABLE PARALLEL SAFE
BEGIN ATOMIC
 SELECT o.person_id,
     (COALESCE(sum(o.score), (0)::numeric))::bigint AS "coalesce",
     min(o.starts_on) AS min,
     min(o.next_on) AS min,
     COALESCE(bool_or(o.penalised), false) AS "coalesce",
     max(o.last_activity_at) AS max
    FROM ( SELECT r.person_id,
             sum(leadscore._worth(r.points, r.counts_from, r.decays_until, GREATEST(_standing.today, r.counts_from))) FILTER (WHERE (r.counts_from <= GREATEST(_standing.today, r.scored_through))) AS score,
             min(r.counts_from) FILTER (WHERE (r.counts_from > GREATEST(_standing.today, r.scored_through))) AS starts_on,
             NULL::date AS next_on,
             NULL::boolean AS penalised,
             NULL::timestamp with time zone AS last_activity_at
            FROM leadscore._plain_record r
           WHERE leadscore._stands(r.counts_from, r.window_end, NULL::date, _standing.today, _standing.today)
           GROUP BY r.person_id
         UNION ALL
          SELECT c.person_id,
             sum(leadscore._worth(c.points, c.counts_from, c.decays_until, GREATEST(_standing.today, c.counts_from))) FILTER (WHERE (c.is_record AND (c.counts_from <= c.through))) AS score,
             min(c.counts_from) FILTER (WHERE (c.is_record AND (c.counts_from > c.through))) AS starts_on,
             min(c.counts_from) FILTER (WHERE (c.is_penalty AND (c.counts_from > _standing.today))) AS next_on,
             bool_or((c.is_penalty AND (c.counts_from <= _standing.today) AND ((c.next_touch IS NULL) OR (c.next_touch > c.through)))) AS penalised,
             NULL::timestamp with time zone AS last_activity_at
            FROM ( SELECT x.person_id,
                     x.rule_id,
                     x.activity_id,
                     x.adjustment_id,
                     x.points,
                     x.counts_from,
                     x.window_end,
                     x.displaced_on,
                     x.decays_until,
                     x.next_touch,
                     x.scored_through,
                     v.through,
                     v.is_penalty,
                     (leadscore._stands(x.counts_from, x.window_end, x.displaced_on, _standing.today, v.through) AND (NOT (v.is_penalty AND (x.counts_from > _standing.today)))) AS is_record
                    FROM (leadscore._other_candidate(_standing.today) x(person_id, rule_id, activity_id, adjustment_id, points, counts_from, window_end, displaced_on, decays_until, next_touch, scored_through)
                      CROSS JOIN LATERAL ( SELECT GREATEST(_standing.today, x.scored_through) AS through,
                             ((x.activity_id IS NULL) AND (x.adjustment_id IS NULL)) AS is_penalty) v)) c
           GROUP BY c.person_id
         UNION ALL
          SELECT a.person_id,
             NULL::numeric AS score,
             NULL::date AS starts_on,
             NULL::date AS next_on,
             NULL::boolean AS penalised,
             max(a.occurred_at) AS last_activity_at
            FROM leadscore.activity a
           GROUP BY a.person_id) o
   GROUP BY o.person_id;
END;

CREATE OR REPLACE FUNCTION leadscore._differing(exact boolean)
 RETURNS SETOF bigint
 LANGUAGE c
 STABLE STRICT
AS 'MODULE_PATHNAME', $function$differing_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._rescore_each(ids bigint[])
 RETURNS bigint[]
 LANGUAGE c
 STRICT
AS 'MODULE_PATHNAME', $function$rescore_each_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._rescore_due(ids bigint[])
 RETURNS leadscore._outcome
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    counts bigint[];
BEGIN
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        RETURN leadscore._rescore(ids, touch => false);
    END IF;
    counts := leadscore._rescore_each(ids);
    RETURN (counts[1], counts[2], counts[3], counts[4])::leadscore._outcome;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._rescore_all(ahead boolean)
 RETURNS leadscore._outcome
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
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
    WITH removed AS (
        DELETE FROM leadscore.score_record s
        WHERE s.person_id = ANY (ARRAY(SELECT unnest(ids) EXCEPT SELECT p.person_id FROM leadscore.person p))
        RETURNING s.person_id
    )
    SELECT count(*) INTO orphaned FROM removed;
    outcome := leadscore._rescore_due(ids);
    outcome.records_removed := outcome.records_removed + orphaned;
    RETURN outcome;
END $function$;

CREATE TRIGGER configuration_changed AFTER INSERT OR DELETE OR UPDATE OF time_zone OR TRUNCATE ON leadscore.settings FOR EACH STATEMENT EXECUTE FUNCTION leadscore._configuration_changed('rebuild');

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
    -- In this order: an infinite one has no fields.
    IF keep_category_changes NOT BETWEEN '1 day' AND '1000 years'
        OR date_trunc('day', keep_category_changes) <> keep_category_changes
        OR least(extract(year FROM keep_category_changes), extract(month FROM keep_category_changes), extract(day FROM keep_category_changes)) < 0 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('settings: keep_category_changes of %s cannot be used', keep_category_changes),
            DETAIL = 'Changes of category are kept for whole days, at least one of them and at most 1000 years.',
            HINT = 'Use days, weeks, months or years, such as ''90 days'', or NULL to keep them for ever.';
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._check_settings()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "IntervalStyle" TO 'postgres'
AS $function$
BEGIN
    PERFORM leadscore._require_time_zone(NEW.time_zone), leadscore._check_outbox(NEW.notify_channel, NEW.keep_category_changes);
    RETURN NEW;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._check_activity_types_truncated()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF EXISTS (SELECT FROM leadscore.activity) OR EXISTS (SELECT FROM leadscore.rule r WHERE r.activity_types IS NOT NULL) THEN
        RAISE foreign_key_violation USING
            MESSAGE = 'activity types are in use',
            DETAIL = 'Activities are registered, or rules name types.',
            HINT = 'Name those that are to go: DELETE FROM leadscore.activity_type WHERE …';
    END IF;
    RETURN NULL;
END $function$;

CREATE TRIGGER check_activity_types BEFORE TRUNCATE ON leadscore.activity_type FOR EACH STATEMENT EXECUTE FUNCTION leadscore._check_activity_types_truncated();

CREATE OR REPLACE FUNCTION leadscore._activity_updated()
 RETURNS trigger
 LANGUAGE c
 SECURITY DEFINER
AS 'MODULE_PATHNAME', $function$activity_updated_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._activity_deleted()
 RETURNS trigger
 LANGUAGE c
 SECURITY DEFINER
AS 'MODULE_PATHNAME', $function$activity_deleted_wrapper$function$;

CREATE TRIGGER a_changes BEFORE UPDATE OF person_id, kind, since ON leadscore.person FOR EACH ROW EXECUTE FUNCTION leadscore._person_arrives();

CREATE OR REPLACE FUNCTION leadscore._person_inserted()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    ids       bigint[];
    attached  regclass;
    at_a_time CONSTANT int := 25000;
BEGIN
    IF EXISTS (SELECT FROM inserted n WHERE n.recorded_at = now()) THEN
        PERFORM leadscore._go_live();
    ELSIF NOT EXISTS (SELECT FROM leadscore.instance) THEN
        RETURN NULL;  -- a restore brings the rows with what belongs to them
    END IF;
    IF EXISTS (SELECT FROM leadscore.rule r WHERE r.enabled AND r.kind = 'inactivity') THEN
        SELECT array_agg(n.person_id ORDER BY n.person_id) INTO ids
        FROM inserted n
        WHERE EXISTS (SELECT FROM leadscore.rule r
                      WHERE r.enabled AND r.kind = 'inactivity'
                        AND leadscore._applies(r.person_kinds, r.statuses, n.kind, n.status));
        -- So many come at once when their table is attached: that takes long, and is told.
        IF cardinality(ids) > at_a_time THEN
            SELECT s.source INTO attached FROM inserted n JOIN leadscore.source s ON s.source_id = n.source_id LIMIT 1;
        END IF;
        FOR done IN 0 .. coalesce(cardinality(ids), 0) - 1 BY at_a_time LOOP
            PERFORM leadscore._rescore(ids[done + 1 : done + at_a_time]);
            IF attached IS NOT NULL THEN
                RAISE NOTICE '%: % of % persons scored', attached, least(done + at_a_time, cardinality(ids)), cardinality(ids);
            END IF;
        END LOOP;
    END IF;
    IF EXISTS (SELECT FROM leadscore.source) THEN
        PERFORM leadscore._write_back(array_agg(n.person_id)) FROM inserted n WHERE n.source_id IS NOT NULL;
        PERFORM leadscore._admit_waiting(array_agg(n.person_id)) FROM inserted n;
    END IF;
    PERFORM leadscore._claim_visits(array_agg(n.person_id)) FROM inserted n;
    RETURN NULL;
END $function$;

CREATE TRIGGER note_changed AFTER UPDATE OF kind, status, since ON leadscore.person FOR EACH ROW EXECUTE FUNCTION leadscore._person_changed();

CREATE OR REPLACE FUNCTION leadscore._recheck_at_commit(of_source integer)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    noted CONSTANT text := 'leadscore.recheck_' || of_source;
BEGIN
    -- Once for the transaction is enough.
    IF coalesce(current_setting(noted, true), '') <> 'on' THEN
        PERFORM set_config(noted, 'on', true);
        UPDATE leadscore.source s SET source_id = s.source_id WHERE s.source_id = of_source;
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._source_rechecked()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    PERFORM set_config('leadscore.recheck_' || NEW.source_id, '', true);
    PERFORM leadscore._resync(s.source_id) FROM leadscore.source s WHERE s.source_id = NEW.source_id AND s.attached;
    RETURN NULL;
END $function$;

CREATE CONSTRAINT TRIGGER recheck AFTER UPDATE OF source_id ON leadscore.source DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION leadscore._source_rechecked();

CREATE OR REPLACE FUNCTION leadscore._take_activities(of_source integer, old_keys text[], new_keys text[], persons text[], types text[], moments timestamp with time zone[], details jsonb[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    source leadscore.source;
    held   jsonb;
BEGIN
    source := leadscore._source_in_sight(of_source);
    -- The one new row that most statements bring needs no more than this.
    IF cardinality(new_keys) = 1 AND old_keys[1] IS NULL THEN
        INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes, source_id, source_key)
        SELECT k.person_id, t.activity_type, coalesce(moments[1], now()), details[1], of_source, new_keys[1]
        FROM leadscore._person_key k, leadscore.activity_type t
        WHERE k.kind = source.person_kind AND k.external_id = persons[1] AND t.activity_type = types[1]
          AND NOT EXISTS (SELECT FROM leadscore.activity a WHERE a.source_id = of_source AND a.source_key = new_keys[1]);
        IF FOUND THEN
            RETURN;
        END IF;
    END IF;
    IF EXISTS (SELECT FROM unnest(new_keys, persons, types) c(new_key, external_id, type)
               WHERE c.new_key IS NOT NULL
                 AND (NOT EXISTS (SELECT FROM leadscore._person_key k WHERE k.kind = source.person_kind AND k.external_id = c.external_id)
                      OR NOT EXISTS (SELECT FROM leadscore.activity_type t WHERE t.activity_type = c.type))) THEN
        -- A row will have to wait: unless its person is just arriving, which is seen under the lock.
        LOCK TABLE leadscore.waiting IN SHARE ROW EXCLUSIVE MODE;
        PERFORM leadscore._need_current_snapshot();
    END IF;
    -- A person that is just going is waited for, and then not found.
    PERFORM leadscore._lock_persons(ARRAY(
        SELECT k.person_id FROM leadscore._person_key k
        WHERE k.kind = source.person_kind AND k.external_id = ANY (persons)
        UNION
        SELECT a.person_id FROM leadscore.activity a WHERE a.source_id = of_source AND a.source_key = ANY (old_keys)));
    -- A new key that is there already and of no row in this call: of a row that is gone unseen, or that will change later.
    IF EXISTS (SELECT FROM leadscore.activity a
               WHERE a.source_id = of_source AND a.source_key = ANY (new_keys) AND (a.source_key = ANY (old_keys)) IS NOT TRUE)
       OR EXISTS (SELECT FROM leadscore.waiting w
                  WHERE w.source_id = of_source AND w.source_key = ANY (new_keys) AND (w.source_key = ANY (old_keys)) IS NOT TRUE) THEN
        PERFORM leadscore._recheck_at_commit(of_source);
    END IF;
    -- What waited makes place; it keeps its moment where the table does not tell one.
    WITH released AS (
        DELETE FROM leadscore.waiting w
        WHERE w.source_id = of_source AND (w.source_key = ANY (old_keys) OR w.source_key = ANY (new_keys))
        RETURNING w.source_key, w.occurred_at
    )
    SELECT coalesce(jsonb_object_agg(r.source_key, r.occurred_at), '{}') INTO held FROM released r;
    WITH change AS MATERIALIZED (
        SELECT c.*, coalesce(c.moment, (held ->> coalesce(c.old_key, c.new_key))::timestamptz) AS told,
               k.person_id, k.person_id IS NOT NULL AND t.activity_type IS NOT NULL AS ready
        FROM unnest(old_keys, new_keys, persons, types, moments, details) c(old_key, new_key, external_id, type, moment, detail)
        LEFT JOIN leadscore._person_key k ON k.kind = source.person_kind AND k.external_id = c.external_id AND c.new_key IS NOT NULL
        LEFT JOIN leadscore.activity_type t ON t.activity_type = c.type
    ), existing AS MATERIALIZED (
        SELECT a.person_id, a.activity_id, a.source_key, a.occurred_at
        FROM leadscore.activity a
        WHERE a.source_id = of_source
          AND (a.source_key = ANY (old_keys) OR a.source_key = ANY (new_keys))
    ), kept AS MATERIALIZED (
        -- An activity keeps its id when its row only changes.
        SELECT c.*, e.person_id AS old_person_id, e.activity_id, coalesce(c.moment, e.occurred_at) AS at
        FROM change c JOIN existing e ON e.source_key = coalesce(c.old_key, c.new_key)
        WHERE c.ready
    ), updated AS (
        UPDATE leadscore.activity a
        SET person_id = c.person_id, activity_type = c.type, occurred_at = c.at, attributes = c.detail, source_key = c.new_key
        FROM kept c
        WHERE a.person_id = c.old_person_id AND a.activity_id = c.activity_id
          AND (a.person_id, a.activity_type, a.occurred_at, a.attributes, a.source_key)
              IS DISTINCT FROM (c.person_id, c.type, c.at, c.detail, c.new_key)
    ), removed AS (
        DELETE FROM leadscore.activity a
        USING existing e
        WHERE a.person_id = e.person_id AND a.activity_id = e.activity_id
          AND NOT EXISTS (SELECT FROM kept c WHERE c.activity_id = e.activity_id)
    ), added AS (
        INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes, source_id, source_key)
        SELECT c.person_id, c.type, coalesce(c.told, now()), c.detail, of_source, c.new_key
        FROM change c
        WHERE c.ready AND NOT EXISTS (SELECT FROM existing e WHERE e.source_key = coalesce(c.old_key, c.new_key))
        ORDER BY coalesce(c.told, now()), c.new_key
    )
    INSERT INTO leadscore.waiting AS v (source_id, source_key, person_kind, external_id, activity_type, occurred_at, attributes)
    SELECT of_source, c.new_key, source.person_kind, c.external_id, c.type, coalesce(c.told, e.occurred_at, now()), c.detail
    FROM change c
    LEFT JOIN existing e ON e.source_key = c.old_key
    WHERE c.new_key IS NOT NULL AND NOT c.ready
    ON CONFLICT (source_id, source_key) DO UPDATE
    SET external_id = EXCLUDED.external_id, activity_type = EXCLUDED.activity_type,
        occurred_at = EXCLUDED.occurred_at, attributes = EXCLUDED.attributes
    WHERE (v.external_id, v.activity_type, v.occurred_at, v.attributes)
          IS DISTINCT FROM (EXCLUDED.external_id, EXCLUDED.activity_type, EXCLUDED.occurred_at, EXCLUDED.attributes);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._make_way(of_kind text, keys text[], to_persons bigint[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    gone   bigint[];
    holder leadscore.person;
BEGIN
    SELECT array_agg(p.person_id) INTO gone
    FROM leadscore.person p WHERE p.kind = of_kind AND p.external_id = ANY (keys) AND p.departed AND p.person_id <> ALL (to_persons);
    IF gone IS NOT NULL THEN
        PERFORM leadscore._lose_persons(gone);
    END IF;
    SELECT p.* INTO holder
    FROM leadscore.person p WHERE p.kind = of_kind AND p.external_id = ANY (keys) AND p.person_id <> ALL (to_persons) LIMIT 1;
    IF FOUND THEN
        RAISE unique_violation USING
            MESSAGE = format('person %s of kind %L has the key %L still', holder.person_id, of_kind, holder.external_id),
            DETAIL = 'A row changes to that key while another has it, or is only about to change, too.',
            HINT = 'Exchange keys in one statement, on a partitioned table by way of keys that no row has.';
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._take_persons(of_source integer, old_keys text[], new_keys text[], new_statuses text[], new_owners text[], moments timestamp with time zone[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    source     leadscore.source;
    renumbered bigint[];
    given      text[];
BEGIN
    source := leadscore._source_in_sight(of_source);

    UPDATE leadscore.person p SET departed = true
    FROM unnest(old_keys, new_keys) c(old_key, new_key)
    WHERE c.new_key IS NULL AND p.kind = source.person_kind AND p.external_id = c.old_key;
    DELETE FROM leadscore.person_alias l
    USING unnest(old_keys, new_keys) c(old_key, new_key)
    WHERE c.new_key IS NULL AND l.kind = source.person_kind AND l.external_id = c.old_key;

    -- The application renumbered persons. Rows that name a new key already wait for it, and
    -- those that still name the old one have no person now.
    SELECT array_agg(p.person_id), array_agg(c.new_key) INTO renumbered, given
    FROM unnest(old_keys, new_keys) c(old_key, new_key)
    JOIN leadscore.person p ON p.kind = source.person_kind AND p.external_id = c.old_key
    WHERE c.old_key <> c.new_key;
    IF renumbered IS NOT NULL THEN
        PERFORM leadscore._make_way(source.person_kind, given, renumbered);
        PERFORM leadscore._shelve_activities(renumbered);
        -- First out of each other's way: keys may be exchanged.
        UPDATE leadscore.person p SET external_id = NULL WHERE p.person_id = ANY (renumbered);
        UPDATE leadscore.person p SET external_id = r.key
        FROM unnest(renumbered, given) r(person_id, key)
        WHERE p.person_id = r.person_id;
        PERFORM leadscore._admit_waiting(renumbered);
        PERFORM leadscore._write_back(renumbered);
    END IF;

    -- A new row with the key of one that is there is another row, of the same person in the end, if of any.
    IF EXISTS (SELECT FROM unnest(old_keys, new_keys) c(old_key, new_key)
               JOIN leadscore.person p ON p.kind = source.person_kind AND p.external_id = c.new_key
               WHERE c.old_key IS NULL AND p.source_id = of_source AND NOT p.departed) THEN
        PERFORM leadscore._recheck_at_commit(of_source);
    END IF;
    INSERT INTO leadscore.person AS p (kind, external_id, status, owner, since, source_id)
    SELECT source.person_kind, c.new_key, c.status, c.owner, coalesce(c.moment, now()), of_source
    FROM unnest(old_keys, new_keys, new_statuses, new_owners, moments) c(old_key, new_key, status, owner, moment)
    WHERE c.new_key IS NOT NULL
      AND NOT EXISTS (SELECT FROM leadscore.person_alias l WHERE l.kind = source.person_kind AND l.external_id = c.new_key)
      AND NOT EXISTS (SELECT FROM leadscore.person q WHERE q.kind = source.person_kind AND q.external_id = c.new_key);

    UPDATE leadscore.person p
    SET status = CASE WHEN source.parts ? 'status' THEN c.status ELSE p.status END,
        owner = CASE WHEN source.parts ? 'owner' THEN c.owner ELSE p.owner END,
        since = coalesce(c.moment, p.since), source_id = of_source, departed = false
    FROM unnest(old_keys, new_keys, new_statuses, new_owners, moments) c(old_key, new_key, status, owner, moment)
    WHERE c.new_key IS NOT NULL AND p.kind = source.person_kind AND p.external_id = c.new_key
      AND (p.status, p.owner, p.since, p.source_id, p.departed)
          IS DISTINCT FROM (CASE WHEN source.parts ? 'status' THEN c.status ELSE p.status END,
                            CASE WHEN source.parts ? 'owner' THEN c.owner ELSE p.owner END,
                            coalesce(c.moment, p.since), of_source, false);
    -- A row that came back has empty columns.
    PERFORM leadscore._write_back(array_agg(p.person_id))
    FROM unnest(old_keys, new_keys) c(old_key, new_key)
    JOIN leadscore.person p ON p.kind = source.person_kind AND p.external_id = c.new_key
    WHERE c.old_key IS NULL;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._source_rows(of_source integer)
 RETURNS TABLE(key text, person text, activity_type text, moment timestamp with time zone, attributes jsonb, status text, owner text, score text, category text)
 LANGUAGE c
 ROWS 100000
AS 'MODULE_PATHNAME', $function$source_rows_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._admitted_role()
 RETURNS oid
 LANGUAGE c
AS 'MODULE_PATHNAME', $function$admitted_role_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._check_source(source regclass, as_role text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    t        pg_class;
    admitted boolean := leadscore._admitted(source);
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
    IF t.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits p WHERE source IN (p.inhparent, p.inhrelid)) THEN
        RAISE feature_not_supported USING
            MESSAGE = format('%s takes part in table inheritance', source),
            DETAIL = 'Triggers of a parent do not see the rows of its children, and keys are not unique across them.',
            HINT = 'Use declarative partitioning.';
    END IF;
    IF EXISTS (SELECT FROM leadscore.source s WHERE s.source = _check_source.source AND s.role = as_role AND s.attached) THEN
        RAISE duplicate_object USING
            MESSAGE = format('%s is attached already', source),
            DETAIL = format('It is attached as %s.', as_role),
            HINT = format('To attach it in another way: SELECT leadscore.detach(%L);', source::text);
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._check_key_type(source regclass, column_name name, purpose text)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    collation_name regcollation;
BEGIN
    PERFORM leadscore._check_column(source, column_name, purpose, ARRAY['smallint', 'integer', 'bigint', 'uuid', 'text',
        'character varying', 'character', 'numeric']);
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

CREATE OR REPLACE FUNCTION leadscore._is_unique(source regclass, column_name name)
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT (EXISTS ( SELECT
            FROM ((pg_index i
              JOIN pg_attribute a ON (((a.attrelid = i.indrelid) AND (a.attname = _is_unique.column_name))))
              JOIN pg_class c ON ((c.oid = i.indrelid)))
           WHERE ((i.indrelid = (_is_unique.source)::oid) AND i.indisunique AND i.indisvalid AND (i.indpred IS NULL) AND (i.indexprs IS NULL) AND (a.attnum = ANY (i.indkey[0:(i.indnkeyatts - 1)])) AND ((i.indnkeyatts = 1) OR (c.relkind = 'p'::"char"))))) AS "exists";
END;

CREATE OR REPLACE FUNCTION leadscore._key_column(source regclass, named name)
 RETURNS name
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    key name := named;
BEGIN
    IF named IS NULL THEN
        SELECT a.attname INTO key
        FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = source AND i.indisprimary AND i.indnkeyatts = 1;
        IF key IS NULL THEN
            RAISE invalid_table_definition USING
                MESSAGE = format('%s has no primary key of one column', source),
                DETAIL = 'A row must be found again by one value when it changes.',
                HINT = 'Name a unique column: key => ''…''.';
        END IF;
    END IF;
    PERFORM leadscore._check_key_type(source, key, 'the key');
    IF NOT leadscore._is_unique(source, key) THEN
        RAISE invalid_table_definition USING
            MESSAGE = format('column %I of %s is not unique', key, source),
            DETAIL = 'A row must be found again by one value when it changes.',
            HINT = format('ALTER TABLE %s ADD UNIQUE (%I), or name a unique column as key.', source, key);
    END IF;
    RETURN key;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._put_triggers(of_source integer, source regclass, bound name[], written name[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    prefix  text := 'leadscore_' || of_source || '_';
    columns text;
BEGIN
    SELECT string_agg(quote_ident(n), ', ' ORDER BY i) INTO columns FROM unnest(bound || written) WITH ORDINALITY u(n, i);
    EXECUTE format('CREATE TRIGGER %I AFTER UPDATE OF %s ON %s FOR EACH STATEMENT WHEN (false) EXECUTE FUNCTION leadscore._source_changed(%L)',
                   prefix || 'columns', columns, source, of_source);
    IF cardinality(written) > 0 THEN
        -- Before its rows are locked, as for persons: a run writes to them.
        EXECUTE format('CREATE TRIGGER %I BEFORE INSERT OR DELETE OR UPDATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION leadscore._write_begins()',
                       prefix || 'begin', source);
    END IF;
    EXECUTE format('CREATE TRIGGER %I AFTER INSERT OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION leadscore._source_row_changed(%L)',
                   prefix || 'row', source, of_source);
    EXECUTE format('CREATE TRIGGER %I AFTER UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION leadscore._source_row_changed(%L)',
                   prefix || 'row_update', source, of_source);
    EXECUTE format('CREATE TRIGGER %I AFTER INSERT OR DELETE OR UPDATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION leadscore._source_changed(%L)',
                   prefix || 'statement', source, of_source);
    EXECUTE format('CREATE TRIGGER %I AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION leadscore._source_truncated(%L)',
                   prefix || 'truncate', source, of_source);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._need_attached(source regclass)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF NOT EXISTS (SELECT FROM leadscore.source s WHERE s.source = _need_attached.source AND s.attached) THEN
        RAISE undefined_object USING
            MESSAGE = format('%s is not attached', coalesce(source::text, 'NULL')),
            DETAIL = 'No rows of persons or activities come from it.',
            HINT = 'SELECT source, role FROM leadscore.source WHERE attached; lists what is.';
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._has_persons_of_others(of_kind text, caller oid)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    own int[] := ARRAY(SELECT s.source_id FROM leadscore.source s JOIN pg_class c ON c.oid = s.source
                       WHERE s.role = 'person' AND pg_has_role(caller, c.relowner, 'USAGE'));
BEGIN
    RETURN EXISTS (SELECT FROM leadscore.source s
                   WHERE s.role = 'person' AND s.attached AND s.person_kind = of_kind AND s.source_id <> ALL (own))
        OR EXISTS (SELECT FROM leadscore.person p WHERE p.kind = of_kind AND (p.source_id = ANY (own)) IS NOT TRUE);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._attach_person(source regclass, kind text, key name, status name, owner name, since name, score name, category name)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
DECLARE
    key_column name;
    bound      name[];
    number     int;
    caller     oid;
BEGIN
    PERFORM leadscore._check_source(source, 'person');
    caller := leadscore._admitted_role();
    IF kind IS NULL OR kind = '' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('attach_person: %s has no kind', source),
            DETAIL = 'Rules and categories tell persons by their kind.',
            HINT = 'Say what its rows are: kind => ''candidate''.';
    END IF;
    IF EXISTS (SELECT FROM leadscore.source s WHERE s.role = 'person' AND s.attached AND s.person_kind = kind) THEN
        RAISE duplicate_object USING
            MESSAGE = format('persons of kind %L come from %s already', kind,
                             (SELECT s.source FROM leadscore.source s WHERE s.role = 'person' AND s.attached AND s.person_kind = kind)),
            DETAIL = 'Keys of two tables could not be told apart.',
            HINT = 'Choose another kind.';
    END IF;
    IF EXISTS (SELECT FROM leadscore.source s JOIN leadscore.person p ON p.source_id = s.source_id
               WHERE s.source = _attach_person.source AND s.role = 'person' AND p.kind <> _attach_person.kind) THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('persons of another kind came from %s before', source),
            DETAIL = 'They were kept when it was detached.',
            HINT = format('Attach it as that kind again and SELECT leadscore.detach(%L, keep => false);', source::text);
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
    key_column := leadscore._key_column(source, key);
    PERFORM leadscore._check_column(source, status, 'the status', NULL);
    PERFORM leadscore._check_column(source, owner, 'the owner', NULL);
    PERFORM leadscore._check_column(source, since, 'since', ARRAY['timestamp with time zone', 'timestamp without time zone', 'date']);
    PERFORM leadscore._check_column(source, score, 'the score to write back', ARRAY['integer', 'bigint', 'numeric']);
    PERFORM leadscore._check_column(source, category, 'the category to write back', ARRAY['text', 'character varying']);
    IF EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = source AND a.attname IN (score, category)
               AND (a.attgenerated <> '' OR a.attidentity = 'a')) THEN
        RAISE wrong_object_type USING
            MESSAGE = format('attach_person: a column of %s that would be written back to is generated', source),
            DETAIL = 'PostgreSQL itself gives the column its value.',
            HINT = 'Give score and category ordinary columns.';
    END IF;
    IF score IN (key_column, status, owner, since) OR category IN (key_column, status, owner, since, score) THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('attach_person: a column of %s is both read and written', source),
            DETAIL = 'What leadscore writes would be read as what the application says, or the other way round.',
            HINT = 'Give score and category columns of their own.';
    END IF;
    IF (score IS NOT NULL OR category IS NOT NULL) AND EXISTS (
        SELECT FROM pg_trigger t WHERE t.tgrelid = source AND t.tgdeferrable AND NOT t.tgisinternal) THEN
        RAISE feature_not_supported USING
            MESSAGE = format('%s has a deferrable trigger', source),
            DETAIL = 'What is written back may run code of the table''s owner only at once and as the owner, not at commit.',
            HINT = 'Leave score and category out, or make the trigger an ordinary one.';
    END IF;
    bound := ARRAY(SELECT DISTINCT n FROM unnest(ARRAY[key_column, status, owner, since]) n WHERE n IS NOT NULL);
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', source);
    PERFORM leadscore._need_current_snapshot();
    number := leadscore._register_source(source, 'person', kind, NULL, jsonb_strip_nulls(jsonb_build_object(
        'key', array_position(bound, key_column) - 1, 'status', array_position(bound, status) - 1,
        'owner', array_position(bound, owner) - 1, 'moment', array_position(bound, since) - 1,
        'score', CASE WHEN score IS NOT NULL THEN cardinality(bound) END,
        'category', CASE WHEN category IS NOT NULL THEN cardinality(bound) + (score IS NOT NULL)::int END,
        'names', to_jsonb(bound || array_remove(ARRAY[score, category], NULL)))));
    PERFORM leadscore._put_triggers(number, source, bound, array_remove(ARRAY[score, category], NULL));
    PERFORM leadscore._resync(number);
    RETURN (SELECT count(*) FROM leadscore.person p WHERE p.source_id = number);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._attach_activity(source regclass, activity_type text, person name, person_kind text, occurred_at name, key name, activity_type_column name, attributes name[], only_when jsonb)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
DECLARE
    key_column name;
    bound      name[];
    number     int;
    item       record;
    caller     oid;
BEGIN
    PERFORM leadscore._check_source(source, 'activity');
    caller := leadscore._admitted_role();
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
    IF NOT has_column_privilege(caller, 'leadscore.activity', 'person_id', 'INSERT')
       AND leadscore._has_persons_of_others(person_kind, caller) THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('there are persons of kind %L that come from no table of role %I', person_kind, pg_get_userbyid(caller)),
            DETAIL = format('Rows of %s would give them points.', source),
            HINT = format('Let the owner of their table attach it, or GRANT INSERT ON leadscore.activity TO %I;', pg_get_userbyid(caller));
    END IF;
    key_column := leadscore._key_column(source, key);
    PERFORM leadscore._check_key_type(source, person, 'the person');
    PERFORM leadscore._check_column(source, occurred_at, 'occurred_at', ARRAY['timestamp with time zone', 'timestamp without time zone', 'date']);
    PERFORM leadscore._check_column(source, activity_type_column, 'the activity type', NULL);
    PERFORM leadscore._check_column(source, a, 'an attribute', NULL) FROM unnest(attributes) a;
    IF array_position(attributes, NULL) IS NOT NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = format('attach_activity: attributes of %s hold a NULL', source),
            DETAIL = 'Each attribute is a column of the table.',
            HINT = 'Name columns.';
    END IF;
    IF jsonb_typeof(only_when) <> 'object' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('attach_activity: only_when %s is no JSON object', only_when),
            DETAIL = 'It names columns and the values that they must have.',
            HINT = 'Write {"column": "value"} or {"column": ["one value", "another"]}.';
    END IF;
    FOR item IN SELECT w.key AS name, w.value FROM jsonb_each(only_when) w LOOP
        PERFORM leadscore._check_column(source, item.name::name, 'a condition of only_when', NULL);
        IF jsonb_typeof(item.value) = 'object' OR jsonb_path_exists(item.value, 'strict $[*] ? (@.type() == "object" || @.type() == "array")', '{}', true) THEN
            RAISE invalid_parameter_value USING
                MESSAGE = format('attach_activity: only_when for column %I is no value', item.name),
                DETAIL = 'A column is compared with a value, or with the values of a list.',
                HINT = 'Write {"column": "value"} or {"column": ["one value", "another"]}.';
        END IF;
    END LOOP;
    bound := ARRAY(SELECT DISTINCT n FROM unnest(ARRAY[key_column, person, occurred_at, activity_type_column] || attributes
                       || ARRAY(SELECT k::name FROM jsonb_object_keys(coalesce(only_when, '{}')) k)) n WHERE n IS NOT NULL);
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', source);
    PERFORM leadscore._need_current_snapshot();
    number := leadscore._register_source(source, 'activity', person_kind, activity_type, jsonb_strip_nulls(jsonb_build_object(
        'key', array_position(bound, key_column) - 1, 'person', array_position(bound, person) - 1,
        'moment', array_position(bound, occurred_at) - 1, 'activity_type', array_position(bound, activity_type_column) - 1,
        'attributes', (SELECT jsonb_agg(jsonb_build_object('label', a, 'at', array_position(bound, a) - 1)) FROM unnest(attributes) a),
        'only_when', (SELECT jsonb_agg(jsonb_build_object('at', array_position(bound, w.key::name) - 1,
                              'values', CASE jsonb_typeof(w.value) WHEN 'array' THEN w.value ELSE jsonb_build_array(w.value) END))
                      FROM jsonb_each(only_when) w),
        'names', to_jsonb(bound))));
    PERFORM leadscore._put_triggers(number, source, bound, NULL);
    PERFORM leadscore._resync(number);
    RETURN (SELECT count(*) FROM leadscore.activity a WHERE a.source_id = number);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._detach(source regclass, keep boolean)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    s        leadscore.source;
    admitted boolean := leadscore._admitted(source);
BEGIN
    PERFORM leadscore._need_attached(source);
    IF NOT admitted THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('must be owner of table %s', source),
            DETAIL = 'Triggers are put on it and taken off it.',
            HINT = 'Let its owner or a superuser detach it.';
    END IF;
    FOR s IN SELECT * FROM leadscore.source x WHERE x.source = _detach.source AND x.attached ORDER BY x.role LOOP
        PERFORM leadscore._drop_triggers(s.source_id, s.source);
        UPDATE leadscore.source x SET attached = false WHERE x.source_id = s.source_id;
        IF NOT keep THEN
            DELETE FROM leadscore.waiting w WHERE w.source_id = s.source_id;
            DELETE FROM leadscore.activity a WHERE a.source_id = s.source_id;
            PERFORM leadscore._lose_persons(array_agg(p.person_id)) FROM leadscore.person p
            WHERE p.source_id = s.source_id HAVING count(*) > 0;
            DELETE FROM leadscore.source x WHERE x.source_id = s.source_id;
        END IF;
    END LOOP;
    PERFORM leadscore._forget_configuration();
END $function$;

CREATE OR REPLACE FUNCTION leadscore._reattach(source regclass)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    s        leadscore.source;
    names    name[];
    reads    int;
    admitted boolean := leadscore._admitted(source);
BEGIN
    PERFORM leadscore._need_attached(source);
    IF NOT admitted THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('must be owner of table %s', source),
            DETAIL = 'Triggers are put on it and taken off it.',
            HINT = 'Let its owner or a superuser do it.';
    END IF;
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', source);
    FOR s IN SELECT * FROM leadscore.source x WHERE x.source = _reattach.source AND x.attached ORDER BY x.role DESC LOOP
        SELECT array_agg(a.attname ORDER BY l.at) INTO names
        FROM pg_trigger g
        CROSS JOIN LATERAL unnest(g.tgattr) WITH ORDINALITY l(number, at)
        JOIN pg_attribute a ON a.attrelid = g.tgrelid AND a.attnum = l.number
        WHERE g.tgrelid = s.source AND g.tgname = 'leadscore_' || s.source_id || '_columns';
        names := coalesce(names, ARRAY(SELECT n.name::name FROM jsonb_array_elements_text(s.parts -> 'names') WITH ORDINALITY n(name, at) ORDER BY n.at));
        PERFORM leadscore._check_column(s.source, n, 'attached before', NULL) FROM unnest(names) n;
        reads := cardinality(names) - (s.parts ? 'score')::int - (s.parts ? 'category')::int;
        PERFORM leadscore._drop_triggers(s.source_id, s.source);
        PERFORM leadscore._put_triggers(s.source_id, s.source, names[:reads], names[reads + 1:]);
        PERFORM leadscore._forget_configuration();
        PERFORM leadscore._resync(s.source_id);
    END LOOP;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._resync(of_source integer)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
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
            SELECT r.key, r.status, r.owner, r.moment FROM leadscore._source_rows(of_source) r
        ), changed AS (
            UPDATE leadscore.person p
            SET status = CASE WHEN s.parts ? 'status' THEN r.status ELSE p.status END,
                owner = CASE WHEN s.parts ? 'owner' THEN r.owner ELSE p.owner END,
                since = coalesce(r.moment, p.since), source_id = of_source, departed = false
            FROM present r
            WHERE p.kind = s.person_kind AND p.external_id = r.key
              AND (p.status, p.owner, p.since, p.source_id, p.departed)
                  IS DISTINCT FROM (CASE WHEN s.parts ? 'status' THEN r.status ELSE p.status END,
                                    CASE WHEN s.parts ? 'owner' THEN r.owner ELSE p.owner END,
                                    coalesce(r.moment, p.since), of_source, false)
        ), gone AS MATERIALIZED (
            SELECT p.person_id FROM leadscore.person p
            WHERE p.source_id = of_source AND NOT EXISTS (SELECT FROM present r WHERE r.key = p.external_id)
        ), added AS (
            INSERT INTO leadscore.person (kind, external_id, status, owner, since, source_id)
            SELECT s.person_kind, r.key, r.status, r.owner, coalesce(r.moment, now()), of_source
            FROM present r
            WHERE NOT EXISTS (SELECT FROM leadscore._person_key k WHERE k.kind = s.person_kind AND k.external_id = r.key)
        )
        SELECT array_agg(g.person_id) INTO lost FROM gone g;
        IF lost IS NOT NULL THEN
            PERFORM leadscore._lose_persons(lost);
        END IF;
        -- Rows that were there before, or were overwritten, get their score and category.
        PERFORM leadscore._write_back(array_agg(p.person_id)) FROM leadscore.person p WHERE p.source_id = of_source;
    ELSE
        WITH present AS MATERIALIZED (
            SELECT r.*, k.person_id, k.person_id IS NOT NULL AND t.activity_type IS NOT NULL AS ready
            FROM leadscore._source_rows(of_source) r
            LEFT JOIN leadscore._person_key k ON k.kind = s.person_kind AND k.external_id = r.person
            LEFT JOIN leadscore.activity_type t ON t.activity_type = r.activity_type
        ), existing AS MATERIALIZED (
            SELECT a.person_id, a.activity_id, a.source_key, a.occurred_at FROM leadscore.activity a WHERE a.source_id = of_source
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
            -- Whatever the plan, activities are numbered alike.
            ORDER BY coalesce(r.moment, v.occurred_at, now()), r.key
        ), released AS (
            DELETE FROM leadscore.waiting w
            WHERE w.source_id = of_source
              AND NOT EXISTS (SELECT FROM present r WHERE r.key = w.source_key AND NOT r.ready)
        )
        INSERT INTO leadscore.waiting AS w (source_id, source_key, person_kind, external_id, activity_type, occurred_at, attributes)
        SELECT of_source, r.key, s.person_kind, r.person, r.activity_type,
               coalesce(r.moment, e.occurred_at, v.occurred_at, now()), r.attributes
        FROM present r
        LEFT JOIN existing e ON e.source_key = r.key
        LEFT JOIN leadscore.waiting v ON v.source_id = of_source AND v.source_key = r.key
        WHERE NOT r.ready
        ON CONFLICT (source_id, source_key) DO UPDATE
        SET person_kind = EXCLUDED.person_kind, external_id = EXCLUDED.external_id, activity_type = EXCLUDED.activity_type,
            occurred_at = EXCLUDED.occurred_at, attributes = EXCLUDED.attributes
        WHERE (w.person_kind, w.external_id, w.activity_type, w.occurred_at, w.attributes)
              IS DISTINCT FROM (EXCLUDED.person_kind, EXCLUDED.external_id, EXCLUDED.activity_type, EXCLUDED.occurred_at, EXCLUDED.attributes);
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._trim_category_changes(at_most integer DEFAULT 1000000)
 RETURNS bigint
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
 SET enable_seqscan TO 'off'
AS $function$
DECLARE
    before  timestamptz := (SELECT (leadscore.scoring_day() - s.keep_category_changes) AT TIME ZONE s.time_zone
                            FROM leadscore.settings s);
    removed bigint;
BEGIN
    IF before IS NULL THEN
        RETURN 0;
    END IF;
    DELETE FROM leadscore.category_change c
    WHERE c.change_id < coalesce((SELECT k.change_id FROM leadscore.category_change k
                                  WHERE k.changed_at >= before ORDER BY k.change_id LIMIT 1),
                                 (SELECT max(k.change_id) + 1 FROM leadscore.category_change k))
      AND c.change_id < (SELECT min(k.change_id) + at_most FROM leadscore.category_change k);
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._end_run(run leadscore.run)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    PERFORM leadscore._trim_category_changes();
    PERFORM pg_notify(s.notify_channel, json_build_object(
                'run_id', run.run_id, 'scored_on', run.scored_on,
                'records_added', run.records_added, 'records_removed', run.records_removed,
                'persons_changed', run.persons_changed, 'categories_changed', run.categories_changed)::text)
    FROM leadscore.settings s
    WHERE s.notify_channel IS NOT NULL;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._pass_days(ids bigint[], lost bigint[], due bigint[], left_out bigint[], last_day date, today date)
 RETURNS TABLE(counts bigint[], to_derive bigint[])
 LANGUAGE c
 STRICT
AS 'MODULE_PATHNAME', $function$pass_days_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._pass(last_day date, today date, OUT outcome leadscore._outcome, OUT to_derive bigint[])
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
DECLARE
    removed bigint;
    ids     bigint[];
    lost    bigint[];
    due     bigint[];
    waiting bigint[];
    counts  bigint[];
BEGIN
    SELECT coalesce(array_agg(n.person_id), '{}') INTO waiting FROM leadscore.pending n;
    -- Whoever deals with a person stores the next day.
    WITH due AS (
        DELETE FROM leadscore.due u WHERE u.due_on <= today RETURNING u.person_id
    )
    SELECT coalesce(array_agg(u.person_id), '{}') INTO due FROM due u;
    WITH expired AS (
        DELETE FROM leadscore.score_record s
        WHERE s.counts_until <= today
        RETURNING s.person_id,
                  CASE WHEN s.counts_from <= last_day
                       THEN -leadscore._worth(s.points, s.counts_from, s.decays_until, last_day) ELSE 0 END AS points
    )
    SELECT count(*), coalesce(array_agg(e.person_id), '{}'), coalesce(array_agg(e.points), '{}')
    INTO removed, ids, lost
    FROM expired e;
    SELECT d.counts, d.to_derive INTO counts, to_derive
    FROM leadscore._pass_days(ids, lost, due, waiting, last_day, today) d;
    outcome := (counts[1], counts[2] + removed, counts[3], counts[4]);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._with(run leadscore.run, part leadscore._outcome)
 RETURNS leadscore.run
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    run.records_added := run.records_added + part.records_added;
    run.records_removed := run.records_removed + part.records_removed;
    run.persons_changed := run.persons_changed + part.persons_changed;
    run.categories_changed := run.categories_changed + part.categories_changed;
    RETURN run;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._begin_run(as_of timestamp with time zone, full_rebuild boolean, OUT run leadscore.run, OUT last_day date)
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
    LOCK TABLE leadscore.state IN EXCLUSIVE MODE;
    PERFORM leadscore._need_current_snapshot();
    PERFORM leadscore._go_live();
    SELECT s.scored_on INTO last_day FROM leadscore.state s;
    run.scored_on := leadscore.scoring_day(as_of);
    run.full_rebuild := full_rebuild OR run.scored_on < last_day
        OR (SELECT i.rebuild_due FROM leadscore.instance i);
    run.records_added := 0;
    run.records_removed := 0;
    run.persons_changed := 0;
    run.categories_changed := 0;
    IF run.scored_on <> last_day THEN
        UPDATE leadscore.state SET scored_on = run.scored_on;
        PERFORM leadscore._forget_configuration();
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._recompute(as_of timestamp with time zone, full_rebuild boolean)
 RETURNS leadscore.run
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
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
        UPDATE leadscore.instance SET rebuild_due = false WHERE rebuild_due;
    ELSE
        passed := leadscore._pass(begun.last_day, run.scored_on);
        run := leadscore._with(run, passed.outcome);
        IF passed.to_derive <> '{}' THEN
            UPDATE leadscore.person p SET scored_through = NULL
            WHERE p.person_id = ANY (passed.to_derive) AND p.scored_through IS NOT NULL;
            run := leadscore._with(run, leadscore._rescore_due(passed.to_derive));
        END IF;
    END IF;

    -- A run in batches that was interrupted has nothing left to do.
    DELETE FROM leadscore.pending;
    UPDATE leadscore.run r SET finished_at = clock_timestamp() WHERE r.finished_at IS NULL;
    INSERT INTO leadscore.run
        (scored_on, started_at, finished_at, full_rebuild, records_added, records_removed, persons_changed, categories_changed)
    VALUES (run.scored_on, run.started_at, clock_timestamp(), run.full_rebuild,
            run.records_added, run.records_removed, run.persons_changed, run.categories_changed)
    RETURNING * INTO run;
    PERFORM leadscore._end_run(run);
    RETURN run;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._need_right_to_batches()
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    -- Behind the function with its owner's rights that asks; SECURITY DEFINER does not change these.
    caller name := CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role') END;
BEGIN
    IF NOT has_function_privilege(caller, 'leadscore.recompute_in_batches(timestamptz, int)', 'EXECUTE') THEN
        RAISE insufficient_privilege USING
            MESSAGE = 'permission denied for procedure leadscore.recompute_in_batches',
            DETAIL = format('Role %I may not run its parts either.', caller),
            HINT = format('GRANT EXECUTE ON PROCEDURE leadscore.recompute_in_batches TO %I;', caller);
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._begin_batches(as_of timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    begun    record;
    run      leadscore.run;
    last_day date;
BEGIN
    PERFORM leadscore._need_right_to_batches();
    -- Under the lock that runs begin with, and before the day moves: another call may just have
    -- begun, for another day.
    LOCK TABLE leadscore.state IN EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM leadscore.run r WHERE r.finished_at IS NULL) THEN
        RETURN;  -- one that is under way or was interrupted comes first
    END IF;
    begun := leadscore._begin_run(as_of, false);
    run := begun.run;
    last_day := begun.last_day;
    IF run.full_rebuild THEN
        UPDATE leadscore.person SET scored_through = NULL WHERE scored_through IS NOT NULL;
        UPDATE leadscore.instance SET rebuild_due = false WHERE rebuild_due;
        INSERT INTO leadscore.pending SELECT p.person_id FROM leadscore.person p;
    ELSE
        INSERT INTO leadscore.pending
        SELECT s.person_id FROM leadscore.score_record s WHERE s.counts_until <= run.scored_on
        UNION
        SELECT s.person_id FROM leadscore.score_record s WHERE s.decays_until IS NOT NULL AND run.scored_on <> last_day
        UNION
        SELECT u.person_id FROM leadscore.due u WHERE u.due_on <= run.scored_on;
    END IF;
    INSERT INTO leadscore.run (scored_on, started_at, full_rebuild, persons_due)
    SELECT run.scored_on, run.started_at, run.full_rebuild, count(*) FROM leadscore.pending;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._next_batch(batch_size integer)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
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
    SELECT array_agg(n.person_id) INTO ids
    FROM (SELECT p.person_id FROM leadscore.pending p ORDER BY p.person_id LIMIT batch_size) n;
    IF ids IS NULL THEN
        UPDATE leadscore.run r SET finished_at = clock_timestamp() WHERE r.finished_at IS NULL RETURNING * INTO run;
        IF FOUND THEN
            PERFORM leadscore._end_run(run);
        END IF;
        RETURN false;
    END IF;
    PERFORM leadscore._lock_persons(ids);
    UPDATE leadscore.person p SET scored_through = NULL
    WHERE p.person_id = ANY (ids) AND p.scored_through <= (SELECT s.scored_on FROM leadscore.state s);
    part := leadscore._rescore_due(ids);
    DELETE FROM leadscore.pending n WHERE n.person_id = ANY (ids);
    UPDATE leadscore.run r
    SET records_added = r.records_added + part.records_added, records_removed = r.records_removed + part.records_removed,
        persons_changed = r.persons_changed + part.persons_changed, categories_changed = r.categories_changed + part.categories_changed
    WHERE r.finished_at IS NULL;
    RETURN true;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._is_scored_on(as_of timestamp with time zone)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    PERFORM leadscore._need_right_to_batches();
    RETURN (SELECT s.scored_on = leadscore.scoring_day(as_of) FROM leadscore.state s)
       AND NOT (SELECT i.rebuild_due FROM leadscore.instance i);
END $function$;

CREATE OR REPLACE FUNCTION leadscore.verify()
 RETURNS TABLE(person_id bigint, item text, rule_id integer, activity_id bigint, stored text, derived text)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
#variable_conflict use_column
DECLARE
    today  date := (SELECT scored_on FROM leadscore.state);
    source leadscore.source;
    ids    bigint[];
BEGIN
    -- Nearly always nobody differs: what differs is looked for only where something does.
    ids := ARRAY(SELECT leadscore._differing(false));
    RETURN QUERY
    WITH record AS (
        SELECT coalesce(s.person_id, d.person_id) AS person_id, coalesce(s.rule_id, d.rule_id) AS rule_id,
               coalesce(s.activity_id, d.activity_id) AS activity_id,
               CASE WHEN s.person_id IS NOT NULL
                    THEN format('%s points from %s until %s', s.points, s.counts_from, coalesce(s.counts_until::text, 'ever')) END AS stored,
               CASE WHEN d.person_id IS NOT NULL
                    THEN format('%s points from %s until %s', d.points, d.counts_from, coalesce(d.counts_until::text, 'ever')) END AS derived
        FROM (SELECT x.*, 1 AS nth FROM leadscore._derived(today, true) x WHERE x.person_id = ANY (ids)) d
        FULL JOIN (SELECT r.*, row_number() OVER (PARTITION BY r.person_id, r.activity_id, r.rule_id, r.adjustment_id, r.points,
                                                               r.counts_from, r.counts_until, r.decays_until) AS nth
                   FROM leadscore.score_record r WHERE r.person_id = ANY (ids)) s
          ON s.person_id = d.person_id AND s.counts_from = d.counts_from AND s.nth = d.nth
         AND coalesce(s.activity_id, 0) = coalesce(d.activity_id, 0)
         AND coalesce(s.rule_id, 0) = coalesce(d.rule_id, 0)
         AND coalesce(s.adjustment_id, 0) = coalesce(d.adjustment_id, 0)
         AND s.points = d.points
         AND coalesce(s.counts_until, 'infinity') = coalesce(d.counts_until, 'infinity')
         AND coalesce(s.decays_until, 'infinity') = coalesce(d.decays_until, 'infinity')
        WHERE s.person_id IS NULL OR d.person_id IS NULL
    ), standing AS (
        SELECT p.*, coalesce(t.score, 0) AS right_score, b.name AS right_category, t.last_activity_at AS right_last_activity_at,
               coalesce(t.penalised, false) AS right_penalised,
               CASE WHEN p.scored_through > today THEN today ELSE least(t.next_on, t.starts_on) END AS right_due_on, u.due_on
        FROM leadscore.person p
        LEFT JOIN leadscore._standing(today) t ON t.person_id = p.person_id AND t.person_id = ANY (ids)
        LEFT JOIN leadscore.due u ON u.person_id = p.person_id
        LEFT JOIN LATERAL leadscore._band_at(p.kind, coalesce(t.score, 0)) b ON true
        WHERE p.person_id = ANY (ids)
    )
    SELECT r.person_id, 'score record', r.rule_id, r.activity_id, r.stored, r.derived FROM record r
    UNION ALL
    SELECT t.person_id, 'score', NULL, NULL, t.score::text, t.right_score::text
    FROM standing t WHERE t.score <> t.right_score
    UNION ALL
    SELECT t.person_id, 'category', NULL, NULL, t.category, t.right_category
    FROM standing t WHERE t.category IS DISTINCT FROM t.right_category
    UNION ALL
    SELECT t.person_id, 'last activity', NULL, NULL, t.last_activity_at::text, t.right_last_activity_at::text
    FROM standing t WHERE t.last_activity_at IS DISTINCT FROM t.right_last_activity_at
    UNION ALL
    -- The flag may be set where nothing is to be cleared any more, but not the other way round.
    SELECT t.person_id, 'penalised', NULL, NULL, t.penalised::text, t.right_penalised::text
    FROM standing t WHERE t.right_penalised AND NOT t.penalised
    UNION ALL
    -- The due day is a lower bound: it may be early but never late.
    SELECT t.person_id, 'due day', NULL, NULL, t.due_on::text, t.right_due_on::text
    FROM standing t WHERE t.right_due_on < coalesce(t.due_on, 'infinity')
    UNION ALL
    SELECT a.person_id, 'activity without a person', NULL, a.activity_id, a.activity_type, NULL
    FROM leadscore.activity a
    WHERE a.person_id = ANY (ids) AND NOT EXISTS (SELECT FROM leadscore.person p WHERE p.person_id = a.person_id)
    ORDER BY 1, 2, 3, 4, 5 NULLS FIRST, 6;

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
            JOIN leadscore._person_key k ON k.source_id = source.source_id AND k.external_id = n.key
            JOIN leadscore.person p ON p.person_id = k.person_id
            WHERE (source.parts ? 'score' AND n.score::numeric IS DISTINCT FROM p.score)
               OR (source.parts ? 'category' AND n.category IS DISTINCT FROM p.category)
            ORDER BY 2;
            RETURN QUERY
            SELECT p.person_id, format('person of %s, row %s', source.source, coalesce(r.key, p.external_id)), NULL::int, NULL::bigint,
                   CASE WHEN p.person_id IS NOT NULL THEN format('status %s, owner %s, since %s', p.status, p.owner, p.since) END,
                   CASE WHEN r.key IS NOT NULL THEN format('status %s, owner %s, since %s', r.status, r.owner, coalesce(r.moment, p.since)) END
            FROM (SELECT n.* FROM leadscore._source_rows(source.source_id) n
                  WHERE NOT EXISTS (SELECT FROM leadscore.person_alias l WHERE l.kind = source.person_kind AND l.external_id = n.key)) r
            FULL JOIN (SELECT q.* FROM leadscore.person q WHERE q.source_id = source.source_id) p ON p.external_id = r.key
            WHERE p.person_id IS NULL OR r.key IS NULL
               OR (source.parts ? 'status' AND p.status IS DISTINCT FROM r.status)
               OR (source.parts ? 'owner' AND p.owner IS DISTINCT FROM r.owner)
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
                  LEFT JOIN leadscore._person_key k ON k.kind = source.person_kind AND k.external_id = n.person) r
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
    DELETE FROM leadscore.adjustment a WHERE a.adjustment_id = id RETURNING a.person_id INTO whose;
    IF whose IS NULL THEN
        RAISE no_data_found USING
            MESSAGE = format('adjustment %s does not exist', coalesce(id::text, 'NULL')),
            DETAIL = 'Nothing was adjusted under that id, or it was taken back already.',
            HINT = 'Look it up in leadscore.adjustment.';
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
    PERFORM leadscore._need_person(loser, 'merge_person');
    PERFORM leadscore._need_person(winner, 'merge_person');
    -- Activities before persons, as who updates or deletes activities has them.
    PERFORM FROM leadscore.activity a WHERE a.person_id = loser ORDER BY a.activity_id FOR UPDATE;
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
        INSERT INTO leadscore.person_alias (kind, external_id, person_id, source_id)
        VALUES (lost.kind, lost.external_id, winner, lost.source_id);
        PERFORM leadscore._forget_configuration();
    END IF;
    UPDATE leadscore.person p SET scored_through = lost.scored_through
    WHERE p.person_id = winner AND lost.scored_through > coalesce(p.scored_through, '-infinity');
    PERFORM leadscore._rescore(ARRAY[winner]);
    -- The loser's row in the application's table shows what its key leads to.
    PERFORM leadscore._write_back(ARRAY[winner]);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._checked_config(config text)
 RETURNS jsonb
 LANGUAGE c
 IMMUTABLE
AS 'MODULE_PATHNAME', $function$checked_config_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore.export_config()
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT jsonb_build_object('settings', ( SELECT jsonb_strip_nulls(jsonb_build_object('time_zone', s.time_zone, 'notify_channel', s.notify_channel, 'keep_category_changes', leadscore._length(s.keep_category_changes))) AS jsonb_strip_nulls
            FROM leadscore.settings s), 'activity_types', ( SELECT COALESCE(jsonb_agg(jsonb_strip_nulls(to_jsonb(t.*)) ORDER BY t.activity_type), '[]'::jsonb) AS "coalesce"
            FROM leadscore.activity_type t), 'categories', ( SELECT COALESCE(jsonb_agg(jsonb_strip_nulls((to_jsonb(c.*) - 'category_id'::text)) ORDER BY c.person_kind NULLS FIRST, c.min_score NULLS FIRST), '[]'::jsonb) AS "coalesce"
            FROM leadscore.category c), 'rules', ( SELECT COALESCE(jsonb_agg(((jsonb_strip_nulls(((((((to_jsonb(r.*) - 'rule_id'::text) - 'created_at'::text) - 'relevant_for'::text) - 'inactive_for'::text) - 'condition'::text) -
                 CASE
                     WHEN (r.repeat_every IS NULL) THEN 'max_repeats'::text
                     ELSE 'repeat_every'::text
                 END)) ||
                 CASE
                     WHEN (r.condition IS NULL) THEN '{}'::jsonb
                     ELSE jsonb_build_object('condition', r.condition)
                 END) || jsonb_strip_nulls(jsonb_build_object('relevant_for', leadscore._length(r.relevant_for), 'inactive_for', leadscore._length(r.inactive_for), 'repeat_every', leadscore._length(r.repeat_every)))) ORDER BY r.name), '[]'::jsonb) AS "coalesce"
            FROM leadscore.rule r)) AS jsonb_build_object;
END;

CREATE OR REPLACE FUNCTION leadscore._check_times(document jsonb)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    item record;
BEGIN
    FOR item IN
        SELECT 'settings.keep_category_changes' AS path, 'length' AS sort, document #>> '{settings,keep_category_changes}' AS value
        UNION ALL
        SELECT format('rules[%s].%s', r.nth - 1, f.name), f.sort, r.rule ->> f.name
        FROM jsonb_array_elements(document -> 'rules') WITH ORDINALITY r(rule, nth)
        CROSS JOIN (VALUES ('relevant_for', 'length'), ('inactive_for', 'length'), ('repeat_every', 'length'),
                           ('effective_from', 'day')) f(name, sort)
        UNION ALL
        SELECT format('tests[%s].person.since', t.nth - 1), 'moment', t.test #>> '{person,since}'
        FROM jsonb_array_elements(document -> 'tests') WITH ORDINALITY t(test, nth)
        UNION ALL
        SELECT format('tests[%s].%s[%s].on', t.nth - 1, f.name, i.nth - 1), f.sort, i.item ->> 'on'
        FROM jsonb_array_elements(document -> 'tests') WITH ORDINALITY t(test, nth)
        CROSS JOIN (VALUES ('activities', 'moment'), ('expect', 'day')) f(name, sort)
        CROSS JOIN jsonb_array_elements(t.test -> f.name) WITH ORDINALITY i(item, nth)
    LOOP
        BEGIN
            CASE item.sort
                WHEN 'length' THEN PERFORM item.value::interval;
                WHEN 'day' THEN PERFORM item.value::date;
                ELSE PERFORM item.value::timestamp;
            END CASE;
        EXCEPTION WHEN data_exception THEN
            RAISE invalid_parameter_value USING
                MESSAGE = format('configuration: %s is not as expected', item.path),
                DETAIL = format('%L is no %s.', item.value, CASE item.sort WHEN 'length' THEN 'length of time' ELSE item.sort END),
                HINT = CASE item.sort WHEN 'length' THEN 'Write days, weeks, months or years, such as "60 days" or "3 months".'
                                      WHEN 'day' THEN 'Write a day as 2026-01-31.'
                                      ELSE 'Write a day, or a day and a time, such as 2026-01-31 or 2026-01-31 14:30.' END;
        END;
    END LOOP;
END $function$;

CREATE OR REPLACE FUNCTION leadscore._apply_config(config jsonb, replace boolean)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    document jsonb := leadscore._checked_config(config::text);
BEGIN
    PERFORM leadscore._check_times(document);

    -- An update of the time zone, even of no row, has everything derived anew.
    IF document #>> '{settings,time_zone}' <> (SELECT s.time_zone FROM leadscore.settings s) THEN
        UPDATE leadscore.settings SET time_zone = document #>> '{settings,time_zone}';
    END IF;
    UPDATE leadscore.settings s
    SET notify_channel = n.notify_channel, keep_category_changes = n.keep_category_changes
    FROM jsonb_to_record(document -> 'settings') n(notify_channel text, keep_category_changes interval)
    WHERE replace AND document ? 'settings'
      AND (s.notify_channel, leadscore._length(s.keep_category_changes))
          IS DISTINCT FROM (n.notify_channel, leadscore._length(n.keep_category_changes));

    INSERT INTO leadscore.activity_type AS t (activity_type, description)
    SELECT n.activity_type, n.description
    FROM jsonb_to_recordset(document -> 'activity_types') n(activity_type text, description text)
    ON CONFLICT (activity_type) DO UPDATE SET description = EXCLUDED.description
    WHERE t.description IS DISTINCT FROM EXCLUDED.description;

    IF document ? 'categories' THEN
        -- Bounds move past each other, so all make place first; a category keeps its id.
        WITH old AS (
            DELETE FROM leadscore.category RETURNING *
        )
        SELECT coalesce(jsonb_agg(to_jsonb(o)), '[]') INTO config FROM old o;
        INSERT INTO leadscore.category (category_id, person_kind, name, min_score, color)
        SELECT coalesce(o.category_id, nextval('leadscore.category_category_id_seq')::int), n.person_kind, n.name, n.min_score, n.color
        FROM jsonb_to_recordset(document -> 'categories') n(person_kind text, name text, min_score bigint, color text)
        LEFT JOIN jsonb_to_recordset(config) o(category_id int, person_kind text, name text)
               ON o.name = n.name AND o.person_kind IS NOT DISTINCT FROM n.person_kind
        UNION ALL
        SELECT o.category_id, o.person_kind, o.name, o.min_score, o.color
        FROM jsonb_to_recordset(config) o(category_id int, person_kind text, name text, min_score bigint, color text)
        WHERE NOT replace AND NOT EXISTS (
            SELECT FROM jsonb_to_recordset(document -> 'categories') n(person_kind text)
            WHERE n.person_kind IS NOT DISTINCT FROM o.person_kind);
    END IF;

    IF document ? 'rules' THEN
        IF replace THEN
            DELETE FROM leadscore.rule r
            WHERE r.name NOT IN (SELECT n.name FROM jsonb_to_recordset(document -> 'rules') n(name text));
        END IF;
        INSERT INTO leadscore.rule AS r
            (name, kind, activity_types, condition, person_kinds, statuses, points, relevant_for, decay, max_per_day,
             max_counted, inactive_for, repeat_every, max_repeats, effective_from, enabled)
        SELECT n.name, n.kind, n.activity_types, n.condition, n.person_kinds, n.statuses, n.points, n.relevant_for, n.decay, n.max_per_day,
               n.max_counted, n.inactive_for, n.repeat_every, n.max_repeats, n.effective_from, n.enabled
        FROM leadscore._document_rules(document) n
        ON CONFLICT (name) DO UPDATE SET
            kind = EXCLUDED.kind, activity_types = EXCLUDED.activity_types, condition = EXCLUDED.condition,
            person_kinds = EXCLUDED.person_kinds, statuses = EXCLUDED.statuses, points = EXCLUDED.points,
            relevant_for = EXCLUDED.relevant_for, decay = EXCLUDED.decay, max_per_day = EXCLUDED.max_per_day,
            max_counted = EXCLUDED.max_counted, inactive_for = EXCLUDED.inactive_for, repeat_every = EXCLUDED.repeat_every,
            max_repeats = EXCLUDED.max_repeats, effective_from = EXCLUDED.effective_from, enabled = EXCLUDED.enabled
        WHERE to_jsonb(r) - 'rule_id' - 'created_at' <> to_jsonb(EXCLUDED) - 'rule_id' - 'created_at';
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore.schedule(cron text DEFAULT '15 0 * * *'::text)
 RETURNS bigint
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF cron IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = 'leadscore.schedule: cron is NULL',
            DETAIL = 'A job without a schedule would never run.',
            HINT = 'Give a schedule of five fields, such as ''15 0 * * *'' for a quarter past midnight.';
    END IF;
    PERFORM leadscore._need_cron(format('SELECT cron.schedule_in_database(%L, %L, %L, %L);',
        leadscore._job_name(current_database()), schedule.cron, leadscore._cron_command(), current_database()));
    -- pg_cron replaces a job of the same name and user, so there is never a second one.
    RETURN cron.schedule(leadscore._job_name(current_database()), schedule.cron, leadscore._cron_command());
EXCEPTION
    WHEN internal_error OR invalid_parameter_value THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('%L is no schedule', cron),
            DETAIL = SQLERRM,
            HINT = 'Give five fields: minute, hour, day of the month, month, day of the week; ''15 0 * * *'' is a quarter past midnight.';
END $function$;

CREATE OR REPLACE FUNCTION leadscore.doctor()
 RETURNS TABLE(severity text, finding text, detail text, remedy text)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    today     date := leadscore.scoring_day();
    last_day  date := (SELECT s.scored_on FROM leadscore.state s);
    home      text := leadscore._cron_home();
    recompute text := leadscore._cron_command();
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

    -- pg_cron.
    IF home IS NULL THEN
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
                      (SELECT s.source FROM leadscore.source s WHERE t.tgname LIKE 'leadscore\_' || s.source_id || '\_%')) END)
    FROM pg_trigger t
    JOIN pg_class c ON c.oid = t.tgrelid
    JOIN pg_proc f ON f.oid = t.tgfoid
    WHERE f.pronamespace = 'leadscore'::regnamespace AND t.tgenabled IN ('D', 'R')
    ORDER BY t.tgrelid::regclass::text, t.tgname;
    RETURN QUERY
    SELECT 'error', format('attached table %s is gone', s.source), format('It fed %s.', s.role),
           format('DELETE FROM leadscore.source WHERE source_id = %s;', s.source_id)
    FROM leadscore.source s
    WHERE s.attached AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = s.source)
    ORDER BY s.source_id;
    RETURN QUERY
    SELECT 'error', format('trigger leadscore_%s_%s on %s is missing', s.source_id, n.name, s.source),
           'What changes in the table is not scored; a column that was attached may have been dropped.',
           format('SELECT leadscore.reattach(%L);', s.source::text)
    FROM leadscore.source s
    CROSS JOIN (VALUES ('columns'), ('row'), ('row_update'), ('statement'), ('truncate'), ('begin')) n(name)
    WHERE s.attached AND (n.name <> 'begin' OR s.parts ? 'score' OR s.parts ? 'category') AND EXISTS (SELECT FROM pg_class c WHERE c.oid = s.source)
      AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = s.source AND t.tgname = format('leadscore_%s_%s', s.source_id, n.name))
    ORDER BY s.source_id, n.name;

    RETURN QUERY
    SELECT 'error', format('trigger %I on %s is deferrable', t.tgname, t.tgrelid::regclass),
           'Scores cannot be written back to a table whose triggers run only at commit; it can also be attached without score and category.',
           format('DROP TRIGGER %I ON %s;', t.tgname, t.tgrelid::regclass)
    FROM leadscore.source s
    JOIN pg_trigger t ON t.tgrelid = s.source AND t.tgdeferrable AND NOT t.tgisinternal
    WHERE s.attached AND (s.parts ? 'score' OR s.parts ? 'category')
    ORDER BY t.tgrelid::regclass::text, t.tgname;

    RETURN QUERY
    SELECT 'error', format('column %I of %s, by which its rows are found, is no longer unique', a.attname, s.source),
           'Rows with the same value are taken for one.', format('ALTER TABLE %s ADD UNIQUE (%I);', s.source, a.attname)
    FROM leadscore.source s
    JOIN pg_trigger t ON t.tgrelid = s.source AND t.tgname = format('leadscore_%s_columns', s.source_id)
    JOIN pg_attribute a ON a.attrelid = s.source AND a.attnum = t.tgattr[(s.parts ->> 'key')::int]
    WHERE s.attached AND NOT leadscore._is_unique(s.source, a.attname)
    ORDER BY s.source_id;

    -- What waits.
    RETURN QUERY
    SELECT 'warning', format('activity type %L is not known', w.activity_type),
           format('%s rows of %s wait for it.', count(*), (SELECT s.source FROM leadscore.source s WHERE s.source_id = w.source_id)),
           format('INSERT INTO leadscore.activity_type (activity_type) VALUES (%L);', w.activity_type)
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
    WHERE NOT EXISTS (SELECT FROM leadscore._person_key k WHERE k.kind = w.person_kind AND k.external_id = w.external_id)
    GROUP BY w.source_id
    ORDER BY w.source_id;

    -- The configuration.
    RETURN QUERY
    SELECT 'note', format('rule %L is for status %L, which no person has', r.name, v.status),
           'It may be a misspelling.', 'SELECT DISTINCT kind, status FROM leadscore.person;'
    FROM leadscore.rule r CROSS JOIN unnest(r.statuses) v(status)
    WHERE r.enabled AND EXISTS (SELECT FROM leadscore.person)
      AND NOT EXISTS (SELECT FROM leadscore.person p WHERE p.status = v.status)
    ORDER BY r.name, v.status;
    RETURN QUERY
    SELECT 'note', format('rule %L is for kind %L, of which there is no person', r.name, v.kind),
           'It may be a misspelling, or persons have kinds of other names.',
           format('SELECT DISTINCT kind FROM leadscore.person; then UPDATE leadscore.rule SET person_kinds = array_replace(person_kinds, %L, …);', v.kind)
    FROM leadscore.rule r CROSS JOIN unnest(r.person_kinds) v(kind)
    WHERE r.enabled AND EXISTS (SELECT FROM leadscore.person)
      AND NOT EXISTS (SELECT FROM leadscore.person p WHERE p.kind = v.kind)
    ORDER BY r.name, v.kind;
    IF EXISTS (SELECT FROM leadscore.rule r WHERE r.enabled) THEN
        RETURN QUERY
        SELECT 'note', format('no rule takes activity type %L', t.activity_type), 'There are activities of it, and they give no points.',
               format('UPDATE leadscore.rule SET activity_types = activity_types || %L WHERE name = …;', ARRAY[t.activity_type])
        FROM leadscore.activity_type t
        WHERE NOT EXISTS (SELECT FROM leadscore._rule_by_type r WHERE r.activity_type = t.activity_type)
          AND EXISTS (SELECT FROM leadscore.activity a WHERE a.activity_type = t.activity_type)
        ORDER BY t.activity_type;
    END IF;
    RETURN QUERY
    SELECT 'warning', format('%s have no lowest category', coalesce('persons of kind ' || quote_literal(c.person_kind), 'categories for all kinds')),
           format('A score below %s has no category.', min(c.min_score)),
           format('INSERT INTO leadscore.category (person_kind, name) VALUES (%L, ''cold'');', c.person_kind)
    FROM leadscore.category c
    GROUP BY c.person_kind
    HAVING bool_and(c.min_score IS NOT NULL)
    ORDER BY c.person_kind;
    IF EXISTS (SELECT FROM leadscore.person) AND NOT EXISTS (SELECT FROM leadscore.category) THEN
        RETURN QUERY SELECT 'note', 'there are no categories', 'Persons have a score but are neither hot nor cold.',
            'SELECT leadscore.load_preset(''recruitment''); or INSERT INTO leadscore.category …';
    END IF;
    IF NOT EXISTS (SELECT FROM leadscore.rule r WHERE r.enabled) THEN
        RETURN QUERY SELECT 'note', 'there are no rules', 'Every score is 0.',
            'SELECT leadscore.load_preset(''recruitment''); or INSERT INTO leadscore.rule …';
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION leadscore.history(person_id bigint, from_day date, until_day date)
 RETURNS TABLE(day date, score bigint, category text)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    PERFORM leadscore._need_person(history.person_id, 'history'), leadscore._check_day(from_day, 'history'),
            leadscore._check_day(until_day, 'history');
    IF until_day < from_day THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('history: %s until %s is no period', from_day, until_day),
            DETAIL = 'The last day comes before the first.',
            HINT = 'Give the earlier day first.';
    END IF;
    RETURN QUERY SELECT * FROM leadscore._course(history.person_id, from_day, until_day);
END $function$;

CREATE OR REPLACE FUNCTION leadscore._change(person_id bigint, score bigint, days integer)
 RETURNS bigint
 LANGUAGE c
 STABLE STRICT COST 1000
AS 'MODULE_PATHNAME', $function$change_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._last_activity(person_id bigint, at timestamp with time zone)
 RETURNS text
 LANGUAGE c
 STABLE COST 1000
AS 'MODULE_PATHNAME', $function$last_activity_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._outlook(person_id bigint, category text)
 RETURNS text
 LANGUAGE c
 STABLE COST 1000
AS 'MODULE_PATHNAME', $function$outlook_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore._top_rules(person_id bigint)
 RETURNS text
 LANGUAGE c
 STABLE STRICT COST 1000
AS 'MODULE_PATHNAME', $function$top_rules_wrapper$function$;

CREATE OR REPLACE FUNCTION leadscore.describe(rule_id integer, language text DEFAULT 'en'::text)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    rule leadscore.rule;
BEGIN
    PERFORM leadscore._require_language('describe', language);
    SELECT r.* INTO rule FROM leadscore.rule r WHERE r.rule_id = describe.rule_id;
    IF NOT FOUND THEN
        RAISE no_data_found USING
            MESSAGE = format('describe: rule %s does not exist', coalesce(rule_id::text, 'NULL')),
            DETAIL = 'leadscore.rule has no such row.',
            HINT = 'Look it up in leadscore.rule.';
    END IF;
    RETURN leadscore._in_words(rule, language);
END $function$;

CREATE OR REPLACE VIEW leadscore_what_if.settings WITH (security_invoker=true) AS
 SELECT s.one_row,
    s.time_zone,
    s.notify_channel,
    s.keep_category_changes
   FROM jsonb_populate_recordset(NULL::leadscore.settings, leadscore_what_if.assumed('settings'::text)) s(one_row, time_zone, notify_channel, keep_category_changes);

CREATE OR REPLACE FUNCTION leadscore_what_if.scoring_day(at timestamp with time zone DEFAULT now())
 RETURNS date
 LANGUAGE plpgsql
 STABLE PARALLEL SAFE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF NOT isfinite(at) THEN
        RAISE datetime_field_overflow USING
            MESSAGE = format('scoring_day: %L is on no day', at),
            DETAIL = 'An infinite moment has no local day.',
            HINT = 'Give a finite moment, or leave it out for now.';
    END IF;
    RETURN (SELECT leadscore._day(at, s.time_zone) FROM leadscore_what_if.settings s);
END $function$;

CREATE OR REPLACE VIEW leadscore_what_if._plain_record WITH (security_invoker=true) AS
 SELECT m.person_id,
    m.rule_id,
    m.activity_id,
    m.points,
    m.day AS counts_from,
    ((m.day + m.relevant_for))::date AS window_end,
        CASE
            WHEN (m.decay = 'linear'::text) THEN ((m.day + m.relevant_for))::date
            ELSE NULL::date
        END AS decays_until,
    m.scored_through
   FROM leadscore_what_if._match m
  WHERE ((m.kind = 'activity'::text) AND (m.max_per_day IS NULL) AND (m.max_counted IS NULL) AND ((m.effective_from IS NULL) OR (m.day >= m.effective_from)));

CREATE OR REPLACE VIEW leadscore_what_if._capped_record WITH (security_invoker=true) AS
 SELECT c.person_id,
    c.rule_id,
    c.activity_id,
    c.points,
    c.day AS counts_from,
    ((c.day + c.relevant_for))::date AS window_end,
    lag(c.day, c.max_counted) OVER (PARTITION BY c.person_id, c.rule_id ORDER BY c.occurred_at DESC, c.activity_id DESC) AS displaced_on,
        CASE
            WHEN (c.decay = 'linear'::text) THEN ((c.day + c.relevant_for))::date
            ELSE NULL::date
        END AS decays_until,
    c.scored_through
   FROM ( SELECT m.person_id,
            m.activity_id,
            m.occurred_at,
            m.day,
            m.scored_through,
            m.rule_id,
            m.kind,
            m.points,
            m.relevant_for,
            m.decay,
            m.max_per_day,
            m.max_counted,
            m.effective_from,
            row_number() OVER (PARTITION BY m.person_id, m.rule_id, m.day ORDER BY m.occurred_at DESC, m.activity_id DESC) AS nth_newest
           FROM leadscore_what_if._match m
          WHERE ((m.kind = 'activity'::text) AND ((m.max_per_day IS NOT NULL) OR (m.max_counted IS NOT NULL)) AND ((m.effective_from IS NULL) OR (m.day >= m.effective_from)))) c
  WHERE ((c.max_per_day IS NULL) OR (c.nth_newest <= c.max_per_day));

CREATE OR REPLACE FUNCTION leadscore_what_if._other_candidate(on_day date, until_day date DEFAULT NULL::date)
 RETURNS TABLE(person_id bigint, rule_id integer, activity_id bigint, adjustment_id bigint, points integer, counts_from date, window_end date, displaced_on date, decays_until date, next_touch date, scored_through date)
 LANGUAGE sql
 STABLE PARALLEL SAFE
BEGIN ATOMIC
 SELECT c.person_id,
     c.rule_id,
     c.activity_id,
     NULL::bigint AS adjustment_id,
     c.points,
     c.counts_from,
     c.window_end,
     c.displaced_on,
     c.decays_until,
     NULL::date AS next_touch,
     c.scored_through
    FROM leadscore_what_if._capped_record c
 UNION ALL
  SELECT n.person_id,
     n.rule_id,
     NULL::bigint AS activity_id,
     NULL::bigint AS adjustment_id,
     n.points,
     n.counts_from,
     n.window_end,
     n.displaced_on,
     NULL::date AS decays_until,
     n.next_touch,
     n.scored_through
    FROM leadscore_what_if._penalty(_other_candidate.on_day, _other_candidate.until_day) n(person_id, rule_id, points, counts_from, window_end, displaced_on, next_touch, scored_through)
 UNION ALL
  SELECT j.person_id,
     NULL::integer AS rule_id,
     NULL::bigint AS activity_id,
     j.adjustment_id,
     j.points,
     j.from_day,
     j.until_day,
     NULL::date AS displaced_on,
     NULL::date AS decays_until,
     NULL::date AS next_touch,
     p.scored_through
    FROM (leadscore_what_if.adjustment j
      JOIN leadscore_what_if.person p ON ((p.person_id = j.person_id)));
END;

CREATE OR REPLACE FUNCTION leadscore_what_if._candidate(on_day date, until_day date DEFAULT NULL::date)
 RETURNS TABLE(person_id bigint, rule_id integer, activity_id bigint, adjustment_id bigint, points integer, counts_from date, window_end date, displaced_on date, decays_until date, scored_through date)
 LANGUAGE sql
 STABLE PARALLEL SAFE
BEGIN ATOMIC
 SELECT r.person_id,
     r.rule_id,
     r.activity_id,
     NULL::bigint AS int8,
     r.points,
     r.counts_from,
     r.window_end,
     NULL::date AS date,
     r.decays_until,
     r.scored_through
    FROM leadscore_what_if._plain_record r
 UNION ALL
  SELECT o.person_id,
     o.rule_id,
     o.activity_id,
     o.adjustment_id,
     o.points,
     o.counts_from,
     o.window_end,
     o.displaced_on,
     o.decays_until,
     o.scored_through
    FROM leadscore_what_if._other_candidate(_candidate.on_day, _candidate.until_day) o(person_id, rule_id, activity_id, adjustment_id, points, counts_from, window_end, displaced_on, decays_until, next_touch, scored_through);
END;

CREATE OR REPLACE FUNCTION leadscore_what_if._derived(on_day date, ahead boolean, until_day date DEFAULT NULL::date)
 RETURNS TABLE(person_id bigint, rule_id integer, activity_id bigint, adjustment_id bigint, points integer, counts_from date, counts_until date, decays_until date)
 LANGUAGE sql
 STABLE PARALLEL SAFE
BEGIN ATOMIC
 SELECT c.person_id,
     c.rule_id,
     c.activity_id,
     c.adjustment_id,
     c.points,
     c.counts_from,
     LEAST(c.window_end, c.displaced_on) AS "least",
     c.decays_until
    FROM leadscore_what_if._candidate(_derived.on_day, _derived.until_day) c(person_id, rule_id, activity_id, adjustment_id, points, counts_from, window_end, displaced_on, decays_until, scored_through)
   WHERE (leadscore._stands(c.counts_from, c.window_end, c.displaced_on, _derived.on_day,
         CASE
             WHEN _derived.ahead THEN GREATEST(_derived.on_day, c.scored_through)
             ELSE _derived.on_day
         END) AND ((c.activity_id IS NOT NULL) OR (c.adjustment_id IS NOT NULL) OR (c.counts_from <= COALESCE(_derived.until_day, _derived.on_day))));
END;

CREATE OR REPLACE FUNCTION leadscore._assumption(document jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "IntervalStyle" TO 'postgres'
AS $function$
DECLARE
    time_zone  text := coalesce(document #>> '{settings,time_zone}', (SELECT s.time_zone FROM leadscore.settings s));
    types      text[];
    rules      jsonb;
    categories jsonb;
BEGIN
    PERFORM leadscore._check_times(document);
    PERFORM leadscore._require_time_zone(time_zone),
            leadscore._check_outbox(document #>> '{settings,notify_channel}', (document #>> '{settings,keep_category_changes}')::interval);
    types := ARRAY(SELECT t.activity_type FROM leadscore.activity_type t
                   UNION
                   SELECT n.activity_type FROM jsonb_to_recordset(document -> 'activity_types') n(activity_type text));
    IF document ? 'rules' THEN
        PERFORM leadscore._check_assumed_rule(r, types) FROM leadscore._document_rules(document) r;
        rules := (SELECT jsonb_agg(to_jsonb(r)) FROM leadscore._document_rules(document) r);
    ELSE
        rules := (SELECT jsonb_agg(to_jsonb(r)) FROM leadscore.rule r);
    END IF;
    IF document ? 'categories' THEN
        categories := document -> 'categories';
        PERFORM leadscore._refuse_bound(c.name, c.other, c.person_kind, c.min_score)
        FROM (SELECT n.*, lag(n.name) OVER (PARTITION BY n.person_kind, n.min_score ORDER BY n.nth) AS other
              FROM ROWS FROM (jsonb_to_recordset(categories) AS (name text, person_kind text, min_score bigint))
                   WITH ORDINALITY n(name, person_kind, min_score, nth)) c
        WHERE c.other IS NOT NULL;
    ELSE
        categories := (SELECT jsonb_agg(to_jsonb(c)) FROM leadscore.category c);
    END IF;
    RETURN jsonb_build_object(
        'settings', jsonb_build_array(jsonb_build_object('time_zone', time_zone)),
        'activity_types', (SELECT jsonb_agg(jsonb_build_object('activity_type', t)) FROM unnest(types) t),
        'rules', coalesce(rules, '[]'),
        'categories', coalesce(categories, '[]'));
END $function$;

CREATE OR REPLACE FUNCTION leadscore.preview_persons(config jsonb, as_of timestamp with time zone DEFAULT now())
 RETURNS TABLE(person_id bigint, kind text, score_before bigint, category_before text, score_after bigint, category_after text)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
 SET "IntervalStyle" TO 'postgres'
 SET "leadscore.what_if" TO ''
AS $function$
#variable_conflict use_column
DECLARE
    day date;
BEGIN
    PERFORM set_config('leadscore.what_if', leadscore._assumption(leadscore._checked_config(config::text))::text, true);
    day := leadscore_what_if.scoring_day(as_of);
    PERFORM leadscore._check_day(day, 'preview');
    RETURN QUERY
    SELECT p.person_id, p.kind, p.score, p.category, x.score, b.name
    FROM leadscore.person p
    LEFT JOIN (SELECT d.person_id, sum(leadscore._worth(d.points, d.counts_from, d.decays_until, day))::bigint AS score
               FROM leadscore_what_if._derived(day, false) d
               WHERE d.counts_from <= day
               GROUP BY d.person_id) t ON t.person_id = p.person_id
    CROSS JOIN LATERAL (SELECT coalesce(t.score, 0) AS score) x
    LEFT JOIN LATERAL leadscore_what_if._band_at(p.kind, x.score) b ON true;
END $function$;

CREATE OR REPLACE FUNCTION leadscore.test_config(config jsonb)
 RETURNS TABLE(test text, on_day date, expected_score bigint, score bigint, expected_category text, category text, passed boolean)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
 SET "IntervalStyle" TO 'postgres'
 SET "DateStyle" TO 'ISO, YMD'
 SET "leadscore.what_if" TO ''
AS $function$
#variable_conflict use_column
DECLARE
    document jsonb := leadscore._checked_config(config::text);
    assumed  jsonb := leadscore._assumption(document);
    zone     text := assumed #>> '{settings,0,time_zone}';
    tests    jsonb := coalesce(document -> 'tests', '[]');
    unknown  text;
BEGIN
    SELECT a ->> 'activity_type' INTO unknown
    FROM jsonb_array_elements(tests) t, jsonb_array_elements(t -> 'activities') a
    WHERE NOT assumed -> 'activity_types' @> jsonb_build_array(jsonb_build_object('activity_type', a -> 'activity_type'));
    IF FOUND THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('test_config: activity type %L does not exist', unknown),
            DETAIL = 'A test of the configuration registers it.',
            HINT = 'Add it to activity_types of the configuration.';
    END IF;
    PERFORM set_config('leadscore.what_if', (assumed || jsonb_build_object(
        'persons', (SELECT coalesce(jsonb_agg(t -> 'person' || jsonb_build_object(
                                'person_id', nth, 'since', (t #>> '{person,since}')::timestamp AT TIME ZONE zone)), '[]')
                    FROM jsonb_array_elements(tests) WITH ORDINALITY x(t, nth)),
        'activities', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                                'person_id', x.nth, 'activity_id', a.nth, 'activity_type', a.a -> 'activity_type',
                                'attributes', a.a -> 'attributes', 'occurred_at', (a.a ->> 'on')::timestamp AT TIME ZONE zone)), '[]')
                       FROM jsonb_array_elements(tests) WITH ORDINALITY x(t, nth),
                            jsonb_array_elements(x.t -> 'activities') WITH ORDINALITY a(a, nth))))::text, true);
    RETURN QUERY
    SELECT x.t ->> 'name', e.on, e.score, s.score, e.category, b.name,
           e.score = s.score AND (e.category IS NULL OR e.category = b.name) IS TRUE
    FROM jsonb_array_elements(tests) WITH ORDINALITY x(t, nth)
    CROSS JOIN LATERAL jsonb_to_recordset(x.t -> 'expect') e("on" date, score bigint, category text)
    CROSS JOIN LATERAL (SELECT coalesce(sum(leadscore._worth(d.points, d.counts_from, d.decays_until, e.on)), 0)::bigint AS score
                        FROM leadscore_what_if._derived(e.on, false) d
                        WHERE d.person_id = x.nth AND d.counts_from <= e.on) s
    LEFT JOIN LATERAL leadscore_what_if._band_at(x.t #>> '{person,kind}', s.score) b ON true
    ORDER BY x.nth, e.on;
END $function$;

CREATE OR REPLACE FUNCTION leadscore.report(language text DEFAULT 'en'::text)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "DateStyle" TO 'ISO, YMD'
AS $function$
DECLARE
    today date := (SELECT w.scored_on FROM leadscore.state w);
    -- No further back than changes of category are kept.
    days  int := (SELECT least(30, leadscore.scoring_day() - (leadscore.scoring_day() - s.keep_category_changes)::date)
                  FROM leadscore.settings s);
BEGIN
    PERFORM leadscore._require_language('report', language);
    RETURN leadscore._report_page(jsonb_build_object(
        'language', language,
        'scored_on', today,
        'days', days,
        'persons', (SELECT count(*) FROM leadscore.person),
        'bands', (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', c.person_kind, 'name', c.name, 'low', c.min_score, 'color', c.color)
                                            ORDER BY c.person_kind NULLS FIRST, c.min_score DESC NULLS LAST), '[]') FROM leadscore.category c),
        'course', (SELECT coalesce(jsonb_agg(to_jsonb(c) ORDER BY c.day), '[]') FROM leadscore._category_course(days) c),
        'scores', (SELECT coalesce(jsonb_agg(jsonb_build_object('low', b.low, 'high', b.low + b.width, 'persons', b.persons) ORDER BY b.low), '[]')
                   FROM (SELECT e.first + e.width * ((p.score - e.first) / e.width) AS low, e.width, count(*) AS persons
                         FROM leadscore.person p
                         CROSS JOIN (SELECT 5 * floor(min(q.score) / 5.0)::bigint AS first,
                                            greatest(5, 5 * ceil((max(q.score) - min(q.score) + 1) / 200.0)::bigint) AS width
                                     FROM leadscore.person q) e
                         GROUP BY 1, 2) b),
        'rules', (SELECT coalesce(jsonb_agg(jsonb_build_object('rule', t.rule, 'points', t.points) ORDER BY t.points DESC), '[]')
                  FROM (SELECT coalesce(r.name, '±') AS rule,
                               sum(leadscore._worth(s.points, s.counts_from, s.decays_until, today))::bigint AS points
                        FROM leadscore.score_record s
                        LEFT JOIN leadscore.rule r ON r.rule_id = s.rule_id
                        WHERE s.counts_from <= today
                        GROUP BY 1) t),
        'first', (SELECT coalesce(jsonb_agg(to_jsonb(w)), '[]')
                  FROM (SELECT w.person_id, w.kind, w.external_id, w.owner, w.score, w.category, w.change_7,
                               w.last_activity, leadscore.scoring_day(w.last_activity_at) AS last_on, w.why
                        FROM leadscore.worklist w ORDER BY w.score DESC, w.person_id LIMIT 10) w),
        'cooling', (SELECT coalesce(jsonb_agg(to_jsonb(c)), '[]')
                    FROM (SELECT c.* FROM leadscore.cooling(14) c ORDER BY c.score DESC, c.falls_on, c.person_id LIMIT 10) c),
        'runs', (SELECT coalesce(jsonb_agg(to_jsonb(r)), '[]')
                 FROM (SELECT u.scored_on, round(extract(epoch FROM u.finished_at - u.started_at), 2)::text AS seconds,
                              u.persons_changed, u.categories_changed
                       FROM leadscore.run u ORDER BY u.run_id DESC LIMIT 7) r)));
END $function$;

COMMENT ON COLUMN leadscore.event_mapping.activity_type IS 'The activity type that it becomes; NULL: such events are left out';
COMMENT ON COLUMN leadscore.event_mapping.event IS 'The name of the event';
COMMENT ON COLUMN leadscore.event_mapping.only_online IS 'Whether activities of this type are seen on the website alone';
COMMENT ON COLUMN leadscore.settings.keep_category_changes IS 'How long category_change is kept, in whole days, weeks, months or years: runs remove older rows; NULL: for ever';
COMMENT ON COLUMN leadscore.settings.notify_channel IS 'Each run sends one NOTIFY on this channel, with what it did as JSON; NULL: none';
COMMENT ON COLUMN leadscore.status.category_changes_7 IS 'Changes of category in the last 7 days, as far as they are kept';
COMMENT ON SCHEMA leadscore IS 'Lead scoring: persons, their activities, the rules that give points, and what follows from them; names that begin with an underscore are internal';
COMMENT ON VIEW leadscore._plain_record IS 'What rules without a cap give for each activity, with its window, on no particular day';
COMMENT ON VIEW leadscore._capped_record IS 'What rules with a cap give for each activity, with window and displacement, on no particular day';
COMMENT ON FUNCTION leadscore._other_candidate(date,date) IS 'What caps leave, penalties and adjustments: all that can give points on or after a day, besides plain records';
COMMENT ON FUNCTION leadscore._candidate(date,date) IS 'All that can give points on or after a day';
COMMENT ON FUNCTION leadscore._stands(date,date,date,date,date) IS 'Whether a candidate counts on a day or will later';
COMMENT ON FUNCTION leadscore._derived(date,boolean,date) IS 'The score records of a day: those that count on it or will later';
COMMENT ON FUNCTION leadscore._standing(date) IS 'What is derived of each person who has anything: score, when the next record starts or falls due, the latest activity';
COMMENT ON FUNCTION leadscore._differing(boolean) IS 'The persons of whom anything stored is not what is derived; exact: and nothing that is only a bound is wider than it need be';
COMMENT ON FUNCTION leadscore._rescore_each(bigint[]) IS 'Derives some persons anew, one after the other, and returns what changed';
REVOKE EXECUTE ON FUNCTION leadscore._rescore_each(bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._rescore_due(bigint[]) IS 'Derives persons anew for whom more is due than expiry';
REVOKE EXECUTE ON FUNCTION leadscore._rescore_due(bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._check_outbox(text,interval) IS 'Refuses a channel that cannot be and a length of time that is not of whole days';
COMMENT ON FUNCTION leadscore._check_settings() IS 'Trigger: refuses settings that cannot be';
COMMENT ON FUNCTION leadscore._check_activity_types_truncated() IS 'Trigger: keeps activity types that are in use';
REVOKE EXECUTE ON FUNCTION leadscore._check_activity_types_truncated() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._recheck_at_commit(integer) IS 'Has what came from an attached table brought in step with its rows at commit';
REVOKE EXECUTE ON FUNCTION leadscore._recheck_at_commit(integer) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._source_rechecked() IS 'Trigger: brings what came from an attached table in step with its rows';
REVOKE EXECUTE ON FUNCTION leadscore._source_rechecked() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._make_way(text,text[],bigint[]) IS 'Frees keys that persons get, or refuses when somebody else has one';
REVOKE EXECUTE ON FUNCTION leadscore._make_way(text,text[],bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._admitted_role() IS 'The role that was admitted';
REVOKE EXECUTE ON FUNCTION leadscore._admitted_role() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._check_key_type(regclass,name,text) IS 'Refuses a column whose values cannot be keys';
REVOKE EXECUTE ON FUNCTION leadscore._check_key_type(regclass,name,text) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._is_unique(regclass,name) IS 'Whether a column tells the rows of a table apart';
COMMENT ON FUNCTION leadscore._has_persons_of_others(text,oid) IS 'Whether a kind has persons that come from no table of the role';
REVOKE EXECUTE ON FUNCTION leadscore._has_persons_of_others(text,oid) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._trim_category_changes(integer) IS 'Removes changes of category that were kept as long as settings.keep_category_changes says, at most so many, and returns how many';
REVOKE EXECUTE ON FUNCTION leadscore._trim_category_changes(integer) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._end_run(leadscore.run) IS 'Removes old changes of category and sends word of a run';
REVOKE EXECUTE ON FUNCTION leadscore._end_run(leadscore.run) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._pass_days(bigint[],bigint[],bigint[],bigint[],date,date) IS 'Takes from persons what their ended records gave, what the decaying ones lose between two days and what silence takes, and returns what changed and who is to be derived anew';
REVOKE EXECUTE ON FUNCTION leadscore._pass_days(bigint[],bigint[],bigint[],bigint[],date,date) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._pass(date,date) IS 'Brings persons through the days between two days, and returns what changed and who is to be derived anew';
REVOKE EXECUTE ON FUNCTION leadscore._pass(date,date) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._with(leadscore.run,leadscore._outcome) IS 'A run with what a part of it changed';
REVOKE EXECUTE ON FUNCTION leadscore._with(leadscore.run,leadscore._outcome) FROM PUBLIC;
COMMENT ON FUNCTION leadscore._need_right_to_batches() IS 'Refuses a caller who may not call recompute_in_batches()';
COMMENT ON FUNCTION leadscore._begin_batches(timestamp with time zone) IS 'Begins a run in batches, or leaves it to one that was interrupted';
COMMENT ON FUNCTION leadscore._next_batch(integer) IS 'Derives the next persons of a run in batches anew and returns whether there may be more';
COMMENT ON FUNCTION leadscore._is_scored_on(timestamp with time zone) IS 'Whether the scores stand for the day of a moment, by the rules as they are';
COMMENT ON FUNCTION leadscore._checked_config(text) IS 'The document with its types checked; an error names the path to the field that is wrong';
COMMENT ON FUNCTION leadscore._check_times(jsonb) IS 'Refuses a document with a length of time, a day or a moment that cannot be read';
COMMENT ON VIEW leadscore_what_if._plain_record IS 'leadscore._plain_record over what is assumed';
GRANT SELECT ON TABLE leadscore_what_if._plain_record TO PUBLIC;
COMMENT ON VIEW leadscore_what_if._capped_record IS 'leadscore._capped_record over what is assumed';
GRANT SELECT ON TABLE leadscore_what_if._capped_record TO PUBLIC;
COMMENT ON FUNCTION leadscore_what_if._other_candidate(date,date) IS 'leadscore._other_candidate() over what is assumed';
COMMENT ON FUNCTION leadscore_what_if._candidate(date,date) IS 'leadscore._candidate() over what is assumed';
COMMENT ON FUNCTION leadscore_what_if._derived(date,boolean,date) IS 'leadscore._derived() over what is assumed';
