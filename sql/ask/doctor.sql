-- What somebody has added to leadscore's own tables and a write below the executor would not obey.
CREATE FUNCTION leadscore._slow_tables()
RETURNS TABLE (relation text, what text, remedy text)
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'slow_tables_wrapper';
COMMENT ON FUNCTION leadscore._slow_tables() IS 'What makes leadscore write its tables by statements instead of directly';

-- Health: what keeps scores from being right or on time, each with what mends it.
CREATE FUNCTION leadscore.doctor()
RETURNS TABLE (severity text, finding text, detail text, remedy text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off SET standard_conforming_strings = on AS $$
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
END $$;
COMMENT ON FUNCTION leadscore.doctor() IS 'What keeps scores from being right or on time, each with what mends it; no row when all is well';

-- Apart, since it can only be run where pg_cron is installed.
CREATE FUNCTION leadscore._doctor_cron()
RETURNS TABLE (severity text, finding text, detail text, remedy text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off SET standard_conforming_strings = on AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._doctor_cron() IS 'What doctor() finds about the nightly job';
