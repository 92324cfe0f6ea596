-- Website events come in.
--
-- Events are taken as if they came one by one in the order of their own time; those between two
-- withdrawals of consent are taken as a set. Locks come in the order state, activities, persons,
-- visitors, events, so that senders and those who merge or remove persons wait for each other in turn.

CREATE FUNCTION leadscore._read_events(events text[], sent_at text, default_kind text, consent_category text)
RETURNS TABLE (index int, reason text, kind text, name text, visitor text, person_kind text, external_id text,
               previous text, message_id text, at timestamptz, properties jsonb, consent boolean, address text, robot boolean)
LANGUAGE c AS 'MODULE_PATHNAME', 'read_events_wrapper';
COMMENT ON FUNCTION leadscore._read_events(text[], text, text, text) IS 'Events as senders write them, brought to one form, or with the reason why they cannot be';
REVOKE ALL ON FUNCTION leadscore._read_events(text[], text, text, text) FROM PUBLIC;

CREATE TYPE leadscore._read_event AS (
    index int, kind text, name text, activity_type text, visitor text, person_kind text, external_id text,
    previous text, message_id text, at timestamptz, properties jsonb, consent boolean
);
COMMENT ON TYPE leadscore._read_event IS 'An event that is to be taken';

CREATE TYPE leadscore._taken AS (taken bigint, without_consent bigint, seen_before bigint);
COMMENT ON TYPE leadscore._taken IS 'How many events were taken, had no consent, or had been taken before';

-- Takes events among which no consent is withdrawn.
CREATE FUNCTION leadscore._take_events(events leadscore._read_event[], of_tenant text) RETURNS leadscore._taken
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._take_events(leadscore._read_event[], text) IS 'Takes events among which no consent is withdrawn';
REVOKE ALL ON FUNCTION leadscore._take_events(leadscore._read_event[], text) FROM PUBLIC;

-- Both ids are known; what either did belongs to one visitor from now on.
CREATE FUNCTION leadscore._join_visitors(one text, other text, of_tenant text) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._join_visitors(text, text, text) IS 'Makes two visitors one and returns it, or nothing where they are one already';
REVOKE ALL ON FUNCTION leadscore._join_visitors(text, text, text) FROM PUBLIC;

-- A refusal holds for all that a person does on the website, by whichever visitor.
CREATE FUNCTION leadscore._refuse_visits(ids bigint[], at timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._lock_visits(NULL, ids);
    INSERT INTO leadscore.person_consent AS c (person_id, refused_at)
    SELECT p.person_id, at FROM leadscore.person p WHERE p.person_id = ANY (ids) ORDER BY p.person_id
    ON CONFLICT (person_id) DO UPDATE SET refused_at = EXCLUDED.refused_at
    WHERE c.refused_at IS NULL OR c.refused_at < EXCLUDED.refused_at;
    PERFORM leadscore._remove_visits(array_agg(c.person_id), 'infinity')
    FROM leadscore.person_consent c WHERE c.person_id = ANY (ids) AND c.refused;
    PERFORM leadscore._remove_visits(array_agg(c.person_id), at)
    FROM leadscore.person_consent c WHERE c.person_id = ANY (ids) AND NOT c.refused;
    PERFORM leadscore._rescore(ids);
END $$;
COMMENT ON FUNCTION leadscore._refuse_visits(bigint[], timestamptz) IS 'Notes that persons refuse, and removes what their visits left, points too';
REVOKE ALL ON FUNCTION leadscore._refuse_visits(bigint[], timestamptz) FROM PUBLIC;

CREATE FUNCTION leadscore._withdraw(event leadscore._read_event, of_tenant text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._withdraw(leadscore._read_event, text) IS 'Removes what was stored of the visitor and the person of an event that withdraws consent';
REVOKE ALL ON FUNCTION leadscore._withdraw(leadscore._read_event, text) FROM PUBLIC;

-- Keys of persons, visitors and message ids are those of one tenant, or of nobody's website.
CREATE FUNCTION leadscore.track(event jsonb, tenant text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore.track(jsonb, text) IS 'Takes one website event, an array of them or a Segment batch; returns how many were taken and left out, and of each that cannot be taken its index and the reason; with a tenant, events of its website about its persons';
-- Whoever sends events makes scores: the owner says who may. The role needs nothing else but
-- USAGE on the schema.
REVOKE ALL ON FUNCTION leadscore.track(jsonb, text) FROM PUBLIC;

CREATE FUNCTION leadscore.set_consent(person_id bigint, granted boolean, at timestamptz DEFAULT now()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore.set_consent(bigint, boolean, timestamptz) IS 'Notes that a person consents to the registration of website visits, or refuses: then what was stored goes at once, with its points';
REVOKE ALL ON FUNCTION leadscore.set_consent(bigint, boolean, timestamptz) FROM PUBLIC;

-- Of visits that counted only what ties the activity to the visitor stays, so that consent can
-- still be withdrawn; of others nothing. Visitors that nobody was go when they have no event left.
CREATE FUNCTION leadscore.purge_visits(as_of timestamptz DEFAULT now(), OUT events_removed bigint, OUT events_stripped bigint, OUT visitors_removed bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before timestamptz := as_of - coalesce((SELECT s.retention FROM leadscore.track_settings s), '180 days');
BEGIN
    IF as_of IS NULL OR NOT isfinite(as_of) THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('purge_visits: %s is no moment', coalesce(as_of::text, 'NULL')),
            DETAIL = 'What was taken longer before it than leadscore.track_settings.retention is removed.',
            HINT = 'Leave as_of out for the present moment.';
    END IF;
    PERFORM leadscore._begin();
    DELETE FROM leadscore.event e WHERE e.recorded_at < before AND e.activity_id IS NULL;
    GET DIAGNOSTICS events_removed = ROW_COUNT;
    UPDATE leadscore.event e SET message_id = NULL, event = NULL, properties = NULL
    WHERE e.recorded_at < before AND e.activity_id IS NOT NULL AND e.event IS NOT NULL;
    GET DIAGNOSTICS events_stripped = ROW_COUNT;
    DELETE FROM leadscore.event e
    WHERE e.event IS NULL AND e.activity_id IS NOT NULL
      AND NOT EXISTS (SELECT FROM leadscore.activity a WHERE a.person_id = e.person_id AND a.activity_id = e.activity_id);
    -- Ties that repeat the one before them, once no event of between can still arrive.
    DELETE FROM leadscore.visitor_person t
    WHERE t.tied_at < before
      AND t.person_id = (SELECT s.person_id FROM leadscore.visitor_person s
                         WHERE s.visitor_id = t.visitor_id AND s.tied_at < t.tied_at ORDER BY s.tied_at DESC LIMIT 1);
    DELETE FROM leadscore.visitor_person t
    WHERE t.tied_at < before AND t.person_id IS NULL;
    DELETE FROM leadscore.visitor v
    WHERE v.recorded_at < before
      AND NOT EXISTS (SELECT FROM leadscore.event e WHERE e.visitor_id = v.visitor_id)
      AND NOT EXISTS (SELECT FROM leadscore.visitor_person t WHERE t.visitor_id = v.visitor_id);
    GET DIAGNOSTICS visitors_removed = ROW_COUNT;
END $$;
COMMENT ON FUNCTION leadscore.purge_visits(timestamptz) IS 'Removes raw events that are older than leadscore.track_settings.retention; activities and scores stay';
REVOKE ALL ON FUNCTION leadscore.purge_visits(timestamptz) FROM PUBLIC;
