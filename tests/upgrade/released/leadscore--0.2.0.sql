-- sql/schema.sql
-- The whole install script runs under this search_path, so that nothing that somebody put into the schema of CREATE
-- EXTENSION can be taken for a function or an operator of PostgreSQL in a view, a default or a body BEGIN ATOMIC.
SET LOCAL search_path = pg_catalog, pg_temp;

-- Texts and documents are read in Rust, whose strings are UTF-8: in any other encoding the first accent would be an
-- internal error.
DO $$ BEGIN
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE feature_not_supported USING
            MESSAGE = format('leadscore: the encoding of database %I is %s', current_database(), current_setting('server_encoding')),
            DETAIL = 'leadscore reads texts and documents as UTF8.',
            HINT = 'Create another database with TEMPLATE template0 ENCODING ''UTF8'' and bring the data there.';
    END IF;
END $$;

-- The schema of everything that leadscore owns, except leadscore_recompute(),
-- which lives in the schema chosen at CREATE EXTENSION. Names that begin with an
-- underscore are internal: they may change with any version.
CREATE SCHEMA leadscore;
COMMENT ON SCHEMA leadscore IS 'Lead scoring: persons, their activities, the rules that give points, and what follows from them; names that begin with an underscore are internal';

-- sql/settings.sql
-- Settings of the business, and what leadscore keeps about its own last run.

-- The install script puts one row into each single-row table, and a dump brings its own:
-- an INSERT therefore replaces the row, so that a restore needs no manual step.
CREATE FUNCTION leadscore._replace_the_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('DELETE FROM %I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME);
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION leadscore._replace_the_row() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._replace_the_row() IS 'Trigger: an INSERT into a table of one row takes the place of the row';

CREATE TABLE leadscore.settings (
    one_row               boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    time_zone             text NOT NULL,
    notify_channel        text,
    keep_category_changes interval
);
INSERT INTO leadscore.settings (time_zone)
SELECT coalesce((SELECT name FROM pg_catalog.pg_timezone_names WHERE name = current_setting('TimeZone')), 'UTC');
CREATE TRIGGER replace_the_row BEFORE INSERT ON leadscore.settings
    FOR EACH ROW EXECUTE FUNCTION leadscore._replace_the_row();
SELECT pg_catalog.pg_extension_config_dump('leadscore.settings', '');
COMMENT ON TABLE leadscore.settings IS 'Settings of the business: always one row; an INSERT replaces it';
COMMENT ON COLUMN leadscore.settings.one_row IS 'Always true: there is one row';
COMMENT ON COLUMN leadscore.settings.time_zone IS 'The time zone whose days count, by its full name, such as Europe/Amsterdam';
COMMENT ON COLUMN leadscore.settings.notify_channel IS 'Each run sends one NOTIFY on this channel, with what it did as JSON; NULL: none';
COMMENT ON COLUMN leadscore.settings.keep_category_changes IS 'How long category_change is kept, in whole days, weeks, months or years: runs remove older rows; NULL: for ever';

-- Writers hold ROW SHARE on this table until they commit and a run holds EXCLUSIVE, so no
-- activity is scored by the old day while a run moves everyone to the new one. Its relcache
-- entry also carries the word that rules, categories, settings or the day have changed.
CREATE TABLE leadscore.state (
    one_row   boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    scored_on date NOT NULL CHECK (isfinite(scored_on))
);
INSERT INTO leadscore.state (scored_on)
SELECT (now() AT TIME ZONE time_zone)::date FROM leadscore.settings;
CREATE TRIGGER replace_the_row BEFORE INSERT ON leadscore.state
    FOR EACH ROW EXECUTE FUNCTION leadscore._replace_the_row();
SELECT pg_catalog.pg_extension_config_dump('leadscore.state', '');
COMMENT ON TABLE leadscore.state IS 'The day for which the scores stand: the last run''s, or the day of installation; always one row, written by leadscore alone';
COMMENT ON COLUMN leadscore.state.one_row IS 'Always true: there is one row';
COMMENT ON COLUMN leadscore.state.scored_on IS 'The local day for which the scores stand';

-- Not in dumps, and so empty in a database that is being restored: until the first row that
-- is registered here and now, the triggers leave alone the rows that a dump brings.
CREATE TABLE leadscore.instance (
    one_row     boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    live_since  timestamptz NOT NULL DEFAULT now(),
    rebuild_due boolean NOT NULL DEFAULT true
);
COMMENT ON TABLE leadscore.instance IS 'What leadscore knows of this copy of the database; never dumped, so a restored copy starts without it and its first run derives everything anew';
COMMENT ON COLUMN leadscore.instance.one_row IS 'Always true: there is at most one row';
COMMENT ON COLUMN leadscore.instance.live_since IS 'When the first row was registered in this copy';
COMMENT ON COLUMN leadscore.instance.rebuild_due IS 'Whether rules, categories or settings changed since the last run, so that the next one derives everything anew';

-- sql/person.sql
-- Persons: candidates, contact persons or any other kind that an application has.
-- A night can write every row: with half of each page free, the new versions fit beside the old ones, as heap-only ones.
-- The fillfactor and the absence of an index on score, category and last_activity_at keep
-- the update that each activity brings a heap-only one.
CREATE TABLE leadscore.person (
    person_id        bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    kind             text NOT NULL,
    external_id      text,
    status           text,
    owner            text,
    since            timestamptz NOT NULL DEFAULT now(),
    score            bigint NOT NULL DEFAULT 0,
    category         text,
    last_activity_at timestamptz,
    scored_through   date,
    penalised        boolean NOT NULL DEFAULT false,
    recorded_at      timestamptz NOT NULL DEFAULT now(),
    source_id        int,
    departed         boolean NOT NULL DEFAULT false,
    UNIQUE (kind, external_id)
) WITH (fillfactor = 50);
CREATE INDEX person_owner_idx ON leadscore.person (owner) WHERE owner IS NOT NULL;
SELECT pg_catalog.pg_extension_config_dump('leadscore.person', '');
SELECT pg_catalog.pg_extension_config_dump('leadscore.person_person_id_seq', '');
COMMENT ON TABLE leadscore.person IS 'Persons that are scored; the application writes kind, external_id, status, owner and since, leadscore the rest';
COMMENT ON COLUMN leadscore.person.person_id IS 'Identity; leads every key of person-level tables; cannot change';
COMMENT ON COLUMN leadscore.person.kind IS 'What the person is, such as candidate or contact; rules and categories can be for certain kinds';
COMMENT ON COLUMN leadscore.person.external_id IS 'The application''s own key of the person, unique within the kind';
COMMENT ON COLUMN leadscore.person.status IS 'The current status; rules can be for certain statuses';
COMMENT ON COLUMN leadscore.person.owner IS 'Who looks after the person, such as a recruiter';
COMMENT ON COLUMN leadscore.person.since IS 'Since when the person is known: inactivity is counted from this day on';
COMMENT ON COLUMN leadscore.person.score IS 'Points: the sum of the score records that count';
COMMENT ON COLUMN leadscore.person.category IS 'The name of the band in which the score falls; NULL where the kind has no categories';
COMMENT ON COLUMN leadscore.person.last_activity_at IS 'The latest occurred_at of the person''s activities';
COMMENT ON COLUMN leadscore.person.scored_through IS 'The day through which records that began since the last run are counted already; NULL or a day before the last run: none';
COMMENT ON COLUMN leadscore.person.penalised IS 'Whether the present silence has brought a penalty; when false, a fresh activity has none to clear';
COMMENT ON COLUMN leadscore.person.recorded_at IS 'When the row was inserted';
COMMENT ON COLUMN leadscore.person.source_id IS 'The attached table that it came from; NULL for a plain INSERT';
COMMENT ON COLUMN leadscore.person.departed IS 'Its row in the attached table is gone: unless it comes back in the same transaction, the person goes at commit';

-- sql/activity_type.sql
-- Activity types: what can be registered on a person.
CREATE TABLE leadscore.activity_type (
    activity_type text PRIMARY KEY CHECK (activity_type <> ''),
    description   text
);
SELECT pg_catalog.pg_extension_config_dump('leadscore.activity_type', '');
COMMENT ON TABLE leadscore.activity_type IS 'Kinds of activity that can be registered on a person';
COMMENT ON COLUMN leadscore.activity_type.activity_type IS 'The name that activities and rules use, such as appointment';
COMMENT ON COLUMN leadscore.activity_type.description IS 'What it means, for people';

-- sql/activity.sql
-- Activities: what was registered on a person, and when it took place.
-- There is no foreign key to person: the scoring trigger updates the person's row in the
-- same statement and refuses an activity without one, at no cost of its own.
CREATE TABLE leadscore.activity (
    activity_id   bigint GENERATED BY DEFAULT AS IDENTITY,
    person_id     bigint NOT NULL,
    activity_type text NOT NULL,
    occurred_at   timestamptz NOT NULL DEFAULT now(),
    attributes    jsonb,
    recorded_at   timestamptz NOT NULL DEFAULT now(),
    source_id     int,
    source_key    text,
    PRIMARY KEY (person_id, activity_id)
);
CREATE INDEX activity_activity_id_idx ON leadscore.activity (activity_id);
CREATE INDEX activity_source_idx ON leadscore.activity (source_id, source_key) WHERE source_id IS NOT NULL;
SELECT pg_catalog.pg_extension_config_dump('leadscore.activity', '');
SELECT pg_catalog.pg_extension_config_dump('leadscore.activity_activity_id_seq', '');
COMMENT ON TABLE leadscore.activity IS 'Activities registered on persons: the source from which every score is derived';
COMMENT ON COLUMN leadscore.activity.activity_id IS 'Identity; of two activities at the same instant the higher one is the newer';
COMMENT ON COLUMN leadscore.activity.person_id IS 'The person on whom it is registered';
COMMENT ON COLUMN leadscore.activity.activity_type IS 'What it was: a name of leadscore.activity_type';
COMMENT ON COLUMN leadscore.activity.occurred_at IS 'When it took place or will; the local day of it counts';
COMMENT ON COLUMN leadscore.activity.attributes IS 'Details that a rule''s condition can ask for, as a JSON object';
COMMENT ON COLUMN leadscore.activity.recorded_at IS 'When the row was inserted';
COMMENT ON COLUMN leadscore.activity.source_id IS 'The attached table that it came from; NULL for a plain INSERT';
COMMENT ON COLUMN leadscore.activity.source_key IS 'The key of its row in that table';

-- sql/rule.sql
-- Rules: points for activities, or for their absence.
CREATE TABLE leadscore.rule (
    rule_id        int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    name           text NOT NULL UNIQUE,
    kind           text NOT NULL DEFAULT 'activity',
    activity_types text[],
    condition      jsonb,
    person_kinds   text[],
    statuses       text[],
    points         int NOT NULL,
    relevant_for   interval,
    decay          text NOT NULL DEFAULT 'none',
    max_per_day    int,
    max_counted    int,
    inactive_for   interval,
    repeat_every   interval,
    max_repeats    int,
    effective_from date,
    enabled        boolean NOT NULL DEFAULT true,
    created_at     timestamptz NOT NULL DEFAULT now()
);
SELECT pg_catalog.pg_extension_config_dump('leadscore.rule', '');
SELECT pg_catalog.pg_extension_config_dump('leadscore.rule_rule_id_seq', '');
COMMENT ON TABLE leadscore.rule IS 'Rules that give points for activities or take them for their absence; an edit takes effect at the next leadscore_recompute()';
COMMENT ON COLUMN leadscore.rule.rule_id IS 'Identity';
COMMENT ON COLUMN leadscore.rule.name IS 'What people call the rule; a configuration is matched by it';
COMMENT ON COLUMN leadscore.rule.kind IS 'activity: points for each matching activity; inactivity: points for each period without any';
COMMENT ON COLUMN leadscore.rule.activity_types IS 'The activity types that match; NULL: all';
COMMENT ON COLUMN leadscore.rule.condition IS 'A JSON object that an activity''s attributes must contain (@>); NULL: no condition';
COMMENT ON COLUMN leadscore.rule.person_kinds IS 'The kinds of person it applies to; NULL: all';
COMMENT ON COLUMN leadscore.rule.statuses IS 'The current statuses of persons it applies to; NULL: all';
COMMENT ON COLUMN leadscore.rule.points IS 'Points of one record; negative for a penalty';
COMMENT ON COLUMN leadscore.rule.relevant_for IS 'How long a record counts, in whole days, weeks, months or years; NULL: for ever';
COMMENT ON COLUMN leadscore.rule.decay IS 'none: full points on every day; linear: from full points to none over relevant_for';
COMMENT ON COLUMN leadscore.rule.max_per_day IS 'Of a person''s records of one day only the newest so many remain; NULL: no limit';
COMMENT ON COLUMN leadscore.rule.max_counted IS 'At most the newest so many records count for a person on any day; NULL: no limit';
COMMENT ON COLUMN leadscore.rule.inactive_for IS 'Inactivity rules: the length of silence after which the first penalty is due';
COMMENT ON COLUMN leadscore.rule.repeat_every IS 'Inactivity rules: the time between penalties of one silence; NULL: one penalty';
COMMENT ON COLUMN leadscore.rule.max_repeats IS 'Inactivity rules with repeat_every: the most penalties of one silence; NULL: no limit';
COMMENT ON COLUMN leadscore.rule.effective_from IS 'Activities before this day give nothing, and silence is counted from it; NULL: no limit';
COMMENT ON COLUMN leadscore.rule.enabled IS 'Whether the rule applies at all';
COMMENT ON COLUMN leadscore.rule.created_at IS 'When the row was inserted';

-- sql/category.sql
-- Categories: the bands of the score. A band reaches from its bound to the next one of the
-- same kind, so bands can neither overlap nor leave a gap.
CREATE TABLE leadscore.category (
    category_id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    person_kind text CHECK (person_kind <> ''),
    name        text NOT NULL CHECK (name <> ''),
    min_score   bigint,
    color       text,
    UNIQUE NULLS NOT DISTINCT (person_kind, min_score),
    UNIQUE NULLS NOT DISTINCT (person_kind, name)
);
SELECT pg_catalog.pg_extension_config_dump('leadscore.category', '');
SELECT pg_catalog.pg_extension_config_dump('leadscore.category_category_id_seq', '');
COMMENT ON TABLE leadscore.category IS 'Categories such as cold, warm and hot; an edit takes effect at the next leadscore_recompute()';
COMMENT ON COLUMN leadscore.category.category_id IS 'Identity';
COMMENT ON COLUMN leadscore.category.person_kind IS 'The kind of person it is for; NULL: all kinds that have none of their own';
COMMENT ON COLUMN leadscore.category.name IS 'What people call the category';
COMMENT ON COLUMN leadscore.category.min_score IS 'The lowest score, in points, that falls in it; NULL: the lowest category';
COMMENT ON COLUMN leadscore.category.color IS 'A colour for pages and reports, such as #d9480f';

-- sql/score_record.sql
-- Score records: what each rule gives for each activity or period without any.
-- Stored are the records that count or will count; what no longer counts is derived again
-- from the activities when somebody asks.
CREATE TABLE leadscore.score_record (
    person_id     bigint NOT NULL,
    activity_id   bigint,
    rule_id       int,
    points        int NOT NULL,
    counts_from   date NOT NULL,
    counts_until  date,
    decays_until  date,
    adjustment_id bigint
);
-- There is no primary key, since a penalty has no activity: published tables need this.
ALTER TABLE leadscore.score_record REPLICA IDENTITY FULL;
CREATE INDEX score_record_person_idx ON leadscore.score_record (person_id, activity_id);
CREATE INDEX score_record_until_idx ON leadscore.score_record (counts_until) WHERE counts_until IS NOT NULL;
CREATE INDEX score_record_decay_idx ON leadscore.score_record (person_id) WHERE decays_until IS NOT NULL;
SELECT pg_catalog.pg_extension_config_dump('leadscore.score_record', '');
COMMENT ON TABLE leadscore.score_record IS 'Points of one rule for one activity, one penalty or one manual adjustment, with the days on which they count';
COMMENT ON COLUMN leadscore.score_record.person_id IS 'The person';
COMMENT ON COLUMN leadscore.score_record.activity_id IS 'The activity; NULL for a penalty or an adjustment';
COMMENT ON COLUMN leadscore.score_record.rule_id IS 'The rule; NULL for a manual adjustment';
COMMENT ON COLUMN leadscore.score_record.points IS 'Full points of the record; what a decaying one is worth on a day follows from decays_until';
COMMENT ON COLUMN leadscore.score_record.counts_from IS 'The first day on which it counts';
COMMENT ON COLUMN leadscore.score_record.counts_until IS 'The day on which it no longer counts; NULL: it counts for ever';
COMMENT ON COLUMN leadscore.score_record.decays_until IS 'The day on which a linearly decaying record reaches 0; NULL: it does not decay';
COMMENT ON COLUMN leadscore.score_record.adjustment_id IS 'The manual adjustment; NULL for what a rule gave';

-- When the night must look at a person again for another reason than an expiry: a penalty
-- falls due, a future record starts. The day is a lower bound: activity leaves it stale and
-- the night pushes it forward, so an activity writes no indexed column.
CREATE TABLE leadscore.due (
    person_id bigint PRIMARY KEY,
    due_on    date NOT NULL
);
CREATE INDEX due_due_on_idx ON leadscore.due (due_on);
SELECT pg_catalog.pg_extension_config_dump('leadscore.due', '');
COMMENT ON TABLE leadscore.due IS 'The earliest day on which a penalty or the start of a record can change a person''s score';
COMMENT ON COLUMN leadscore.due.person_id IS 'The person';
COMMENT ON COLUMN leadscore.due.due_on IS 'Nothing but expiry and decay changes the score before this day';

-- sql/adjustment.sql
-- Manual adjustments: points that somebody gives or takes, with a reason.
CREATE TABLE leadscore.adjustment (
    adjustment_id bigint GENERATED BY DEFAULT AS IDENTITY,
    person_id     bigint NOT NULL,
    points        int NOT NULL,
    reason        text NOT NULL,
    from_day      date NOT NULL,
    until_day     date,
    adjusted_by   name NOT NULL DEFAULT session_user,
    recorded_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (person_id, adjustment_id),
    CHECK (until_day > from_day)
);
CREATE INDEX adjustment_adjustment_id_idx ON leadscore.adjustment (adjustment_id);
SELECT pg_catalog.pg_extension_config_dump('leadscore.adjustment', '');
SELECT pg_catalog.pg_extension_config_dump('leadscore.adjustment_adjustment_id_seq', '');
COMMENT ON TABLE leadscore.adjustment IS 'Manual adjustments of a score; written by leadscore.adjust() and leadscore.unadjust()';
COMMENT ON COLUMN leadscore.adjustment.adjustment_id IS 'Identity';
COMMENT ON COLUMN leadscore.adjustment.person_id IS 'The person';
COMMENT ON COLUMN leadscore.adjustment.points IS 'Points given, or taken when negative';
COMMENT ON COLUMN leadscore.adjustment.reason IS 'Why, in words';
COMMENT ON COLUMN leadscore.adjustment.from_day IS 'The first day on which it counts';
COMMENT ON COLUMN leadscore.adjustment.until_day IS 'The day on which it no longer counts; NULL: it counts for ever';
COMMENT ON COLUMN leadscore.adjustment.adjusted_by IS 'The role that made it';
COMMENT ON COLUMN leadscore.adjustment.recorded_at IS 'When it was made';

-- sql/category_change.sql
-- Category changes: one row for each real change, in the transaction that made it.
CREATE TABLE leadscore.category_change (
    change_id     bigint GENERATED BY DEFAULT AS IDENTITY,
    person_id     bigint NOT NULL,
    from_category text,
    to_category   text,
    score         bigint NOT NULL,
    scored_on     date NOT NULL,
    changed_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (person_id, change_id)
);
CREATE INDEX category_change_change_id_idx ON leadscore.category_change (change_id);
SELECT pg_catalog.pg_extension_config_dump('leadscore.category_change', '');
SELECT pg_catalog.pg_extension_config_dump('leadscore.category_change_change_id_seq', '');
COMMENT ON TABLE leadscore.category_change IS 'Each change of a person''s category after the first assignment';
COMMENT ON COLUMN leadscore.category_change.change_id IS 'Identity, in order of writing';
COMMENT ON COLUMN leadscore.category_change.person_id IS 'The person';
COMMENT ON COLUMN leadscore.category_change.from_category IS 'The category before; NULL: none';
COMMENT ON COLUMN leadscore.category_change.to_category IS 'The category after; NULL: none';
COMMENT ON COLUMN leadscore.category_change.score IS 'The score after, in points';
COMMENT ON COLUMN leadscore.category_change.scored_on IS 'The day for which that score stands';
COMMENT ON COLUMN leadscore.category_change.changed_at IS 'When the transaction that made the change began';

-- sql/run.sql
-- Runs: one row for each recompute.
CREATE TABLE leadscore.run (
    run_id             bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    scored_on          date NOT NULL,
    started_at         timestamptz NOT NULL,
    finished_at        timestamptz,
    full_rebuild       boolean NOT NULL DEFAULT false,
    records_added      bigint NOT NULL DEFAULT 0,
    records_removed    bigint NOT NULL DEFAULT 0,
    persons_changed    bigint NOT NULL DEFAULT 0,
    categories_changed bigint NOT NULL DEFAULT 0,
    persons_due        bigint
);
SELECT pg_catalog.pg_extension_config_dump('leadscore.run', '');
SELECT pg_catalog.pg_extension_config_dump('leadscore.run_run_id_seq', '');
COMMENT ON TABLE leadscore.run IS 'Each run of leadscore_recompute() that was committed';
COMMENT ON COLUMN leadscore.run.run_id IS 'Identity';
COMMENT ON COLUMN leadscore.run.scored_on IS 'The local day to which everything was brought';
COMMENT ON COLUMN leadscore.run.started_at IS 'When the run began';
COMMENT ON COLUMN leadscore.run.finished_at IS 'When the run had done its work; NULL while its batches go on';
COMMENT ON COLUMN leadscore.run.full_rebuild IS 'Whether everything was derived anew, asked for or because rules, categories or settings had changed';
COMMENT ON COLUMN leadscore.run.records_added IS 'Score records that the run added';
COMMENT ON COLUMN leadscore.run.records_removed IS 'Score records that the run removed';
COMMENT ON COLUMN leadscore.run.persons_changed IS 'Persons whose score or category the run changed';
COMMENT ON COLUMN leadscore.run.categories_changed IS 'Persons whose category the run changed';
COMMENT ON COLUMN leadscore.run.persons_due IS 'Persons that a run in batches has to derive anew; NULL for a run in one transaction';

-- What a run in batches has still to do. A run that was interrupted goes on from here.
CREATE TABLE leadscore.pending (
    person_id bigint PRIMARY KEY
);
SELECT pg_catalog.pg_extension_config_dump('leadscore.pending', '');
COMMENT ON TABLE leadscore.pending IS 'Persons that the present run in batches has still to derive anew';
COMMENT ON COLUMN leadscore.pending.person_id IS 'The person';

CREATE VIEW leadscore.progress AS
SELECT r.run_id, r.scored_on, r.started_at,
       CASE WHEN p.left_over = 0 THEN 'finishing' ELSE 'deriving persons' END AS phase,
       r.persons_due - p.left_over AS done, r.persons_due AS total,
       round(100.0 * (r.persons_due - p.left_over) / nullif(r.persons_due, 0), 1) AS percent
FROM leadscore.run r
CROSS JOIN (SELECT count(*) AS left_over FROM leadscore.pending) p
WHERE r.finished_at IS NULL;
COMMENT ON VIEW leadscore.progress IS 'How far a run in batches is; no row when none is under way or was interrupted';
COMMENT ON COLUMN leadscore.progress.run_id IS 'The run';
COMMENT ON COLUMN leadscore.progress.scored_on IS 'The local day to which it brings everything';
COMMENT ON COLUMN leadscore.progress.started_at IS 'When it began';
COMMENT ON COLUMN leadscore.progress.phase IS 'What it is doing';
COMMENT ON COLUMN leadscore.progress.done IS 'Persons that are derived';
COMMENT ON COLUMN leadscore.progress.total IS 'Persons that had to be';
COMMENT ON COLUMN leadscore.progress.percent IS 'done in percent of total';

-- sql/consent.sql
-- What rules must know of website visits: which activity types only the website brings, and
-- which persons do not want to be followed there.

-- What the business says about the names of website events. The install script puts no row
-- here, so nothing comes twice with a dump: leadscore.event_mapping has what holds without one.
CREATE TABLE leadscore.event_type (
    event         text PRIMARY KEY CHECK (event <> ''),
    activity_type text,
    only_online   boolean NOT NULL DEFAULT true
);
SELECT pg_catalog.pg_extension_config_dump('leadscore.event_type', '');
COMMENT ON TABLE leadscore.event_type IS 'Which activity type the events of a name become, as the business wants it; leadscore.event_mapping also shows what holds by default';
COMMENT ON COLUMN leadscore.event_type.event IS 'The name of the event, such as jobview';
COMMENT ON COLUMN leadscore.event_type.activity_type IS 'The activity type that it becomes; NULL: such events are left out';
COMMENT ON COLUMN leadscore.event_type.only_online IS 'Whether activities of this type are seen on the website alone, so that a person who may not be followed there has none';

CREATE VIEW leadscore.event_mapping AS
SELECT m.event, m.activity_type, m.only_online
FROM leadscore.event_type m
UNION ALL
(SELECT DISTINCT ON (d.event) d.event, d.activity_type, d.only_online
 FROM (VALUES ('pageview', 'website_visit', true, 1), ('pageview', 'websitebezoek', true, 2),
              ('jobview', 'job_view', true, 1), ('jobview', 'vacature_bekeken', true, 2),
              ('apply-start', 'application_started', true, 1), ('apply-start', 'sollicitatie_begonnen', true, 2),
              ('conversion', 'application', false, 1), ('conversion', 'sollicitatie', false, 2)
      ) d(event, activity_type, only_online, nth)
 JOIN leadscore.activity_type t ON t.activity_type = d.activity_type
 WHERE NOT EXISTS (SELECT FROM leadscore.event_type m WHERE m.event = d.event)
 ORDER BY d.event, d.nth);
COMMENT ON VIEW leadscore.event_mapping IS 'Which activity type each event becomes: the rows of leadscore.event_type, and for names without one the types of the presets where they exist';
COMMENT ON COLUMN leadscore.event_mapping.event IS 'The name of the event';
COMMENT ON COLUMN leadscore.event_mapping.activity_type IS 'The activity type that it becomes; NULL: such events are left out';
COMMENT ON COLUMN leadscore.event_mapping.only_online IS 'Whether activities of this type are seen on the website alone';

CREATE TABLE leadscore.person_consent (
    person_id  bigint PRIMARY KEY,
    granted_at timestamptz,
    refused_at timestamptz,
    refused    boolean NOT NULL GENERATED ALWAYS AS (refused_at IS NOT NULL AND (granted_at IS NULL OR granted_at <= refused_at)) STORED,
    CHECK (granted_at IS NOT NULL OR refused_at IS NOT NULL)
);
SELECT pg_catalog.pg_extension_config_dump('leadscore.person_consent', '');
COMMENT ON TABLE leadscore.person_consent IS 'Whether persons want their website visits to be registered, as far as they said so; written by track() and set_consent()';
COMMENT ON COLUMN leadscore.person_consent.person_id IS 'The person';
COMMENT ON COLUMN leadscore.person_consent.granted_at IS 'When the person consented, at the latest';
COMMENT ON COLUMN leadscore.person_consent.refused_at IS 'When the person refused or withdrew consent, at the latest; nothing of up to then is registered';
COMMENT ON COLUMN leadscore.person_consent.refused IS 'Whether the refusal stands';

-- A person who refused has no visits, and inactivity rules that look at nothing else do not
-- apply to such a person: who may not be seen is not silent.
CREATE VIEW leadscore._online_rule AS
SELECT r.rule_id
FROM leadscore.rule r
WHERE r.kind = 'inactivity' AND cardinality(r.activity_types) > 0
  AND r.activity_types <@ ARRAY(SELECT m.activity_type FROM leadscore.event_mapping m WHERE m.only_online AND m.activity_type IS NOT NULL);
COMMENT ON VIEW leadscore._online_rule IS 'Inactivity rules that look at website activity alone';

-- sql/derive.sql
-- The meaning of a score, written once. Everything that scores reads from here: triggers,
-- recompute, verify, score_at. These are views, and functions that the planner inlines, so a
-- condition on person_id or rule_id reaches the tables' indexes.
--
--   activity, person, rule ──▶ _match ──▶ _plain_record ─────────────────────────┐
--                                    └──▶ _capped_record ─┐                       ├─▶ _candidate ──▶ _derived
--   person.since, _match ────▶ _spell ──▶ _penalty ───────┼─▶ _other_candidate ───┘
--   adjustment ───────────────────────────────────────────┘
--
-- All bodies are parsed here and now: no search_path of a caller can change their meaning.

CREATE FUNCTION leadscore._day(at timestamptz, time_zone text) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (at AT TIME ZONE time_zone)::date;
COMMENT ON FUNCTION leadscore._day(timestamptz, text) IS 'The local day of an instant in a time zone';

CREATE FUNCTION leadscore.scoring_day(at timestamptz DEFAULT now()) RETURNS date
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT isfinite(at) THEN
        RAISE datetime_field_overflow USING
            MESSAGE = format('scoring_day: %L is on no day', at),
            DETAIL = 'An infinite moment has no local day.',
            HINT = 'Give a finite moment, or leave it out for now.';
    END IF;
    RETURN (SELECT leadscore._day(at, s.time_zone) FROM leadscore.settings s);
END $$;
COMMENT ON FUNCTION leadscore.scoring_day(timestamptz) IS 'The local day of an instant in the time zone of leadscore.settings';

-- Days that people name are in the years 1 to 9999, so that no length of time in a rule leaves
-- the calendar.
CREATE FUNCTION leadscore._check_day(day date, purpose text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF day IS NULL OR day NOT BETWEEN '0001-01-01' AND '9999-12-31' THEN
        RAISE datetime_field_overflow USING
            MESSAGE = format('%s: %s is no day to score on', purpose, coalesce(quote_literal(day), 'NULL')),
            DETAIL = 'Scoring knows the days of the years 1 to 9999.',
            HINT = 'Give a date, such as current_date.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._check_day(date, text) IS 'Refuses a day that is NULL, infinite or out of range';

CREATE FUNCTION leadscore._need_person(id bigint, purpose text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM leadscore.person p WHERE p.person_id = id) THEN
        RAISE no_data_found USING
            MESSAGE = format('%s: person %s does not exist', purpose, coalesce(id::text, 'NULL')),
            DETAIL = 'leadscore.person has no such row.',
            HINT = 'Look the person up in leadscore.person.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._need_person(bigint, text) IS 'Refuses a person that does not exist';

-- round(points × (e − D) / (e − d)), half away from zero, in whole numbers so that no
-- rounding of a quotient comes before it.
CREATE FUNCTION leadscore._worth(points int, counts_from date, decays_until date, on_day date) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN decays_until IS NULL THEN points::bigint
            ELSE sign(points)::bigint
                 * ((2 * abs(points::bigint) * (decays_until - on_day) + (decays_until - counts_from))
                    / (2 * (decays_until - counts_from)))
       END;
COMMENT ON FUNCTION leadscore._worth(int, date, date, date) IS 'Points that a score record is worth on a day on which it counts';

CREATE FUNCTION leadscore._applies(person_kinds text[], statuses text[], kind text, status text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (person_kinds IS NULL OR kind = ANY (person_kinds)) AND (statuses IS NULL OR status = ANY (statuses));
COMMENT ON FUNCTION leadscore._applies(text[], text[], text, text) IS 'Whether a rule for these kinds and statuses applies to a person of this kind and status';

-- One row per enabled rule and activity type that it takes, so that activities join by equality.
CREATE VIEW leadscore._rule_by_type AS
SELECT t.activity_type, r.*
FROM leadscore.rule r
JOIN leadscore.activity_type t ON r.activity_types IS NULL OR t.activity_type = ANY (r.activity_types)
WHERE r.enabled;
COMMENT ON VIEW leadscore._rule_by_type IS 'Enabled rules, one row for each activity type that matches';

-- The rules that match one activity of one person.
CREATE FUNCTION leadscore._matching_rule(activity_type text, attributes jsonb, person_kind text, person_status text)
RETURNS SETOF leadscore._rule_by_type
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT r.*
    FROM leadscore._rule_by_type r
    WHERE r.activity_type = _matching_rule.activity_type
      AND (r.condition IS NULL OR _matching_rule.attributes @> r.condition)
      AND leadscore._applies(r.person_kinds, r.statuses, person_kind, person_status);
END;
COMMENT ON FUNCTION leadscore._matching_rule(text, jsonb, text, text) IS 'The rules that match one activity of one person';

CREATE VIEW leadscore._match AS
SELECT a.person_id, a.activity_id, a.occurred_at, d.day, p.scored_through,
       r.rule_id, r.kind, r.points, r.relevant_for, r.decay, r.max_per_day, r.max_counted, r.effective_from
FROM leadscore.activity a
CROSS JOIN leadscore.settings s
CROSS JOIN LATERAL (SELECT leadscore._day(a.occurred_at, s.time_zone) AS day) d
JOIN leadscore.person p ON p.person_id = a.person_id
CROSS JOIN LATERAL leadscore._matching_rule(a.activity_type, a.attributes, p.kind, p.status) r;
COMMENT ON VIEW leadscore._match IS 'Each activity with each rule that matches it now';

-- What activity rules give, whatever the day: a record counts from counts_from until its
-- window ends.
CREATE VIEW leadscore._plain_record AS
SELECT m.person_id, m.rule_id, m.activity_id, m.points, m.day AS counts_from,
       (m.day + m.relevant_for)::date AS window_end,
       CASE WHEN m.decay = 'linear' THEN (m.day + m.relevant_for)::date END AS decays_until,
       m.scored_through
FROM leadscore._match m
WHERE m.kind = 'activity' AND m.max_per_day IS NULL AND m.max_counted IS NULL
  AND (m.effective_from IS NULL OR m.day >= m.effective_from);
COMMENT ON VIEW leadscore._plain_record IS 'What rules without a cap give for each activity, with its window, on no particular day';

-- The same where newer records may displace it.
CREATE VIEW leadscore._capped_record AS
SELECT c.person_id, c.rule_id, c.activity_id, c.points, c.day AS counts_from,
       (c.day + c.relevant_for)::date AS window_end,
       -- The day of the max_counted-th newer record; NULL where there is none or no limit.
       lag(c.day, c.max_counted) OVER (PARTITION BY c.person_id, c.rule_id ORDER BY c.occurred_at DESC, c.activity_id DESC) AS displaced_on,
       CASE WHEN c.decay = 'linear' THEN (c.day + c.relevant_for)::date END AS decays_until,
       c.scored_through
FROM (SELECT m.*,
             row_number() OVER (PARTITION BY m.person_id, m.rule_id, m.day ORDER BY m.occurred_at DESC, m.activity_id DESC) AS nth_newest
      FROM leadscore._match m
      WHERE m.kind = 'activity' AND (m.max_per_day IS NOT NULL OR m.max_counted IS NOT NULL)
        AND (m.effective_from IS NULL OR m.day >= m.effective_from)) c
WHERE c.max_per_day IS NULL OR c.nth_newest <= c.max_per_day;
COMMENT ON VIEW leadscore._capped_record IS 'What rules with a cap give for each activity, with window and displacement, on no particular day';

-- Silences: from each touch day of an inactivity rule to the next one.
CREATE VIEW leadscore._spell AS
SELECT t.person_id, t.rule_id, t.scored_through, t.touch,
       lead(t.touch) OVER (PARTITION BY t.person_id, t.rule_id ORDER BY t.touch) AS next_touch
FROM (SELECT p.person_id, r.rule_id, p.scored_through,
             greatest(leadscore._day(p.since, s.time_zone), r.effective_from) AS touch
      FROM leadscore.person p
      CROSS JOIN leadscore.settings s
      JOIN leadscore.rule r ON r.enabled AND r.kind = 'inactivity'
       AND leadscore._applies(r.person_kinds, r.statuses, p.kind, p.status)
      UNION
      SELECT m.person_id, m.rule_id, m.scored_through, greatest(m.day, m.effective_from)
      FROM leadscore._match m
      WHERE m.kind = 'inactivity') t
-- Both lists are hashed when a row first asks, and the first is nearly always empty.
WHERE NOT (t.person_id IN (SELECT c.person_id FROM leadscore.person_consent c WHERE c.refused)
           AND t.rule_id IN (SELECT o.rule_id FROM leadscore._online_rule o));
COMMENT ON VIEW leadscore._spell IS 'Spells of silence of each person for each inactivity rule; next_touch is NULL for the one that lasts';

-- A length in days that no date arithmetic with the interval undercuts.
CREATE FUNCTION leadscore._least_days(length interval) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN greatest(1, (28 * (12 * date_part('year', length) + date_part('month', length)) + date_part('day', length))::int);
COMMENT ON FUNCTION leadscore._least_days(interval) IS 'A lower bound of the days that an interval of whole days, months and years spans';

-- The penalties due by a day, and of each spell that lasts the first one due after it.
-- Of spells that have ended, only penalties with a window of their own can still count.
-- With until_day, the same for all days from the one to the other.
CREATE FUNCTION leadscore._penalty(on_day date, until_day date DEFAULT NULL)
RETURNS TABLE (person_id bigint, rule_id int, points int, counts_from date, window_end date,
               displaced_on date, next_touch date, scored_through date)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT l.person_id, l.rule_id, r.points, u.due_on,
           (u.due_on + r.relevant_for)::date,
           CASE WHEN r.relevant_for IS NULL THEN l.next_touch END,
           l.next_touch, l.scored_through
    FROM leadscore._spell l
    JOIN leadscore.rule r ON r.rule_id = l.rule_id
    CROSS JOIN LATERAL (SELECT (l.touch + r.inactive_for)::date AS due_on) f
    CROSS JOIN LATERAL generate_series(
        1, CASE WHEN r.repeat_every IS NULL THEN 1
                ELSE least(r.max_repeats,
                           2 + greatest(0, least(coalesce(until_day, on_day), l.next_touch) - f.due_on) / leadscore._least_days(r.repeat_every))
           END) k(nth)
    -- k − 1 is evaluated as 0 for a rule without repeats, whose repeat_every is NULL.
    CROSS JOIN LATERAL (SELECT (f.due_on + coalesce((k.nth - 1) * r.repeat_every, interval '0'))::date AS due_on) u
    WHERE (l.next_touch IS NULL OR u.due_on < l.next_touch)
      AND (r.relevant_for IS NOT NULL OR l.next_touch IS NULL OR l.next_touch > on_day);
END;
COMMENT ON FUNCTION leadscore._penalty(date, date) IS 'Penalties due by a day, and the next one of each silence that lasts';

-- All that can give points on or after a day, besides plain records.
CREATE FUNCTION leadscore._other_candidate(on_day date, until_day date DEFAULT NULL)
RETURNS TABLE (person_id bigint, rule_id int, activity_id bigint, adjustment_id bigint, points int, counts_from date,
               window_end date, displaced_on date, decays_until date, next_touch date, scored_through date)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT c.person_id, c.rule_id, c.activity_id, NULL::bigint AS adjustment_id, c.points, c.counts_from,
           c.window_end, c.displaced_on, c.decays_until, NULL::date AS next_touch, c.scored_through
    FROM leadscore._capped_record c
    UNION ALL
    SELECT n.person_id, n.rule_id, NULL AS activity_id, NULL AS adjustment_id, n.points, n.counts_from,
           n.window_end, n.displaced_on, NULL AS decays_until, n.next_touch, n.scored_through
    FROM leadscore._penalty(on_day, until_day) n
    UNION ALL
    SELECT j.person_id, NULL AS rule_id, NULL AS activity_id, j.adjustment_id, j.points, j.from_day,
           j.until_day, NULL AS displaced_on, NULL AS decays_until, NULL AS next_touch, p.scored_through
    FROM leadscore.adjustment j
    JOIN leadscore.person p ON p.person_id = j.person_id;
END;
COMMENT ON FUNCTION leadscore._other_candidate(date, date) IS 'What caps leave, penalties and adjustments: all that can give points on or after a day, besides plain records';

-- Penalties that are not due yet are left out by what reads this, except a forecast.
CREATE FUNCTION leadscore._candidate(on_day date, until_day date DEFAULT NULL)
RETURNS TABLE (person_id bigint, rule_id int, activity_id bigint, adjustment_id bigint, points int,
               counts_from date, window_end date, displaced_on date, decays_until date, scored_through date)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT r.person_id, r.rule_id, r.activity_id, NULL::bigint, r.points,
           r.counts_from, r.window_end, NULL::date, r.decays_until, r.scored_through
    FROM leadscore._plain_record r
    UNION ALL
    SELECT o.person_id, o.rule_id, o.activity_id, o.adjustment_id, o.points,
           o.counts_from, o.window_end, o.displaced_on, o.decays_until, o.scored_through
    FROM leadscore._other_candidate(on_day, until_day) o;
END;
COMMENT ON FUNCTION leadscore._candidate(date, date) IS 'All that can give points on or after a day';

-- through is the day up to which newer records displace.
CREATE FUNCTION leadscore._stands(counts_from date, window_end date, displaced_on date, on_day date, through date) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (window_end IS NULL OR window_end > on_day)
   AND (displaced_on IS NULL OR (displaced_on > through AND displaced_on > counts_from));
COMMENT ON FUNCTION leadscore._stands(date, date, date, date, date) IS 'Whether a candidate counts on a day or will later';

-- The score records of a day: those that count on it or will later. With ahead, as they
-- stand between two runs: records that began since the last run count and displace through
-- the person's scored_through, while windows still end, and penalties fall due, by the run's day.
-- With until_day, the penalties too that fall due by then if nothing more is registered.
CREATE FUNCTION leadscore._derived(on_day date, ahead boolean, until_day date DEFAULT NULL)
RETURNS TABLE (person_id bigint, rule_id int, activity_id bigint, adjustment_id bigint, points int,
               counts_from date, counts_until date, decays_until date)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT c.person_id, c.rule_id, c.activity_id, c.adjustment_id, c.points,
           c.counts_from, least(c.window_end, c.displaced_on), c.decays_until
    FROM leadscore._candidate(on_day, until_day) c
    WHERE leadscore._stands(c.counts_from, c.window_end, c.displaced_on, on_day,
                            CASE WHEN ahead THEN greatest(on_day, c.scored_through) ELSE on_day END)
      AND (c.activity_id IS NOT NULL OR c.adjustment_id IS NOT NULL OR c.counts_from <= coalesce(until_day, on_day));
END;
COMMENT ON FUNCTION leadscore._derived(date, boolean, date) IS 'The score records of a day: those that count on it or will later';

-- Bands of categories with both bounds; '' stands for the kinds that have none of their own.
CREATE VIEW leadscore._band AS
SELECT coalesce(person_kind, '') AS band_kind, name, min_score AS low,
       lead(min_score) OVER (PARTITION BY person_kind ORDER BY min_score NULLS FIRST) AS high
FROM leadscore.category;
COMMENT ON VIEW leadscore._band IS 'Categories with their lower and upper bound';

CREATE FUNCTION leadscore._band_at(kind text, score bigint) RETURNS SETOF leadscore._band
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT b.*
    FROM leadscore._band b
    WHERE b.band_kind = CASE WHEN _band_at.kind IN (SELECT o.band_kind FROM leadscore._band o) THEN _band_at.kind ELSE '' END
      AND (b.low IS NULL OR _band_at.score >= b.low) AND (b.high IS NULL OR _band_at.score < b.high);
END;
COMMENT ON FUNCTION leadscore._band_at(text, bigint) IS 'The category in which a score of a person of a kind falls; none where there are no categories';

-- sql/differing.sql
-- Who differs: the persons of whom anything that is stored is not what is derived.

CREATE FUNCTION leadscore._standing(today date)
RETURNS TABLE (person_id bigint, score bigint, starts_on date, next_on date,
               penalised boolean, last_activity_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT o.person_id, coalesce(sum(o.score), 0)::bigint,
           min(o.starts_on), min(o.next_on), coalesce(bool_or(o.penalised), false), max(o.last_activity_at)
    FROM (
        SELECT r.person_id,
               sum(leadscore._worth(r.points, r.counts_from, r.decays_until, greatest(today, r.counts_from)))
                   FILTER (WHERE r.counts_from <= greatest(today, r.scored_through)) AS score,
               min(r.counts_from) FILTER (WHERE r.counts_from > greatest(today, r.scored_through)) AS starts_on,
               NULL::date AS next_on, NULL::boolean AS penalised, NULL::timestamptz AS last_activity_at
        FROM leadscore._plain_record r
        WHERE leadscore._stands(r.counts_from, r.window_end, NULL, today, today)
        GROUP BY r.person_id
        UNION ALL
        SELECT c.person_id,
               sum(leadscore._worth(c.points, c.counts_from, c.decays_until, greatest(today, c.counts_from)))
                   FILTER (WHERE c.is_record AND c.counts_from <= c.through) AS score,
               min(c.counts_from) FILTER (WHERE c.is_record AND c.counts_from > c.through) AS starts_on,
               min(c.counts_from) FILTER (WHERE c.is_penalty AND c.counts_from > today) AS next_on,
               bool_or(c.is_penalty AND c.counts_from <= today AND (c.next_touch IS NULL OR c.next_touch > c.through)) AS penalised,
               NULL AS last_activity_at
        FROM (SELECT x.*, v.*,
                     leadscore._stands(x.counts_from, x.window_end, x.displaced_on, today, v.through)
                     AND NOT (v.is_penalty AND x.counts_from > today) AS is_record
              FROM leadscore._other_candidate(today) x
              CROSS JOIN LATERAL (SELECT greatest(today, x.scored_through) AS through,
                                         x.activity_id IS NULL AND x.adjustment_id IS NULL AS is_penalty) v) c
        GROUP BY c.person_id
        UNION ALL
        SELECT a.person_id, NULL AS score, NULL AS starts_on, NULL AS next_on,
               NULL AS penalised, max(a.occurred_at) AS last_activity_at
        FROM leadscore.activity a
        GROUP BY a.person_id) o
    GROUP BY o.person_id;
END;
COMMENT ON FUNCTION leadscore._standing(date) IS 'What is derived of each person who has anything: score, when the next record starts or falls due, the latest activity';

-- Whole tables are read at once, in memory: nearly always nobody differs, and that shows fastest
-- without a join of everything with everything.
CREATE FUNCTION leadscore._differing(exact boolean) RETURNS SETOF bigint
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'differing_wrapper';
COMMENT ON FUNCTION leadscore._differing(boolean) IS 'The persons of whom anything stored is not what is derived; exact: and nothing that is only a bound is wider than it need be';

-- sql/rescore.sql
-- Bringing what is stored to what is derived, for some persons or for all.

CREATE TYPE leadscore._outcome AS (
    records_added bigint, records_removed bigint, persons_changed bigint, categories_changed bigint
);
COMMENT ON TYPE leadscore._outcome IS 'What a run or a part of it changed';

-- Begin to write: from here to the end of the transaction no run moves the day.
CREATE FUNCTION leadscore._begin() RETURNS date
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    LOCK TABLE leadscore.state IN ROW SHARE MODE;
    -- Under one snapshot for the whole transaction, a run since then is a serialization failure.
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        PERFORM FROM leadscore.state FOR SHARE;
    END IF;
    RETURN (SELECT scored_on FROM leadscore.state);
END $$;
COMMENT ON FUNCTION leadscore._begin() IS 'Waits for a running recompute and returns the day for which the scores stand';
REVOKE ALL ON FUNCTION leadscore._begin() FROM PUBLIC;

CREATE FUNCTION leadscore._snapshot_is_current() RETURNS boolean
LANGUAGE c AS 'MODULE_PATHNAME', 'snapshot_is_current_wrapper';
COMMENT ON FUNCTION leadscore._snapshot_is_current() IS 'Whether the transaction sees all that is committed';
REVOKE ALL ON FUNCTION leadscore._snapshot_is_current() FROM PUBLIC;

-- What looks at everything must see everything: with an older snapshot it would miss rows for good.
CREATE FUNCTION leadscore._need_current_snapshot() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT leadscore._snapshot_is_current() THEN
        RAISE serialization_failure USING
            MESSAGE = 'could not serialize access due to concurrent transactions',
            DETAIL = 'The transaction''s snapshot is older than what others have committed.',
            HINT = 'Run it in a transaction of its own, at best at READ COMMITTED.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._need_current_snapshot() IS 'Refuses a transaction whose snapshot is out of date';
REVOKE ALL ON FUNCTION leadscore._need_current_snapshot() FROM PUBLIC;

-- The one order in which rows are locked: first the rows of attached tables that are written
-- back, as an application that updates them and then registers an activity has them, then the
-- persons; each in the order of their keys.
CREATE FUNCTION leadscore._lock_sources(ids bigint[]) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'lock_sources_wrapper';
COMMENT ON FUNCTION leadscore._lock_sources(bigint[]) IS 'Locks the rows of attached tables to which scores of these persons are written back';
REVOKE ALL ON FUNCTION leadscore._lock_sources(bigint[]) FROM PUBLIC;

-- Returns how many persons there are.
CREATE FUNCTION leadscore._lock_persons(ids bigint[]) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._lock_sources(ids);
    PERFORM FROM leadscore.person p WHERE p.person_id = ANY (ids) ORDER BY p.person_id FOR NO KEY UPDATE;
    RETURN (SELECT count(*) FROM leadscore.person p WHERE p.person_id = ANY (ids));
END $$;
COMMENT ON FUNCTION leadscore._lock_persons(bigint[]) IS 'Locks persons, and the rows that their scores are written back to, in one order';
REVOKE ALL ON FUNCTION leadscore._lock_persons(bigint[]) FROM PUBLIC;

-- What happened after the last run's day counts at once: persons whose new activities lie
-- between that day and now are taken to the day of the latest of them.
CREATE FUNCTION leadscore._reach(ids bigint[], days date[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    today date := leadscore._begin();
BEGIN
    PERFORM leadscore._lock_persons(ids);
    UPDATE leadscore.person p SET scored_through = n.day
    FROM (SELECT u.id, max(u.day) AS day
          FROM unnest(ids, days) u(id, day)
          WHERE u.day > today AND u.day <= leadscore.scoring_day()
          GROUP BY u.id) n
    WHERE p.person_id = n.id AND (p.scored_through IS NULL OR p.scored_through < n.day);
END $$;
COMMENT ON FUNCTION leadscore._reach(bigint[], date[]) IS 'Lets records that began since the last run count, up to the given days of the given persons';
REVOKE ALL ON FUNCTION leadscore._reach(bigint[], date[]) FROM PUBLIC;

-- Triggers that run later in the same transaction ask whether their rows were derived already.
CREATE FUNCTION leadscore._note_derived() RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'note_derived_wrapper';
COMMENT ON FUNCTION leadscore._note_derived() IS 'Notes that persons are derived anew in this transaction';
REVOKE ALL ON FUNCTION leadscore._note_derived() FROM PUBLIC;

-- Scores and categories go back into the application's own tables, where they changed. It runs
-- as the table's owner, since triggers on that table are the owner's code.
CREATE FUNCTION leadscore._write_back(ids bigint[]) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'write_back_wrapper';
COMMENT ON FUNCTION leadscore._write_back(bigint[]) IS 'Brings scores and categories of persons to the attached tables that have columns for them';
REVOKE ALL ON FUNCTION leadscore._write_back(bigint[]) FROM PUBLIC;

-- Copies of a record cannot come about by leadscore, but somebody may have inserted them.
CREATE FUNCTION leadscore._drop_copies(ids bigint[]) RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH copy AS (
        SELECT s.ctid AS at, row_number() OVER (PARTITION BY s.person_id, s.activity_id, s.rule_id, s.points, s.counts_from,
                                                             s.counts_until, s.decays_until, s.adjustment_id) AS nth
        FROM leadscore.score_record s
        WHERE s.person_id = ANY (ids)
    ), dropped AS (
        DELETE FROM leadscore.score_record s USING copy c WHERE s.ctid = c.at AND c.nth > 1 RETURNING s.person_id
    )
    SELECT count(*) FROM dropped;
END;
COMMENT ON FUNCTION leadscore._drop_copies(bigint[]) IS 'Removes copies of score records of some persons and returns how many';
REVOKE ALL ON FUNCTION leadscore._drop_copies(bigint[]) FROM PUBLIC;

-- Derives the given persons anew on the day of the last run and stores what differs. With
-- touch, a person's row is written even if it stays the same: a transaction that goes by an
-- older snapshot then fails to lock it, instead of deriving from activities of the past.
CREATE FUNCTION leadscore._rescore(ids bigint[], touch boolean DEFAULT true) RETURNS leadscore._outcome
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    today   date := leadscore._begin();
    outcome leadscore._outcome;
    surplus bigint;
    moved   bigint[];
BEGIN
    PERFORM leadscore._note_derived();
    -- A plan that is made once serves a few persons best; for many, one made for the occasion.
    IF cardinality(ids) > 200 THEN
        PERFORM set_config('plan_cache_mode', 'force_custom_plan', true);
    END IF;
    PERFORM leadscore._lock_persons(ids);

    WITH derived AS MATERIALIZED (
        SELECT * FROM leadscore._derived(today, true) d WHERE d.person_id = ANY (ids)
    ), stored AS MATERIALIZED (
        SELECT s.ctid AS at, s.* FROM leadscore.score_record s WHERE s.person_id = ANY (ids)
    ), difference AS MATERIALIZED (
        SELECT s.at, d.*
        FROM derived d
        FULL JOIN stored s
          ON s.person_id = d.person_id AND s.counts_from = d.counts_from
         AND coalesce(s.activity_id, 0) = coalesce(d.activity_id, 0)
         AND coalesce(s.rule_id, 0) = coalesce(d.rule_id, 0)
         AND coalesce(s.adjustment_id, 0) = coalesce(d.adjustment_id, 0)
         AND s.points = d.points
         AND coalesce(s.counts_until, 'infinity') = coalesce(d.counts_until, 'infinity')
         AND coalesce(s.decays_until, 'infinity') = coalesce(d.decays_until, 'infinity')
        WHERE s.at IS NULL OR d.person_id IS NULL
    ), removed AS (
        DELETE FROM leadscore.score_record s
        WHERE s.ctid = ANY (ARRAY(SELECT f.at FROM difference f WHERE f.at IS NOT NULL))
        RETURNING s.person_id
    ), added AS (
        INSERT INTO leadscore.score_record
            (person_id, activity_id, rule_id, points, counts_from, counts_until, decays_until, adjustment_id)
        SELECT f.person_id, f.activity_id, f.rule_id, f.points, f.counts_from, f.counts_until, f.decays_until, f.adjustment_id
        FROM difference f WHERE f.at IS NULL
        RETURNING person_id
    )
    SELECT (SELECT count(*) FROM added), (SELECT count(*) FROM removed),
           (SELECT count(*) FROM stored) + (SELECT count(*) FROM added) - (SELECT count(*) FROM removed) - (SELECT count(*) FROM derived)
    INTO outcome.records_added, outcome.records_removed, surplus;
    IF surplus > 0 THEN
        outcome.records_removed := outcome.records_removed + leadscore._drop_copies(ids);
    END IF;

    WITH silence AS (
        SELECT n.person_id,
               min(n.counts_from) FILTER (WHERE n.counts_from > today) AS next_on,
               coalesce(bool_or(n.counts_from <= today
                   AND (n.next_touch IS NULL OR n.next_touch > greatest(today, n.scored_through))), false) AS penalised
        FROM leadscore._penalty(today) n
        WHERE n.person_id = ANY (ids)
        GROUP BY n.person_id
    ), standing AS MATERIALIZED (
        SELECT p.person_id, p.category AS old_category, t.score, b.name AS category, l.last_activity_at,
               coalesce(n.penalised, false) AS penalised,
               CASE WHEN p.scored_through > today THEN today ELSE least(n.next_on, t.starts_on) END AS due_on,
               greatest(today, p.scored_through) AS scored_on,
               (p.score, p.category) IS DISTINCT FROM (t.score, b.name) AS moved,
               (p.score, p.category, p.last_activity_at, p.penalised)
                   IS DISTINCT FROM (t.score, b.name, l.last_activity_at, coalesce(n.penalised, false)) AS changed
        FROM leadscore.person p
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(leadscore._worth(s.points, s.counts_from, s.decays_until, greatest(today, s.counts_from)))
                            FILTER (WHERE s.counts_from <= greatest(today, p.scored_through)), 0)::bigint AS score,
                   min(s.counts_from) FILTER (WHERE s.counts_from > greatest(today, p.scored_through)) AS starts_on
            FROM leadscore.score_record s
            WHERE s.person_id = p.person_id) t
        CROSS JOIN LATERAL (
            SELECT max(a.occurred_at) AS last_activity_at
            FROM leadscore.activity a
            WHERE a.person_id = p.person_id) l
        LEFT JOIN LATERAL leadscore._band_at(p.kind, t.score) b ON true
        LEFT JOIN silence n ON n.person_id = p.person_id
        WHERE p.person_id = ANY (ids)
    ), updated AS (
        UPDATE leadscore.person p
        SET score = t.score, category = t.category, last_activity_at = t.last_activity_at, penalised = t.penalised
        FROM standing t
        WHERE p.person_id = t.person_id AND (t.changed OR touch)
    ), logged AS (
        INSERT INTO leadscore.category_change (person_id, from_category, to_category, score, scored_on)
        SELECT t.person_id, t.old_category, t.category, t.score, t.scored_on
        FROM standing t
        WHERE t.old_category IS DISTINCT FROM t.category
        ORDER BY t.person_id
    ), settled AS (
        DELETE FROM leadscore.due u USING standing t
        WHERE u.person_id = t.person_id AND t.due_on IS NULL
    ), awaited AS (
        INSERT INTO leadscore.due AS u (person_id, due_on)
        SELECT t.person_id, t.due_on FROM standing t WHERE t.due_on IS NOT NULL
        ON CONFLICT (person_id) DO UPDATE SET due_on = EXCLUDED.due_on WHERE u.due_on <> EXCLUDED.due_on
    )
    SELECT count(*) FILTER (WHERE t.moved), count(*) FILTER (WHERE t.old_category IS DISTINCT FROM t.category),
           array_agg(t.person_id ORDER BY t.person_id) FILTER (WHERE t.moved)
    INTO outcome.persons_changed, outcome.categories_changed, moved
    FROM standing t;
    PERFORM leadscore._write_back(moved);
    RETURN outcome;
END $$;
COMMENT ON FUNCTION leadscore._rescore(bigint[], boolean) IS 'Derives some persons anew and stores what differs';
REVOKE ALL ON FUNCTION leadscore._rescore(bigint[], boolean) FROM PUBLIC;

CREATE FUNCTION leadscore._rescore_each(ids bigint[]) RETURNS bigint[]
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'rescore_each_wrapper';
COMMENT ON FUNCTION leadscore._rescore_each(bigint[]) IS 'Derives some persons anew, one after the other, and returns what changed';
REVOKE ALL ON FUNCTION leadscore._rescore_each(bigint[]) FROM PUBLIC;

-- A run's part: persons of whom more is due than expiry, or who differ. Each has little to derive from, so one
-- after the other is faster than a set; where a statement cannot see what others committed, SQL
-- raises the serialization error.
CREATE FUNCTION leadscore._rescore_due(ids bigint[]) RETURNS leadscore._outcome
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    counts bigint[];
BEGIN
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        RETURN leadscore._rescore(ids, touch => false);
    END IF;
    counts := leadscore._rescore_each(ids);
    RETURN (counts[1], counts[2], counts[3], counts[4])::leadscore._outcome;
END $$;
COMMENT ON FUNCTION leadscore._rescore_due(bigint[]) IS 'Derives persons anew for whom more is due than expiry';
REVOKE ALL ON FUNCTION leadscore._rescore_due(bigint[]) FROM PUBLIC;

-- The same for everybody. Unless ahead is asked for, nobody is ahead of the day afterwards.
CREATE FUNCTION leadscore._rescore_all(ahead boolean) RETURNS leadscore._outcome
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._rescore_all(boolean) IS 'Derives everybody anew and stores what differs';
REVOKE ALL ON FUNCTION leadscore._rescore_all(boolean) FROM PUBLIC;

-- sql/source.sql
-- The application's own tables that feed persons and activities.

-- Which columns play which part is said by their position in the column list of the trigger
-- leadscore_N_columns of the table. PostgreSQL itself keeps such a list right through renames,
-- dumps and the columns of partitions.
CREATE TABLE leadscore.source (
    source_id     int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    source        regclass NOT NULL,
    role          text NOT NULL CHECK (role IN ('person', 'activity')),
    attached      boolean NOT NULL DEFAULT true,
    person_kind   text NOT NULL,
    activity_type text,
    parts         jsonb NOT NULL,
    recorded_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (source, role)
);
SELECT pg_catalog.pg_extension_config_dump('leadscore.source', '');
SELECT pg_catalog.pg_extension_config_dump('leadscore.source_source_id_seq', '');
COMMENT ON TABLE leadscore.source IS 'Tables of the application that were attached; written by attach_person(), attach_activity() and detach()';
COMMENT ON COLUMN leadscore.source.source_id IS 'Identity; part of the names of the triggers on the table';
COMMENT ON COLUMN leadscore.source.source IS 'The table';
COMMENT ON COLUMN leadscore.source.role IS 'person: its rows are persons; activity: its rows are activities';
COMMENT ON COLUMN leadscore.source.attached IS 'False after detach(): what came from it is kept, and is recognised when it is attached again';
COMMENT ON COLUMN leadscore.source.person_kind IS 'The kind of the persons';
COMMENT ON COLUMN leadscore.source.activity_type IS 'The type of the activities when it is the same for all rows';
COMMENT ON COLUMN leadscore.source.parts IS 'Which part the columns in the list of the trigger leadscore_N_columns play, by position from 0';
COMMENT ON COLUMN leadscore.source.recorded_at IS 'When it was attached';

-- Rows whose person is not there yet, or whose activity type is not known, are kept here until
-- they can be scored.
CREATE TABLE leadscore.waiting (
    source_id     int NOT NULL,
    source_key    text NOT NULL,
    person_kind   text NOT NULL,
    external_id   text NOT NULL,
    activity_type text NOT NULL,
    occurred_at   timestamptz NOT NULL,
    attributes    jsonb,
    PRIMARY KEY (source_id, source_key)
);
CREATE INDEX waiting_person_idx ON leadscore.waiting (person_kind, external_id);
SELECT pg_catalog.pg_extension_config_dump('leadscore.waiting', '');
COMMENT ON TABLE leadscore.waiting IS 'Activities of attached tables that wait for their person, or for their activity type, to be known';
COMMENT ON COLUMN leadscore.waiting.source_id IS 'The attached table';
COMMENT ON COLUMN leadscore.waiting.source_key IS 'The key of the row in it';
COMMENT ON COLUMN leadscore.waiting.person_kind IS 'The kind of the person that it waits for';
COMMENT ON COLUMN leadscore.waiting.external_id IS 'The application''s key of that person';
COMMENT ON COLUMN leadscore.waiting.activity_type IS 'What it was';
COMMENT ON COLUMN leadscore.waiting.occurred_at IS 'When it took place or will';
COMMENT ON COLUMN leadscore.waiting.attributes IS 'Details that a rule''s condition can ask for';

-- The application's keys of persons that were merged into another one.
CREATE TABLE leadscore.person_alias (
    kind        text NOT NULL,
    external_id text NOT NULL,
    person_id   bigint NOT NULL,
    source_id   int,
    PRIMARY KEY (kind, external_id)
);
CREATE INDEX person_alias_person_idx ON leadscore.person_alias (person_id);
SELECT pg_catalog.pg_extension_config_dump('leadscore.person_alias', '');
COMMENT ON TABLE leadscore.person_alias IS 'The application''s keys of persons that were merged into another one';
COMMENT ON COLUMN leadscore.person_alias.kind IS 'The kind of the merged person';
COMMENT ON COLUMN leadscore.person_alias.external_id IS 'The application''s key of the merged person';
COMMENT ON COLUMN leadscore.person_alias.person_id IS 'The person that it was merged into';
COMMENT ON COLUMN leadscore.person_alias.source_id IS 'The attached table that the merged person came from';

-- Without a condition on external_id, so that joins reach the index of either table; a key is
-- only ever compared, which leaves persons without one out.
CREATE VIEW leadscore._person_key AS
SELECT kind, external_id, person_id, source_id FROM leadscore.person
UNION ALL
SELECT kind, external_id, person_id, source_id FROM leadscore.person_alias;
COMMENT ON VIEW leadscore._person_key IS 'The application''s keys of persons, merged ones too';

CREATE FUNCTION leadscore._nobody_waits_unseen(ids bigint[]) RETURNS boolean
LANGUAGE c AS 'MODULE_PATHNAME', 'nobody_waits_unseen_wrapper';
COMMENT ON FUNCTION leadscore._nobody_waits_unseen(bigint[]) IS 'Whether the transaction sees all rows that wait for these persons';
REVOKE ALL ON FUNCTION leadscore._nobody_waits_unseen(bigint[]) FROM PUBLIC;

-- Waiting rows that can be scored now become activities; of the given persons, or all.
CREATE FUNCTION leadscore._admit_waiting(ids bigint[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Who puts rows to wait holds a lock that conflicts with this one, and looks for their
    -- persons under it: a person that arrives and a row that comes to wait do not miss each other.
    LOCK TABLE leadscore.waiting IN ROW EXCLUSIVE MODE;
    IF NOT leadscore._nobody_waits_unseen(ids) THEN
        RAISE serialization_failure USING
            MESSAGE = 'could not serialize access due to activities that wait for the person',
            HINT = 'The transaction might succeed if retried.';
    END IF;
    IF NOT EXISTS (SELECT FROM leadscore.waiting) THEN
        RETURN;
    END IF;
    WITH ready AS (
        DELETE FROM leadscore.waiting w
        USING leadscore._person_key k, leadscore.activity_type t
        WHERE k.kind = w.person_kind AND k.external_id = w.external_id AND t.activity_type = w.activity_type
          AND (ids IS NULL OR k.person_id = ANY (ids))
        RETURNING w.*, k.person_id
    )
    INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes, source_id, source_key)
    SELECT r.person_id, r.activity_type, r.occurred_at, r.attributes, r.source_id, r.source_key
    FROM ready r
    ORDER BY r.occurred_at, r.source_id, r.source_key;
END $$;
COMMENT ON FUNCTION leadscore._admit_waiting(bigint[]) IS 'Makes activities of waiting rows whose person and type are known now';
REVOKE ALL ON FUNCTION leadscore._admit_waiting(bigint[]) FROM PUBLIC;

-- sql/configuration_trigger.sql
-- What an edit of settings, activity types, rules or categories means: backends forget what
-- they keep of them, and the next run derives everything anew.

CREATE FUNCTION leadscore._forget_configuration() RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'forget_configuration_wrapper';
COMMENT ON FUNCTION leadscore._forget_configuration() IS 'Tells all backends, at commit, to read rules, categories, settings and the day again';
REVOKE ALL ON FUNCTION leadscore._forget_configuration() FROM PUBLIC;

-- Called by what can only happen in a database that is in use, not in one being restored.
CREATE FUNCTION leadscore._go_live() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM leadscore.instance) THEN
        INSERT INTO leadscore.instance DEFAULT VALUES ON CONFLICT DO NOTHING;
        PERFORM leadscore._forget_configuration();
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._go_live() IS 'Notes that this copy of the database is in use';
REVOKE ALL ON FUNCTION leadscore._go_live() FROM PUBLIC;

-- Editors of different tables meet here before they lock any row, so that they wait in one order.
CREATE FUNCTION leadscore._configuration_write_begins() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._begin();
    PERFORM FROM leadscore.instance FOR NO KEY UPDATE;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._configuration_write_begins() IS 'Trigger: waits for a running recompute and for other editors before rows are locked';
REVOKE ALL ON FUNCTION leadscore._configuration_write_begins() FROM PUBLIC;
CREATE TRIGGER a_write_begins BEFORE INSERT OR UPDATE OR DELETE ON leadscore.rule
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._configuration_write_begins();
CREATE TRIGGER a_write_begins BEFORE INSERT OR UPDATE OR DELETE ON leadscore.category
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._configuration_write_begins();
CREATE TRIGGER a_write_begins BEFORE INSERT OR UPDATE OR DELETE ON leadscore.settings
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._configuration_write_begins();

CREATE FUNCTION leadscore._configuration_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._begin();
    IF TG_TABLE_NAME = 'rule' AND EXISTS (SELECT FROM leadscore.rule r WHERE r.created_at = now()) THEN
        PERFORM leadscore._go_live();
    END IF;
    IF TG_ARGV[0] = 'rebuild' THEN
        -- Even if it is due already: an older snapshot would not see that a run has just been.
        UPDATE leadscore.instance SET rebuild_due = true;
    END IF;
    PERFORM leadscore._forget_configuration();
    IF TG_TABLE_NAME = 'activity_type' AND EXISTS (SELECT FROM leadscore.instance) THEN
        PERFORM leadscore._admit_waiting();
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._configuration_changed() IS 'Trigger: an edit of the configuration takes effect at the next run';
REVOKE ALL ON FUNCTION leadscore._configuration_changed() FROM PUBLIC;

CREATE TRIGGER configuration_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON leadscore.rule
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._configuration_changed('rebuild');
CREATE TRIGGER configuration_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON leadscore.category
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._configuration_changed('rebuild');
-- No score depends on the other settings.
CREATE TRIGGER configuration_changed AFTER INSERT OR UPDATE OF time_zone OR DELETE OR TRUNCATE ON leadscore.settings
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._configuration_changed('rebuild');
-- A type that is added has no activities yet, and one in use cannot go: nothing to derive.
CREATE TRIGGER configuration_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON leadscore.activity_type
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._configuration_changed();

-- Rules are checked in Rust, where their types are.
CREATE FUNCTION leadscore._check_rule() RETURNS trigger
LANGUAGE c SECURITY DEFINER AS 'MODULE_PATHNAME', 'check_rule_wrapper';
COMMENT ON FUNCTION leadscore._check_rule() IS 'Trigger: refuses a rule that has no meaning';
REVOKE ALL ON FUNCTION leadscore._check_rule() FROM PUBLIC;
CREATE TRIGGER check_rule BEFORE INSERT OR UPDATE ON leadscore.rule
    FOR EACH ROW EXECUTE FUNCTION leadscore._check_rule();

CREATE FUNCTION leadscore._refuse_bound(name text, other text, person_kind text, min_score bigint) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    whom text := coalesce('kind ' || quote_literal(person_kind), 'all kinds');
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
END $$;
COMMENT ON FUNCTION leadscore._refuse_bound(text, text, text, bigint) IS 'Raises the error for a category whose bound another one has';

CREATE FUNCTION leadscore._check_category() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._refuse_bound(NEW.name, c.name, c.person_kind, c.min_score)
    FROM leadscore.category c
    WHERE c.person_kind IS NOT DISTINCT FROM NEW.person_kind
      AND c.min_score IS NOT DISTINCT FROM NEW.min_score
      AND c.category_id <> NEW.category_id;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION leadscore._check_category() IS 'Trigger: refuses a category whose bound another one has';
REVOKE ALL ON FUNCTION leadscore._check_category() FROM PUBLIC;
CREATE TRIGGER check_category BEFORE INSERT OR UPDATE ON leadscore.category
    FOR EACH ROW EXECUTE FUNCTION leadscore._check_category();

CREATE FUNCTION leadscore._require_time_zone(name text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = _require_time_zone.name) THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('time zone %L does not exist', name),
            DETAIL = 'leadscore.settings.time_zone names the zone whose days count.',
            HINT = 'Use a full name such as Europe/Amsterdam; SELECT name FROM pg_timezone_names lists them.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._require_time_zone(text) IS 'Raises an error when a time zone does not exist';

CREATE FUNCTION leadscore._check_outbox(notify_channel text, keep_category_changes interval) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._check_outbox(text, interval) IS 'Refuses a channel that cannot be and a length of time that is not of whole days';

CREATE FUNCTION leadscore._check_settings() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' AS $$
BEGIN
    PERFORM leadscore._require_time_zone(NEW.time_zone), leadscore._check_outbox(NEW.notify_channel, NEW.keep_category_changes);
    RETURN NEW;
END $$;
COMMENT ON FUNCTION leadscore._check_settings() IS 'Trigger: refuses settings that cannot be';
REVOKE ALL ON FUNCTION leadscore._check_settings() FROM PUBLIC;
CREATE TRIGGER check_settings BEFORE INSERT OR UPDATE ON leadscore.settings
    FOR EACH ROW EXECUTE FUNCTION leadscore._check_settings();

-- There is always one row of settings.
CREATE FUNCTION leadscore._keep_the_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- An INSERT that replaces the row removes the old one from within a trigger.
    IF pg_trigger_depth() = 1 AND NOT EXISTS (SELECT FROM leadscore.settings) THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'leadscore.settings must keep its row',
            DETAIL = 'Every score depends on its time zone.',
            HINT = 'UPDATE the row instead.';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._keep_the_row() IS 'Trigger: refuses to leave leadscore.settings empty';
REVOKE ALL ON FUNCTION leadscore._keep_the_row() FROM PUBLIC;
CREATE TRIGGER keep_the_row AFTER DELETE OR TRUNCATE ON leadscore.settings
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._keep_the_row();

CREATE FUNCTION leadscore._check_activity_type() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
    RETURN CASE TG_OP WHEN 'UPDATE' THEN NEW ELSE OLD END;
END $$;
COMMENT ON FUNCTION leadscore._check_activity_type() IS 'Trigger: keeps an activity type that is in use';
REVOKE ALL ON FUNCTION leadscore._check_activity_type() FROM PUBLIC;
CREATE TRIGGER check_activity_type BEFORE UPDATE OR DELETE ON leadscore.activity_type
    FOR EACH ROW EXECUTE FUNCTION leadscore._check_activity_type();

CREATE FUNCTION leadscore._check_activity_types_truncated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM leadscore.activity) OR EXISTS (SELECT FROM leadscore.rule r WHERE r.activity_types IS NOT NULL) THEN
        RAISE foreign_key_violation USING
            MESSAGE = 'activity types are in use',
            DETAIL = 'Activities are registered, or rules name types.',
            HINT = 'Name those that are to go: DELETE FROM leadscore.activity_type WHERE …';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._check_activity_types_truncated() IS 'Trigger: keeps activity types that are in use';
REVOKE ALL ON FUNCTION leadscore._check_activity_types_truncated() FROM PUBLIC;
CREATE TRIGGER check_activity_types BEFORE TRUNCATE ON leadscore.activity_type
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._check_activity_types_truncated();

-- sql/activity_trigger.sql
-- What an activity that is inserted, updated or deleted does to its person, in the same statement.

-- Says which of its parts makes an activity unacceptable; returns when none does.
CREATE FUNCTION leadscore._refuse_activity(person_id bigint, activity_type text, occurred_at timestamptz) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
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
        RAISE foreign_key_violation USING
            MESSAGE = format('person %s does not exist', person_id),
            DETAIL = format('An activity of type %L names it, and leadscore.person has no such row.', activity_type),
            HINT = 'Insert the person into leadscore.person first.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._refuse_activity(bigint, text, timestamptz) IS 'Raises the error of an unacceptable activity';
REVOKE ALL ON FUNCTION leadscore._refuse_activity(bigint, text, timestamptz) FROM PUBLIC;

-- Inserts, of one row or of many.
CREATE FUNCTION leadscore._activity_inserted() RETURNS trigger
LANGUAGE c SECURITY DEFINER AS 'MODULE_PATHNAME', 'activity_inserted_wrapper';
COMMENT ON FUNCTION leadscore._activity_inserted() IS 'Trigger: scores inserted activities';
REVOKE ALL ON FUNCTION leadscore._activity_inserted() FROM PUBLIC;
CREATE TRIGGER score_inserted AFTER INSERT ON leadscore.activity
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._activity_inserted();

-- Updates: only what a rule can see counts as a change.
CREATE FUNCTION leadscore._activity_updated() RETURNS trigger
LANGUAGE c SECURITY DEFINER AS 'MODULE_PATHNAME', 'activity_updated_wrapper';
COMMENT ON FUNCTION leadscore._activity_updated() IS 'Trigger: scores updated activities';
REVOKE ALL ON FUNCTION leadscore._activity_updated() FROM PUBLIC;
CREATE TRIGGER score_updated AFTER UPDATE ON leadscore.activity
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._activity_updated();

CREATE FUNCTION leadscore._activity_deleted() RETURNS trigger
LANGUAGE c SECURITY DEFINER AS 'MODULE_PATHNAME', 'activity_deleted_wrapper';
COMMENT ON FUNCTION leadscore._activity_deleted() IS 'Trigger: takes back what deleted activities gave';
REVOKE ALL ON FUNCTION leadscore._activity_deleted() FROM PUBLIC;
CREATE TRIGGER score_deleted AFTER DELETE ON leadscore.activity
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._activity_deleted();

CREATE FUNCTION leadscore._activity_truncated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._begin();
    PERFORM leadscore._lock_persons(ARRAY(SELECT p.person_id FROM leadscore.person p));
    PERFORM leadscore._rescore_all(true);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._activity_truncated() IS 'Trigger: takes back what all activities gave';
REVOKE ALL ON FUNCTION leadscore._activity_truncated() FROM PUBLIC;
CREATE TRIGGER score_truncated AFTER TRUNCATE ON leadscore.activity
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._activity_truncated();

-- sql/person_trigger.sql
-- What a person that is inserted, changed, removed or renumbered means for its score.

-- A new row starts with no points and the category of that, whatever the application put
-- into the columns that leadscore writes.
CREATE FUNCTION leadscore._person_arrives() RETURNS trigger
LANGUAGE c SECURITY DEFINER AS 'MODULE_PATHNAME', 'person_arrives_wrapper';
COMMENT ON FUNCTION leadscore._person_arrives() IS 'Trigger: checks an inserted or changed person and gives a new one its first category';
REVOKE ALL ON FUNCTION leadscore._person_arrives() FROM PUBLIC;
CREATE TRIGGER a_arrives BEFORE INSERT ON leadscore.person
    FOR EACH ROW EXECUTE FUNCTION leadscore._person_arrives();
CREATE TRIGGER a_changes BEFORE UPDATE OF person_id, kind, since ON leadscore.person
    FOR EACH ROW EXECUTE FUNCTION leadscore._person_arrives();

-- Whoever writes persons, or rows of an attached table that is written back, waits for a running
-- recompute before it locks any of them.
CREATE FUNCTION leadscore._write_begins() RETURNS trigger
LANGUAGE c SECURITY DEFINER AS 'MODULE_PATHNAME', 'write_begins_wrapper';
COMMENT ON FUNCTION leadscore._write_begins() IS 'Trigger: waits for a running recompute before rows are locked that it writes';
REVOKE ALL ON FUNCTION leadscore._write_begins() FROM PUBLIC;
CREATE TRIGGER write_begins BEFORE UPDATE OR DELETE ON leadscore.person
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._write_begins();

-- Silence counts from the day of since, so a person known for long can have penalties at once.
CREATE FUNCTION leadscore._person_inserted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._person_inserted() IS 'Trigger: looks for penalties of inserted persons';
REVOKE ALL ON FUNCTION leadscore._person_inserted() FROM PUBLIC;
CREATE TRIGGER score_inserted AFTER INSERT ON leadscore.person
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._person_inserted();

-- Rules look at kind and status, silence at since. A transition table cannot go with a list
-- of columns, and without the list every activity would pay for this trigger: so the row
-- trigger notes whom it met and the statement trigger derives them as one set.
CREATE FUNCTION leadscore._person_changed() RETURNS trigger
LANGUAGE c SECURITY DEFINER AS 'MODULE_PATHNAME', 'person_changed_wrapper';
COMMENT ON FUNCTION leadscore._person_changed() IS 'Trigger: derives persons anew whose kind, status or since changed';
REVOKE ALL ON FUNCTION leadscore._person_changed() FROM PUBLIC;
-- No WHEN: PostgreSQL would read its expression anew for every statement.
CREATE TRIGGER note_changed AFTER UPDATE OF kind, status, since ON leadscore.person
    FOR EACH ROW EXECUTE FUNCTION leadscore._person_changed();
CREATE TRIGGER score_changed AFTER UPDATE OF kind, status, since ON leadscore.person
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._person_changed();

CREATE FUNCTION leadscore._person_deleted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM leadscore.activity t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.score_record t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.due t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.pending t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.adjustment t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.category_change t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.person_alias t USING old_row o WHERE t.person_id = o.person_id;
    DELETE FROM leadscore.person_consent t USING old_row o WHERE t.person_id = o.person_id;
    PERFORM leadscore._remove_visits(array_agg(o.person_id)) FROM old_row o;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._person_deleted() IS 'Trigger: removes all that belongs to deleted persons';
REVOKE ALL ON FUNCTION leadscore._person_deleted() FROM PUBLIC;
CREATE TRIGGER remove_deleted AFTER DELETE ON leadscore.person
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._person_deleted();

CREATE FUNCTION leadscore._person_truncated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    TRUNCATE leadscore.activity, leadscore.score_record, leadscore.due, leadscore.pending, leadscore.adjustment, leadscore.category_change,
             leadscore.person_alias, leadscore.person_consent, leadscore.event, leadscore.visitor_person, leadscore.visitor;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._person_truncated() IS 'Trigger: removes all that belongs to all persons';
REVOKE ALL ON FUNCTION leadscore._person_truncated() FROM PUBLIC;
CREATE TRIGGER remove_truncated AFTER TRUNCATE ON leadscore.person
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._person_truncated();

-- A person whose row in the attached table is deleted may come back in the same transaction.
CREATE FUNCTION leadscore._person_departed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._lose_persons(ARRAY[p.person_id]) FROM leadscore.person p WHERE p.person_id = NEW.person_id AND p.departed;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._person_departed() IS 'Trigger: removes a person, at commit, whose row in the attached table is gone';
REVOKE ALL ON FUNCTION leadscore._person_departed() FROM PUBLIC;
CREATE CONSTRAINT TRIGGER remove_departed AFTER UPDATE OF departed ON leadscore.person
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.departed AND NOT OLD.departed)
    EXECUTE FUNCTION leadscore._person_departed();

-- sql/take.sql
-- What changed in an attached table, brought to persons and activities. The arguments are
-- arrays side by side, an element for each changed row: the key that it had (NULL: it is
-- new) and the one that it has (NULL: it is gone, or is none of what was attached).

-- Attached after the snapshot of the transaction: what it changed cannot be judged by it.
CREATE FUNCTION leadscore._source_in_sight(of_source int) RETURNS leadscore.source
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    source leadscore.source;
BEGIN
    SELECT * INTO source FROM leadscore.source s WHERE s.source_id = of_source;
    IF NOT FOUND THEN
        RAISE serialization_failure USING
            MESSAGE = 'could not serialize access due to a table that was attached in the meantime',
            HINT = 'The transaction might succeed if retried.';
    END IF;
    RETURN source;
END $$;
COMMENT ON FUNCTION leadscore._source_in_sight(int) IS 'An attached table, or a serialization failure when it was attached after the snapshot';
REVOKE ALL ON FUNCTION leadscore._source_in_sight(int) FROM PUBLIC;

-- A key can be that of two rows for a while: within a transaction when its constraint is deferred, and within a statement
-- on a partitioned table, whose rows are brought over one by one. Then the order of the changes does not tell whose the key
-- is in the end; the table itself does, at commit.
CREATE FUNCTION leadscore._recheck_at_commit(of_source int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    noted CONSTANT text := 'leadscore.recheck_' || of_source;
BEGIN
    -- Once for the transaction is enough.
    IF coalesce(current_setting(noted, true), '') <> 'on' THEN
        PERFORM set_config(noted, 'on', true);
        UPDATE leadscore.source s SET source_id = s.source_id WHERE s.source_id = of_source;
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._recheck_at_commit(int) IS 'Has what came from an attached table brought in step with its rows at commit';
REVOKE ALL ON FUNCTION leadscore._recheck_at_commit(int) FROM PUBLIC;

CREATE FUNCTION leadscore._source_rechecked() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('leadscore.recheck_' || NEW.source_id, '', true);
    PERFORM leadscore._resync(s.source_id) FROM leadscore.source s WHERE s.source_id = NEW.source_id AND s.attached;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._source_rechecked() IS 'Trigger: brings what came from an attached table in step with its rows';
REVOKE ALL ON FUNCTION leadscore._source_rechecked() FROM PUBLIC;
CREATE CONSTRAINT TRIGGER recheck AFTER UPDATE OF source_id ON leadscore.source
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION leadscore._source_rechecked();

CREATE FUNCTION leadscore._take_activities(of_source int, old_keys text[], new_keys text[], persons text[],
                                           types text[], moments timestamptz[], details jsonb[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._take_activities(int, text[], text[], text[], text[], timestamptz[], jsonb[]) IS 'Brings changed rows of an attached table to activities';
REVOKE ALL ON FUNCTION leadscore._take_activities(int, text[], text[], text[], text[], timestamptz[], jsonb[]) FROM PUBLIC;

-- Activities of attached tables whose person has no longer the key that their rows name wait
-- for that key.
CREATE FUNCTION leadscore._shelve_activities(ids bigint[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH shelved AS (
        DELETE FROM leadscore.activity a
        USING leadscore.person p
        WHERE a.person_id = ANY (ids) AND p.person_id = a.person_id AND a.source_id IS NOT NULL AND p.external_id IS NOT NULL
        RETURNING a.*, p.kind, p.external_id
    )
    INSERT INTO leadscore.waiting (source_id, source_key, person_kind, external_id, activity_type, occurred_at, attributes)
    SELECT s.source_id, s.source_key, s.kind, s.external_id, s.activity_type, s.occurred_at, s.attributes
    FROM shelved s
    ON CONFLICT (source_id, source_key) DO NOTHING;
END;
COMMENT ON FUNCTION leadscore._shelve_activities(bigint[]) IS 'Lets activities of attached tables wait for the key of their person';
REVOKE ALL ON FUNCTION leadscore._shelve_activities(bigint[]) FROM PUBLIC;

CREATE FUNCTION leadscore._lose_persons(ids bigint[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- What is being registered on them now is waited for, and then seen.
    SELECT count(*) FROM (SELECT FROM leadscore.person p WHERE p.person_id = ANY (ids) ORDER BY p.person_id FOR UPDATE) locked;
    SELECT leadscore._shelve_activities(ids);
    DELETE FROM leadscore.person p WHERE p.person_id = ANY (ids);
END;
COMMENT ON FUNCTION leadscore._lose_persons(bigint[]) IS 'Removes persons whose rows are gone; activities of attached tables wait for their return';
REVOKE ALL ON FUNCTION leadscore._lose_persons(bigint[]) FROM PUBLIC;

-- Persons who get another key find it free: whoever had it and is gone by now goes at once, without waiting for the commit.
CREATE FUNCTION leadscore._make_way(of_kind text, keys text[], to_persons bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._make_way(text, text[], bigint[]) IS 'Frees keys that persons get, or refuses when somebody else has one';
REVOKE ALL ON FUNCTION leadscore._make_way(text, text[], bigint[]) FROM PUBLIC;

CREATE FUNCTION leadscore._take_persons(of_source int, old_keys text[], new_keys text[], new_statuses text[],
                                        new_owners text[], moments timestamptz[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._take_persons(int, text[], text[], text[], text[], timestamptz[]) IS 'Brings changed rows of an attached table to persons';
REVOKE ALL ON FUNCTION leadscore._take_persons(int, text[], text[], text[], text[], timestamptz[]) FROM PUBLIC;

-- The rows of an attached table as they are now, read as the table's owner.
CREATE FUNCTION leadscore._source_rows(of_source int)
RETURNS TABLE (key text, person text, activity_type text, moment timestamptz, attributes jsonb, status text, owner text,
               score text, category text)
LANGUAGE c ROWS 100000 AS 'MODULE_PATHNAME', 'source_rows_wrapper';
COMMENT ON FUNCTION leadscore._source_rows(int) IS 'The rows of an attached table that are persons or activities';
REVOKE ALL ON FUNCTION leadscore._source_rows(int) FROM PUBLIC;

CREATE FUNCTION leadscore._source_row_changed() RETURNS trigger
LANGUAGE c SECURITY DEFINER AS 'MODULE_PATHNAME', 'source_row_changed_wrapper';
COMMENT ON FUNCTION leadscore._source_row_changed() IS 'Trigger on attached tables: notes a changed row';
-- Who makes a partition of an attached table must be allowed to execute it: PUBLIC keeps the right that it has by default.

CREATE FUNCTION leadscore._source_changed() RETURNS trigger
LANGUAGE c SECURITY DEFINER AS 'MODULE_PATHNAME', 'source_changed_wrapper';
COMMENT ON FUNCTION leadscore._source_changed() IS 'Trigger on attached tables: brings the changed rows of a statement to persons and activities';
REVOKE ALL ON FUNCTION leadscore._source_changed() FROM PUBLIC;

CREATE FUNCTION leadscore._source_truncated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    source leadscore.source;
BEGIN
    SELECT * INTO source FROM leadscore.source s WHERE s.source_id = TG_ARGV[0]::int AND s.source = TG_RELID;
    IF source.role = 'activity' THEN
        DELETE FROM leadscore.waiting w WHERE w.source_id = source.source_id;
        DELETE FROM leadscore.activity a WHERE a.source_id = source.source_id;
    ELSIF source.role = 'person' THEN
        UPDATE leadscore.person p SET departed = true WHERE p.source_id = source.source_id;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION leadscore._source_truncated() IS 'Trigger on attached tables: TRUNCATE takes all that came from the table';
REVOKE ALL ON FUNCTION leadscore._source_truncated() FROM PUBLIC;

-- sql/attach.sql
-- Attaching the application's own tables, and keeping them in step.

-- Who may attach: a security-definer function cannot tell who called it, so attach_person(),
-- attach_activity() and detach() run with the caller's rights, ask here whether it owns the
-- table, and hand over to a function with the owner's rights, which takes that answer once.
CREATE FUNCTION leadscore._admit(source regclass) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'admit_wrapper';
COMMENT ON FUNCTION leadscore._admit(regclass) IS 'Notes that the current role may attach a table, if it owns it';

CREATE FUNCTION leadscore._admitted(source regclass) RETURNS boolean
LANGUAGE c AS 'MODULE_PATHNAME', 'admitted_wrapper';
COMMENT ON FUNCTION leadscore._admitted(regclass) IS 'Whether the caller was admitted for the table, once';
REVOKE ALL ON FUNCTION leadscore._admitted(regclass) FROM PUBLIC;

CREATE FUNCTION leadscore._admitted_role() RETURNS oid
LANGUAGE c AS 'MODULE_PATHNAME', 'admitted_role_wrapper';
COMMENT ON FUNCTION leadscore._admitted_role() IS 'The role that was admitted';
REVOKE ALL ON FUNCTION leadscore._admitted_role() FROM PUBLIC;

-- Refuses what cannot be attached.
CREATE FUNCTION leadscore._check_source(source regclass, as_role text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._check_source(regclass, text) IS 'Refuses a relation that cannot be attached';
REVOKE ALL ON FUNCTION leadscore._check_source(regclass, text) FROM PUBLIC;

-- Under a domain, or domains over domains, is a type.
CREATE FUNCTION leadscore._base_type(type regtype) RETURNS regtype
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH RECURSIVE down AS (
        SELECT t.oid, t.typbasetype FROM pg_type t WHERE t.oid = type
        UNION ALL
        SELECT t.oid, t.typbasetype FROM down d JOIN pg_type t ON t.oid = d.typbasetype
    )
    SELECT d.oid::regtype FROM down d WHERE d.typbasetype = 0;
END;
COMMENT ON FUNCTION leadscore._base_type(regtype) IS 'The type under a domain';

-- Refuses a column that is not there or is not of one of some types; NULL passes.
CREATE FUNCTION leadscore._check_column(source regclass, column_name name, purpose text, types text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._check_column(regclass, name, text, text[]) IS 'Refuses a column that is missing or of a wrong type';
REVOKE ALL ON FUNCTION leadscore._check_column(regclass, name, text, text[]) FROM PUBLIC;

-- Refuses a column that cannot hold keys; NULL passes. Keys are kept and compared as text.
CREATE FUNCTION leadscore._check_key_type(source regclass, column_name name, purpose text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._check_key_type(regclass, name, text) IS 'Refuses a column whose values cannot be keys';
REVOKE ALL ON FUNCTION leadscore._check_key_type(regclass, name, text) FROM PUBLIC;

-- On a partitioned table a unique index holds the partition key too: there a column is taken on trust. Columns that an index
-- only includes come after those of its key, and count from 0.
CREATE FUNCTION leadscore._is_unique(source regclass, column_name name) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM pg_index i
                   JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attname = column_name
                   JOIN pg_class c ON c.oid = i.indrelid
                   WHERE i.indrelid = source AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
                     AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1]) AND (i.indnkeyatts = 1 OR c.relkind = 'p'));
END;
COMMENT ON FUNCTION leadscore._is_unique(regclass, name) IS 'Whether a column tells the rows of a table apart';

-- The column that tells rows apart: the named one, which must be unique, or the primary key.
CREATE FUNCTION leadscore._key_column(source regclass, named name) RETURNS name
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._key_column(regclass, name) IS 'The column by which a row of an attached table is found again';
REVOKE ALL ON FUNCTION leadscore._key_column(regclass, name) FROM PUBLIC;

-- Puts the triggers on the table. One of them never fires: its column list is what binds the
-- columns, those that are read and then those that are written back. The others have no list,
-- since a BEFORE trigger of the application may change a column that the statement does not name.
CREATE FUNCTION leadscore._put_triggers(of_source int, source regclass, bound name[], written name[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._put_triggers(int, regclass, name[], name[]) IS 'Puts leadscore''s triggers on an attached table';
REVOKE ALL ON FUNCTION leadscore._put_triggers(int, regclass, name[], name[]) FROM PUBLIC;

CREATE FUNCTION leadscore._drop_triggers(of_source int, source regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t name;
BEGIN
    FOR t IN SELECT g.tgname FROM pg_trigger g WHERE g.tgrelid = source AND g.tgname LIKE 'leadscore\_' || of_source || '\_%' LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', t, source);
    END LOOP;
END $$;
COMMENT ON FUNCTION leadscore._drop_triggers(int, regclass) IS 'Takes leadscore''s triggers off an attached table';
REVOKE ALL ON FUNCTION leadscore._drop_triggers(int, regclass) FROM PUBLIC;

CREATE FUNCTION leadscore._need_attached(source regclass) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM leadscore.source s WHERE s.source = _need_attached.source AND s.attached) THEN
        RAISE undefined_object USING
            MESSAGE = format('%s is not attached', coalesce(source::text, 'NULL')),
            DETAIL = 'No rows of persons or activities come from it.',
            HINT = 'SELECT source, role FROM leadscore.source WHERE attached; lists what is.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._need_attached(regclass) IS 'Refuses a table that is not attached';
REVOKE ALL ON FUNCTION leadscore._need_attached(regclass) FROM PUBLIC;

-- A table that was attached before keeps its number, so that its rows are recognised.
CREATE FUNCTION leadscore._register_source(source regclass, as_role text, kind text, fixed_type text, parts jsonb) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    number int;
BEGIN
    INSERT INTO leadscore.source AS s (source, role, person_kind, activity_type, parts)
    VALUES (source, as_role, kind, fixed_type, parts)
    ON CONFLICT ON CONSTRAINT source_source_role_key DO UPDATE
    SET attached = true, person_kind = EXCLUDED.person_kind, activity_type = EXCLUDED.activity_type, parts = EXCLUDED.parts
    RETURNING s.source_id INTO number;
    PERFORM leadscore._go_live();
    PERFORM leadscore._forget_configuration();
    RETURN number;
END $$;
COMMENT ON FUNCTION leadscore._register_source(regclass, text, text, text, jsonb) IS 'Notes an attached table and returns its number';
REVOKE ALL ON FUNCTION leadscore._register_source(regclass, text, text, text, jsonb) FROM PUBLIC;

-- An attached table decides about the persons of its kind: what its owner may do to persons who are there already, or whose
-- table is another role's, goes by that role's rights on leadscore's own tables.
CREATE FUNCTION leadscore._has_persons_of_others(of_kind text, caller oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own int[] := ARRAY(SELECT s.source_id FROM leadscore.source s JOIN pg_class c ON c.oid = s.source
                       WHERE s.role = 'person' AND pg_has_role(caller, c.relowner, 'USAGE'));
BEGIN
    RETURN EXISTS (SELECT FROM leadscore.source s
                   WHERE s.role = 'person' AND s.attached AND s.person_kind = of_kind AND s.source_id <> ALL (own))
        OR EXISTS (SELECT FROM leadscore.person p WHERE p.kind = of_kind AND (p.source_id = ANY (own)) IS NOT TRUE);
END $$;
COMMENT ON FUNCTION leadscore._has_persons_of_others(text, oid) IS 'Whether a kind has persons that come from no table of the role';
REVOKE ALL ON FUNCTION leadscore._has_persons_of_others(text, oid) FROM PUBLIC;

CREATE FUNCTION leadscore._attach_person(source regclass, kind text, key name, status name, owner name, since name,
                                         score name, category name) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._attach_person(regclass, text, name, name, name, name, name, name) IS 'attach_person() with the rights of leadscore, for a caller that was admitted';

CREATE FUNCTION leadscore.attach_person(source regclass, kind text, key name DEFAULT NULL, status name DEFAULT NULL,
                                        owner name DEFAULT NULL, since name DEFAULT NULL,
                                        score name DEFAULT NULL, category name DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._admit(source);
    RETURN leadscore._attach_person(source, kind, key, status, owner, since, score, category);
END $$;
COMMENT ON FUNCTION leadscore.attach_person(regclass, text, name, name, name, name, name, name) IS 'Lets the rows of an application''s table be persons of a kind, existing ones too, and returns how many there are; score and category are columns to write back to';

CREATE FUNCTION leadscore._attach_activity(source regclass, activity_type text, person name, person_kind text, occurred_at name,
                                           key name, activity_type_column name, attributes name[], only_when jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._attach_activity(regclass, text, name, text, name, name, name, name[], jsonb) IS 'attach_activity() with the rights of leadscore, for a caller that was admitted';

CREATE FUNCTION leadscore.attach_activity(source regclass, activity_type text DEFAULT NULL, person name DEFAULT NULL,
                                          person_kind text DEFAULT NULL, occurred_at name DEFAULT NULL, key name DEFAULT NULL,
                                          activity_type_column name DEFAULT NULL, attributes name[] DEFAULT NULL,
                                          only_when jsonb DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._admit(source);
    RETURN leadscore._attach_activity(source, activity_type, person, person_kind, occurred_at, key, activity_type_column,
                                      attributes, only_when);
END $$;
COMMENT ON FUNCTION leadscore.attach_activity(regclass, text, name, text, name, name, name, name[], jsonb) IS 'Lets the rows of an application''s table be activities, existing ones too, and returns how many there are; call it with named arguments';

CREATE FUNCTION leadscore._detach(source regclass, keep boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._detach(regclass, boolean) IS 'detach() with the rights of leadscore, for a caller that was admitted';

CREATE FUNCTION leadscore.detach(source regclass, keep boolean DEFAULT true) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._admit(source);
    PERFORM leadscore._detach(source, keep);
END $$;
COMMENT ON FUNCTION leadscore.detach(regclass, boolean) IS 'Takes leadscore''s triggers off a table; with keep => false what came from it goes too';

-- Triggers that were lost come back, with the columns that are bound as they are called now.
CREATE FUNCTION leadscore._reattach(source regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._reattach(regclass) IS 'reattach() with the rights of leadscore, for a caller that was admitted';

CREATE FUNCTION leadscore.reattach(source regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._admit(source);
    PERFORM leadscore._reattach(source);
END $$;
COMMENT ON FUNCTION leadscore.reattach(regclass) IS 'Puts lost triggers of an attached table back, as it was attached, and brings what came from it in step';

-- Brings what came from one table in step with its rows as they are. Attaching is the case in
-- which nothing came from it yet.
CREATE FUNCTION leadscore._resync(of_source int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._resync(int) IS 'Brings what came from an attached table in step with its rows';
REVOKE ALL ON FUNCTION leadscore._resync(int) FROM PUBLIC;

CREATE FUNCTION leadscore.resync(source regclass DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s leadscore.source;
BEGIN
    IF source IS NOT NULL THEN
        PERFORM leadscore._need_attached(source);
    END IF;
    FOR s IN SELECT * FROM leadscore.source x WHERE x.attached AND (resync.source IS NULL OR x.source = resync.source)
             ORDER BY x.role DESC, x.source_id LOOP
        IF to_regclass(s.source::text) IS NOT NULL OR EXISTS (SELECT FROM pg_class c WHERE c.oid = s.source) THEN
            PERFORM leadscore._resync(s.source_id);
        END IF;
    END LOOP;
    PERFORM leadscore._admit_waiting();
    IF source IS NULL THEN
        PERFORM leadscore._begin();
        PERFORM leadscore._lock_persons(ARRAY(SELECT p.person_id FROM leadscore.person p));
        PERFORM leadscore._rescore_all(true);
    END IF;
END $$;
COMMENT ON FUNCTION leadscore.resync(regclass) IS 'Repairs what bypassed the triggers: of one attached table, or of all and of leadscore''s own tables';
-- It writes everybody's score: the owner says who may.
REVOKE ALL ON FUNCTION leadscore.resync(regclass) FROM PUBLIC;

-- sql/outbox.sql
-- What a run does for those who read leadscore.category_change as an outbox: it sends word, and
-- removes what has been kept long enough.

-- The oldest rows go first, up to the first one that stays, found from the low end of the index:
-- what that costs is what there is to remove. Time here is the clock's, whatever day is scored.
-- A table that was left to grow is brought down in several nights.
CREATE FUNCTION leadscore._trim_category_changes(at_most int DEFAULT 1000000) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET enable_seqscan = off AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._trim_category_changes(int) IS 'Removes changes of category that were kept as long as settings.keep_category_changes says, at most so many, and returns how many';
REVOKE ALL ON FUNCTION leadscore._trim_category_changes(int) FROM PUBLIC;

-- Listeners hear of it when the run commits.
CREATE FUNCTION leadscore._end_run(run leadscore.run) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._trim_category_changes();
    PERFORM pg_notify(s.notify_channel, json_build_object(
                'run_id', run.run_id, 'scored_on', run.scored_on,
                'records_added', run.records_added, 'records_removed', run.records_removed,
                'persons_changed', run.persons_changed, 'categories_changed', run.categories_changed)::text)
    FROM leadscore.settings s
    WHERE s.notify_channel IS NOT NULL;
END $$;
COMMENT ON FUNCTION leadscore._end_run(leadscore.run) IS 'Removes old changes of category and sends word of a run';
REVOKE ALL ON FUNCTION leadscore._end_run(leadscore.run) FROM PUBLIC;

-- sql/recompute.sql
-- The night: bring everything to a day.

CREATE FUNCTION leadscore._pass_days(ids bigint[], lost bigint[], due bigint[], left_out bigint[], last_day date, today date)
RETURNS TABLE (counts bigint[], to_derive bigint[])
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'pass_days_wrapper';
COMMENT ON FUNCTION leadscore._pass_days(bigint[], bigint[], bigint[], bigint[], date, date) IS 'Takes from persons what their ended records gave, what the decaying ones lose between two days and what silence takes, and returns what changed and who is to be derived anew';
REVOKE ALL ON FUNCTION leadscore._pass_days(bigint[], bigint[], bigint[], bigint[], date, date) FROM PUBLIC;

-- What the passing of days alone changes: windows that end, records that decay, silence that any
-- activity ends. Returned are the persons for whom more may be due, who are to be derived anew.
CREATE FUNCTION leadscore._pass(last_day date, today date, OUT outcome leadscore._outcome, OUT to_derive bigint[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._pass(date, date) IS 'Brings persons through the days between two days, and returns what changed and who is to be derived anew';
REVOKE ALL ON FUNCTION leadscore._pass(date, date) FROM PUBLIC;

CREATE FUNCTION leadscore._with(run leadscore.run, part leadscore._outcome) RETURNS leadscore.run
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    run.records_added := run.records_added + part.records_added;
    run.records_removed := run.records_removed + part.records_removed;
    run.persons_changed := run.persons_changed + part.persons_changed;
    run.categories_changed := run.categories_changed + part.categories_changed;
    RETURN run;
END $$;
COMMENT ON FUNCTION leadscore._with(leadscore.run, leadscore._outcome) IS 'A run with what a part of it changed';
REVOKE ALL ON FUNCTION leadscore._with(leadscore.run, leadscore._outcome) FROM PUBLIC;

-- How every run begins: it waits for writers, keeps others waiting, and moves the day.
CREATE FUNCTION leadscore._begin_run(as_of timestamptz, full_rebuild boolean, OUT run leadscore.run, OUT last_day date)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._begin_run(timestamptz, boolean) IS 'Waits for writers and moves the day';
REVOKE ALL ON FUNCTION leadscore._begin_run(timestamptz, boolean) FROM PUBLIC;

CREATE FUNCTION leadscore._recompute(as_of timestamptz, full_rebuild boolean) RETURNS leadscore.run
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._recompute(timestamptz, boolean) IS 'leadscore_recompute(), in the schema that never moves';
REVOKE ALL ON FUNCTION leadscore._recompute(timestamptz, boolean) FROM PUBLIC;

CREATE FUNCTION @extschema@.leadscore_recompute(as_of timestamptz DEFAULT now(), full_rebuild boolean DEFAULT false)
RETURNS TABLE (run_id bigint, scored_on date, records_added bigint, records_removed bigint,
               persons_changed bigint, categories_changed bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT r.run_id, r.scored_on, r.records_added, r.records_removed, r.persons_changed, r.categories_changed
    FROM leadscore._recompute(as_of, full_rebuild) r;
END;
COMMENT ON FUNCTION @extschema@.leadscore_recompute(timestamptz, boolean) IS 'Brings all scores and categories to the local day of as_of and returns what changed; with full_rebuild it derives everything anew';
-- A run writes every person's score and keeps other writers waiting: the owner says who may.
REVOKE ALL ON FUNCTION @extschema@.leadscore_recompute(timestamptz, boolean) FROM PUBLIC;

-- A procedure that commits runs with its caller's rights. So whoever may call it may call these parts of it, which run with
-- their owner's, and nobody else.
CREATE FUNCTION leadscore._need_right_to_batches() RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._need_right_to_batches() IS 'Refuses a caller who may not call recompute_in_batches()';

-- The same in batches that commit, so that writers of a person wait for its batch alone. The
-- day moves first; persons for whom it changes anything wait in leadscore.pending, and each is
-- derived anew, whole, whatever happened to it since.
CREATE FUNCTION leadscore._begin_batches(as_of timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._begin_batches(timestamptz) IS 'Begins a run in batches, or leaves it to one that was interrupted';

-- Returns whether there is more to do.
CREATE FUNCTION leadscore._next_batch(batch_size int) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._next_batch(int) IS 'Derives the next persons of a run in batches anew and returns whether there may be more';

-- A procedure that commits can neither pin search_path nor run with its owner's rights: it only
-- calls what does, by qualified names.
CREATE PROCEDURE leadscore.recompute_in_batches(as_of timestamptz DEFAULT now(), batch_size int DEFAULT 2000)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM leadscore._check_batch_size(batch_size);
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
END $$;
COMMENT ON PROCEDURE leadscore.recompute_in_batches(timestamptz, int) IS 'leadscore_recompute() in batches of so many persons that commit; call it again after an interruption to go on; leadscore.progress shows how far it is';
-- It writes every person's score: the owner says who may.
REVOKE ALL ON PROCEDURE leadscore.recompute_in_batches(timestamptz, int) FROM PUBLIC;

CREATE FUNCTION leadscore._check_batch_size(batch_size int) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF batch_size IS NULL OR batch_size NOT BETWEEN 1 AND 1000000 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('recompute_in_batches: batch_size is %s', coalesce(batch_size::text, 'NULL')),
            DETAIL = 'A batch is of 1 to 1,000,000 persons.',
            HINT = 'Leave it out for 2,000.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._check_batch_size(int) IS 'Refuses a batch size that makes no sense';

CREATE FUNCTION leadscore._is_scored_on(as_of timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._need_right_to_batches();
    RETURN (SELECT s.scored_on = leadscore.scoring_day(as_of) FROM leadscore.state s)
       AND NOT (SELECT i.rebuild_due FROM leadscore.instance i);
END $$;
COMMENT ON FUNCTION leadscore._is_scored_on(timestamptz) IS 'Whether the scores stand for the day of a moment, by the rules as they are';

-- sql/verify.sql
-- Is all that is stored what the function gives? Reads only, so it works on a standby too.
CREATE FUNCTION leadscore.verify()
RETURNS TABLE (person_id bigint, item text, rule_id int, activity_id bigint, stored text, derived text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
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
END $$;
COMMENT ON FUNCTION leadscore.verify() IS 'Derives everything anew and returns one row for each difference to what is stored; none when all is exact';

-- sql/score_at.sql
-- What a score was, is or will be on any day.
CREATE FUNCTION leadscore.score_at(person_id bigint, on_day date) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    PERFORM leadscore._check_day(on_day, 'score_at');
    PERFORM leadscore._need_person(score_at.person_id, 'score_at');
    RETURN (SELECT coalesce(sum(leadscore._worth(d.points, d.counts_from, d.decays_until, on_day)), 0)::bigint
            FROM leadscore._derived(on_day, false) d
            WHERE d.person_id = score_at.person_id AND d.counts_from <= on_day);
END $$;
COMMENT ON FUNCTION leadscore.score_at(bigint, date) IS 'The score of a person on any day, in points; an error when there is no such person or day';

-- sql/adjust.sql
-- Manual adjustments: points with a reason, from a day until a day.
CREATE FUNCTION leadscore.adjust(person_id bigint, points int, reason text,
                                 from_day date DEFAULT NULL, until_day date DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
    PERFORM leadscore._begin();
    PERFORM leadscore._lock_persons(ARRAY[adjust.person_id]);
    PERFORM leadscore._need_person(adjust.person_id, 'adjust');
    INSERT INTO leadscore.adjustment (person_id, points, reason, from_day, until_day)
    VALUES (adjust.person_id, adjust.points, adjust.reason, first_day, adjust.until_day)
    RETURNING adjustment_id INTO made;
    PERFORM leadscore._go_live();
    PERFORM leadscore._reach(ARRAY[adjust.person_id], ARRAY[first_day]);
    PERFORM leadscore._rescore(ARRAY[adjust.person_id]);
    RETURN made;
END $$;
COMMENT ON FUNCTION leadscore.adjust(bigint, int, text, date, date) IS 'Gives a person points with a reason, from a day (today) until a day (for ever), and returns the adjustment''s id';
-- Whoever adjusts writes the score of anybody: the owner says who may.
REVOKE ALL ON FUNCTION leadscore.adjust(bigint, int, text, date, date) FROM PUBLIC;

CREATE FUNCTION leadscore.unadjust(id bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore.unadjust(bigint) IS 'Takes a manual adjustment back';
REVOKE ALL ON FUNCTION leadscore.unadjust(bigint) FROM PUBLIC;

-- sql/merge.sql
-- Duplicates and erasure.

-- Activities and adjustments move and the winner is derived anew, as if all had been
-- registered on it. The application's key of the loser leads to the winner from now on.
CREATE FUNCTION leadscore.merge_person(loser bigint, winner bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore.merge_person(bigint, bigint) IS 'Joins a duplicate with the person it duplicates: what was registered on the loser moves to the winner, whose score is derived anew';
-- It removes a person and changes another one's score: the owner says who may.
REVOKE ALL ON FUNCTION leadscore.merge_person(bigint, bigint) FROM PUBLIC;

CREATE FUNCTION leadscore.forget_person(person_id bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._begin();
    PERFORM leadscore._need_person(forget_person.person_id, 'forget_person');
    -- Activities before persons, as who updates or deletes activities has them.
    PERFORM FROM leadscore.activity a WHERE a.person_id = forget_person.person_id ORDER BY a.activity_id FOR UPDATE;
    PERFORM leadscore._forget_visitors(forget_person.person_id);
    DELETE FROM leadscore.waiting w
    USING leadscore._person_key k
    WHERE k.person_id = forget_person.person_id AND w.person_kind = k.kind AND w.external_id = k.external_id;
    DELETE FROM leadscore.person p WHERE p.person_id = forget_person.person_id;
END $$;
COMMENT ON FUNCTION leadscore.forget_person(bigint) IS 'Erases a person: nothing of it remains in any table of leadscore; the application''s own tables are its own to clear, and first';
-- Erasure cannot be taken back: the owner says who may.
REVOKE ALL ON FUNCTION leadscore.forget_person(bigint) FROM PUBLIC;

-- sql/document.sql
-- Rules, categories, activity types and settings as one document.

CREATE FUNCTION leadscore._checked_config(config text) RETURNS jsonb
LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', 'checked_config_wrapper';
COMMENT ON FUNCTION leadscore._checked_config(text) IS 'The document with its types checked; an error names the path to the field that is wrong';

CREATE FUNCTION leadscore._preset(name text) RETURNS jsonb
LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', 'preset_wrapper';
COMMENT ON FUNCTION leadscore._preset(text) IS 'The document of a preset';

-- Not interval's own output, which depends on the session's intervalstyle.
CREATE FUNCTION leadscore._length(length interval) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN nullif(concat_ws(' ',
    CASE WHEN extract(year FROM length) <> 0 THEN extract(year FROM length)::int || CASE extract(year FROM length) WHEN 1 THEN ' year' ELSE ' years' END END,
    CASE WHEN extract(month FROM length) <> 0 THEN extract(month FROM length)::int || CASE extract(month FROM length) WHEN 1 THEN ' month' ELSE ' months' END END,
    CASE WHEN extract(day FROM length) <> 0 THEN extract(day FROM length)::int || CASE extract(day FROM length) WHEN 1 THEN ' day' ELSE ' days' END END), '');
COMMENT ON FUNCTION leadscore._length(interval) IS 'A length of time in words, such as 60 days';

CREATE FUNCTION leadscore.export_config() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT jsonb_build_object(
        'settings', (SELECT jsonb_strip_nulls(jsonb_build_object(
                                'time_zone', s.time_zone, 'notify_channel', s.notify_channel,
                                'keep_category_changes', leadscore._length(s.keep_category_changes)))
                     FROM leadscore.settings s),
        'activity_types', (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(to_jsonb(t)) ORDER BY t.activity_type), '[]')
                           FROM leadscore.activity_type t),
        'categories', (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(to_jsonb(c) - 'category_id')
                                                 ORDER BY c.person_kind NULLS FIRST, c.min_score NULLS FIRST), '[]')
                       FROM leadscore.category c),
        'rules', (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(to_jsonb(r) - 'rule_id' - 'created_at'
                                                              - 'relevant_for' - 'inactive_for' - 'condition'
                                                              -- A rule of before can have max_repeats that limit nothing.
                                                              - CASE WHEN r.repeat_every IS NULL THEN 'max_repeats' ELSE 'repeat_every' END)
                                            || CASE WHEN r.condition IS NULL THEN '{}' ELSE jsonb_build_object('condition', r.condition) END
                                            || jsonb_strip_nulls(jsonb_build_object(
                                                   'relevant_for', leadscore._length(r.relevant_for),
                                                   'inactive_for', leadscore._length(r.inactive_for),
                                                   'repeat_every', leadscore._length(r.repeat_every)))
                                            ORDER BY r.name), '[]')
                  FROM leadscore.rule r));
END;
COMMENT ON FUNCTION leadscore.export_config() IS 'Rules, categories, activity types and settings as one document';

-- The rules of a checked document as rows, with the ids of those that are there by that name;
-- others have negative ones, which no stored rule has.
CREATE FUNCTION leadscore._document_rules(document jsonb) RETURNS SETOF leadscore.rule
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce(r.rule_id, -n.nth::int), n.name, coalesce(n.kind, 'activity'), n.activity_types, n.condition, n.person_kinds,
           n.statuses, n.points, n.relevant_for, coalesce(n.decay, 'none'), n.max_per_day, n.max_counted, n.inactive_for,
           n.repeat_every, n.max_repeats, n.effective_from, coalesce(n.enabled, true), coalesce(r.created_at, now())
    FROM ROWS FROM (jsonb_to_recordset(document -> 'rules') AS (
        name text, kind text, activity_types text[], condition jsonb, person_kinds text[], statuses text[], points int,
        relevant_for interval, decay text, max_per_day int, max_counted int, inactive_for interval,
        repeat_every interval, max_repeats int, effective_from date, enabled boolean)) WITH ORDINALITY
        AS n(name, kind, activity_types, condition, person_kinds, statuses, points, relevant_for, decay, max_per_day,
             max_counted, inactive_for, repeat_every, max_repeats, effective_from, enabled, nth)
    LEFT JOIN leadscore.rule r ON r.name = n.name;
END;
COMMENT ON FUNCTION leadscore._document_rules(jsonb) IS 'The rules of a checked document as rows';

-- Lengths of time and days are text in JSON: what PostgreSQL cannot read is named by its path.
CREATE FUNCTION leadscore._check_times(document jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._check_times(jsonb) IS 'Refuses a document with a length of time, a day or a moment that cannot be read';

-- With replace, a section that the document has is the whole of that section afterwards;
-- without, the document only adds and changes, and its categories take the place of those for
-- the same kinds. Activity types are never removed.
CREATE FUNCTION leadscore._apply_config(config jsonb, replace boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._apply_config(jsonb, boolean) IS 'Brings the configuration to a document, all of it or nothing';

CREATE FUNCTION leadscore.import_config(config jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._require_tests_pass(config);
    PERFORM leadscore._apply_config(config, true);
END $$;
COMMENT ON FUNCTION leadscore.import_config(jsonb) IS 'Makes a document the configuration: a section that it has replaces that section, rules are matched by name; all or nothing, and nothing when a test that it carries fails';

CREATE FUNCTION leadscore.load_preset(name text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT leadscore._apply_config(leadscore._preset(name), false);
END;
COMMENT ON FUNCTION leadscore.load_preset(text) IS 'Adds the activity types, categories and rules of a preset: recruitment or recruitment_nl';

CREATE FUNCTION leadscore.config_schema() RETURNS jsonb
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'config_schema_wrapper';
COMMENT ON FUNCTION leadscore.config_schema() IS 'The JSON Schema of a configuration document';

-- sql/schedule.sql
-- The nightly job, made by pg_cron.

CREATE FUNCTION leadscore._cron_command() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT format('SELECT * FROM %I.leadscore_recompute()', n.nspname)
    FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
    WHERE e.extname = 'leadscore';
END;
COMMENT ON FUNCTION leadscore._cron_command() IS 'The statement that the nightly job runs';

-- A server without pg_cron can have the setting too, as a placeholder of any user.
CREATE FUNCTION leadscore._cron_home() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT g.setting FROM pg_settings g WHERE g.name = 'cron.database_name' AND g.context = 'postmaster';
END;
COMMENT ON FUNCTION leadscore._cron_home() IS 'The database that pg_cron lives in; NULL where it is not loaded';

CREATE FUNCTION leadscore._need_cron(remedy text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    home text := leadscore._cron_home();
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
        RETURN;
    END IF;
    IF home IS NULL THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'pg_cron is not loaded in this server',
            DETAIL = 'The nightly job needs pg_cron, which must be in shared_preload_libraries.',
            HINT = 'Install pg_cron, set shared_preload_libraries = ''pg_cron'', restart the server, CREATE EXTENSION pg_cron, and call this again.';
    ELSIF home = current_database() THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'pg_cron is not installed in this database',
            DETAIL = format('The server has pg_cron loaded, with its jobs in database %L.', home),
            HINT = 'CREATE EXTENSION pg_cron; and call this again.';
    ELSE
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('pg_cron keeps its jobs in database %L, not in %L', home, current_database()),
            DETAIL = 'A job for this database is made from there.',
            HINT = format('In database %I run: %s', home, remedy);
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._need_cron(text) IS 'Raises an error that says what to do when pg_cron cannot be reached from this database';

-- The job is named after the database, since one pg_cron serves all databases of a server.
CREATE FUNCTION leadscore._job_name(database name) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN 'leadscore nightly in ' || database;
COMMENT ON FUNCTION leadscore._job_name(name) IS 'The name of the nightly job of a database';

CREATE FUNCTION leadscore.schedule(cron text DEFAULT '15 0 * * *') RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore.schedule(text) IS 'Makes or changes the nightly pg_cron job of this database and returns its job id; pg_cron reads the time in its own time zone, GMT unless set otherwise';
-- A job runs under the role that makes it, again and again: the owner says who may.
REVOKE ALL ON FUNCTION leadscore.schedule(text) FROM PUBLIC;

CREATE FUNCTION leadscore.unschedule() RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM leadscore._need_cron(format('SELECT cron.unschedule(%L);', leadscore._job_name(current_database())));
    RETURN coalesce((SELECT cron.unschedule(j.jobid) FROM cron.job j
                     WHERE j.jobname = leadscore._job_name(current_database())), false);
END $$;
COMMENT ON FUNCTION leadscore.unschedule() IS 'Removes the nightly job of this database and returns whether there was one';
REVOKE ALL ON FUNCTION leadscore.unschedule() FROM PUBLIC;

-- sql/doctor.sql
-- Health: what keeps scores from being right or on time, each with what mends it.
CREATE FUNCTION leadscore.doctor()
RETURNS TABLE (severity text, finding text, detail text, remedy text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore.doctor() IS 'What keeps scores from being right or on time, each with what mends it; no row when all is well';

-- Apart, since it can only be run where pg_cron is installed.
CREATE FUNCTION leadscore._doctor_cron()
RETURNS TABLE (severity text, finding text, detail text, remedy text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
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

-- sql/visitor.sql
-- Visitors of the website, what they did there, and who they turned out to be.
--
--   track() ──▶ visitor ──▶ event ──── visitor_person says whose ───▶ activity ──▶ score
--
-- A visitor is not a person, so these tables have their own keys; what counts for a person is
-- an activity, and that is keyed by person.

CREATE TABLE leadscore.track_settings (
    one_row            boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    consent_required   boolean NOT NULL DEFAULT true,
    consent_category   text,
    default_kind       text CHECK (default_kind <> ''),
    internal_addresses cidr[] NOT NULL DEFAULT '{}',
    max_past           interval NOT NULL DEFAULT '30 days' CHECK (max_past >= '0'),
    max_future         interval NOT NULL DEFAULT '1 hour' CHECK (max_future >= '0'),
    retention          interval NOT NULL DEFAULT '180 days',
    CONSTRAINT retention_covers_retries CHECK (retention >= max_past)
);
INSERT INTO leadscore.track_settings DEFAULT VALUES;
CREATE TRIGGER replace_the_row BEFORE INSERT ON leadscore.track_settings
    FOR EACH ROW EXECUTE FUNCTION leadscore._replace_the_row();
SELECT pg_catalog.pg_extension_config_dump('leadscore.track_settings', '');
COMMENT ON TABLE leadscore.track_settings IS 'Settings of website visits: one row; an INSERT replaces it, without it the defaults hold';
COMMENT ON COLUMN leadscore.track_settings.one_row IS 'Always true: there is one row';
COMMENT ON COLUMN leadscore.track_settings.consent_required IS 'Whether an event counts only with consent; false where the website itself collects nothing before it has consent';
COMMENT ON COLUMN leadscore.track_settings.consent_category IS 'Which of context.consent.categoryPreferences decides; NULL: all of them must be granted';
COMMENT ON COLUMN leadscore.track_settings.default_kind IS 'The kind of a person whose userId is not written kind:external_id; NULL: such a userId is refused';
COMMENT ON COLUMN leadscore.track_settings.internal_addresses IS 'Networks whose visits are left out, such as the office''s; no address is stored';
COMMENT ON COLUMN leadscore.track_settings.max_past IS 'Events of longer ago are refused';
COMMENT ON COLUMN leadscore.track_settings.max_future IS 'Events further ahead are refused';
COMMENT ON COLUMN leadscore.track_settings.retention IS 'How long raw events and message ids are kept by purge_visits(); at least max_past, so that no retry outlives the memory of its first try';

CREATE TABLE leadscore.visitor (
    anonymous_id text PRIMARY KEY,
    visitor_id   bigint NOT NULL GENERATED BY DEFAULT AS IDENTITY,
    consented_at timestamptz,
    recorded_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX visitor_visitor_id_idx ON leadscore.visitor (visitor_id);
SELECT pg_catalog.pg_extension_config_dump('leadscore.visitor', '');
SELECT pg_catalog.pg_extension_config_dump('leadscore.visitor_visitor_id_seq', '');
COMMENT ON TABLE leadscore.visitor IS 'Visitors of the website that may be followed; nothing is kept of others';
COMMENT ON COLUMN leadscore.visitor.anonymous_id IS 'The id that the website gave, such as a cookie''s value';
COMMENT ON COLUMN leadscore.visitor.visitor_id IS 'The visitor; ids that an alias joined have the same';
COMMENT ON COLUMN leadscore.visitor.consented_at IS 'Since when consent is known; NULL where none was required';
COMMENT ON COLUMN leadscore.visitor.recorded_at IS 'When the row was inserted';

CREATE TABLE leadscore.visitor_person (
    visitor_id  bigint NOT NULL,
    tied_at     timestamptz NOT NULL,
    person_id   bigint,
    person_kind text,
    external_id text,
    PRIMARY KEY (visitor_id, tied_at),
    CHECK ((person_id IS NULL) = (external_id IS NOT NULL))
);
CREATE INDEX visitor_person_person_idx ON leadscore.visitor_person (person_id) WHERE person_id IS NOT NULL;
CREATE INDEX visitor_person_waiting_idx ON leadscore.visitor_person (person_kind, external_id) WHERE person_id IS NULL;
SELECT pg_catalog.pg_extension_config_dump('leadscore.visitor_person', '');
COMMENT ON TABLE leadscore.visitor_person IS 'Who a visitor turned out to be, and when: a visit belongs to the person of the last tie up to it, or to the first tie when it came before all of them';
COMMENT ON COLUMN leadscore.visitor_person.visitor_id IS 'The visitor';
COMMENT ON COLUMN leadscore.visitor_person.tied_at IS 'When the visitor was identified';
COMMENT ON COLUMN leadscore.visitor_person.person_id IS 'The person; NULL as long as it is not known';
COMMENT ON COLUMN leadscore.visitor_person.person_kind IS 'The kind of a person that is not known yet';
COMMENT ON COLUMN leadscore.visitor_person.external_id IS 'The application''s key of a person that is not known yet';

CREATE TABLE leadscore.event (
    event_id    bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    message_id  text UNIQUE,
    event       text,
    occurred_at timestamptz NOT NULL,
    visitor_id  bigint,
    named       boolean NOT NULL DEFAULT false,
    person_id   bigint,
    person_kind text,
    external_id text,
    activity_id bigint,
    properties  jsonb,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX event_visitor_idx ON leadscore.event (visitor_id, occurred_at) WHERE visitor_id IS NOT NULL;
CREATE INDEX event_person_idx ON leadscore.event (person_id) WHERE person_id IS NOT NULL;
CREATE INDEX event_waiting_idx ON leadscore.event (person_kind, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX event_recorded_idx ON leadscore.event USING brin (recorded_at);
SELECT pg_catalog.pg_extension_config_dump('leadscore.event', '');
SELECT pg_catalog.pg_extension_config_dump('leadscore.event_event_id_seq', '');
COMMENT ON TABLE leadscore.event IS 'Website events that were taken; never an address or a user agent';
COMMENT ON COLUMN leadscore.event.event_id IS 'Identity';
COMMENT ON COLUMN leadscore.event.message_id IS 'The sender''s id of the event: one that was seen is not taken again';
COMMENT ON COLUMN leadscore.event.event IS 'Its name; NULL once purged';
COMMENT ON COLUMN leadscore.event.occurred_at IS 'When it took place, the sender''s clock corrected';
COMMENT ON COLUMN leadscore.event.visitor_id IS 'The visitor; NULL for an event that names its person alone';
COMMENT ON COLUMN leadscore.event.named IS 'Whether the event itself names its person';
COMMENT ON COLUMN leadscore.event.person_id IS 'The person whose activity it is; NULL as long as nobody knows';
COMMENT ON COLUMN leadscore.event.person_kind IS 'The kind of a named person that is not known yet';
COMMENT ON COLUMN leadscore.event.external_id IS 'The application''s key of a named person that is not known yet';
COMMENT ON COLUMN leadscore.event.activity_id IS 'The activity that it became';
COMMENT ON COLUMN leadscore.event.properties IS 'Its details; NULL once purged';
COMMENT ON COLUMN leadscore.event.recorded_at IS 'When it was taken';

-- A set-returning function, since only such become part of the statement that calls them.
CREATE FUNCTION leadscore._tied_person(visitor_id bigint, at timestamptz) RETURNS TABLE (person_id bigint)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT t.person_id FROM leadscore.visitor_person t
    WHERE t.visitor_id = _tied_person.visitor_id
    ORDER BY t.tied_at <= at DESC, abs(extract(epoch FROM t.tied_at - at))
    LIMIT 1;
END;
COMMENT ON FUNCTION leadscore._tied_person(bigint, timestamptz) IS 'To whom a visit belongs: the person of the last tie up to it, otherwise of the first one after it; NULL when there is none or it is not known yet';
REVOKE ALL ON FUNCTION leadscore._tied_person(bigint, timestamptz) FROM PUBLIC;

-- Whoever updates or deletes activities has their rows before their persons': so have those who
-- move or remove visits.
CREATE FUNCTION leadscore._lock_visits(visitors bigint[], persons bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM leadscore.activity a
    WHERE (a.person_id, a.activity_id) IN (
        SELECT e.person_id, e.activity_id FROM leadscore.event e WHERE e.visitor_id = ANY (visitors)
        UNION
        SELECT e.person_id, e.activity_id FROM leadscore.event e WHERE e.person_id = ANY (persons))
    ORDER BY a.activity_id
    FOR UPDATE;
    PERFORM leadscore._lock_persons(ARRAY(
        SELECT e.person_id FROM leadscore.event e WHERE e.visitor_id = ANY (visitors) AND e.person_id IS NOT NULL
        UNION
        SELECT t.person_id FROM leadscore.visitor_person t WHERE t.visitor_id = ANY (visitors) AND t.person_id IS NOT NULL
        UNION
        SELECT unnest(persons)));
END $$;
COMMENT ON FUNCTION leadscore._lock_visits(bigint[], bigint[]) IS 'Locks the activities that came from visitors or from the visits of persons, and the persons whom that concerns';
REVOKE ALL ON FUNCTION leadscore._lock_visits(bigint[], bigint[]) FROM PUBLIC;

-- Whose the events of some visitors are by the ties as they stand, brought to what is stored.
-- The order in which ties arrived does not matter.
CREATE FUNCTION leadscore._assign_visits(visitors bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    PERFORM leadscore._lock_visits(visitors, NULL);
    WITH owned AS MATERIALIZED (
        SELECT e.event_id, e.person_id AS old_person_id, e.activity_id, o.person_id, e.occurred_at,
               c.refused_at IS NOT NULL AND (c.refused OR e.occurred_at <= c.refused_at) AS unwanted
        FROM leadscore.event e
        LEFT JOIN LATERAL leadscore._tied_person(e.visitor_id, e.occurred_at) o ON true
        LEFT JOIN leadscore.person_consent c ON c.person_id = o.person_id
        WHERE e.visitor_id = ANY (visitors) AND NOT e.named
    ), unwanted AS (
        DELETE FROM leadscore.event e USING owned o WHERE e.event_id = o.event_id AND o.unwanted
    ), erased AS (
        DELETE FROM leadscore.activity a USING owned o
        WHERE o.unwanted AND a.person_id = o.old_person_id AND a.activity_id = o.activity_id
    ), moved AS (
        UPDATE leadscore.activity a SET person_id = o.person_id
        FROM owned o
        WHERE NOT o.unwanted AND a.person_id = o.old_person_id AND a.activity_id = o.activity_id
          AND o.person_id <> o.old_person_id
    ), unclaimed AS (
        -- The person of a tie that arrived late is not known yet: its visits wait again.
        DELETE FROM leadscore.activity a USING owned o
        WHERE NOT o.unwanted AND o.person_id IS NULL AND a.person_id = o.old_person_id AND a.activity_id = o.activity_id
    ), counting AS MATERIALIZED (
        SELECT o.event_id, nextval('leadscore.activity_activity_id_seq') AS activity_id, o.person_id, m.activity_type, e.occurred_at, e.properties
        FROM (SELECT * FROM owned ORDER BY occurred_at, event_id) o
        JOIN leadscore.event e ON e.event_id = o.event_id
        JOIN leadscore.event_mapping m ON m.event = e.event
        JOIN leadscore.activity_type t ON t.activity_type = m.activity_type
        WHERE NOT o.unwanted AND o.activity_id IS NULL AND o.person_id IS NOT NULL
    ), counted AS (
        INSERT INTO leadscore.activity (activity_id, person_id, activity_type, occurred_at, attributes)
        SELECT n.activity_id, n.person_id, n.activity_type, n.occurred_at, n.properties FROM counting n
    )
    UPDATE leadscore.event e
    SET person_id = o.person_id,
        activity_id = CASE WHEN o.person_id IS NOT NULL THEN coalesce(n.activity_id, o.activity_id) END
    FROM owned o
    LEFT JOIN counting n ON n.event_id = o.event_id
    WHERE e.event_id = o.event_id AND NOT o.unwanted
      AND (e.person_id IS DISTINCT FROM o.person_id OR n.activity_id IS NOT NULL);
END $$;
COMMENT ON FUNCTION leadscore._assign_visits(bigint[]) IS 'Brings the events of some visitors, and their activities, to the persons to whom they belong';
REVOKE ALL ON FUNCTION leadscore._assign_visits(bigint[]) FROM PUBLIC;

-- Persons arrive whom events and ties have named before.
CREATE FUNCTION leadscore._claim_visits(ids bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
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
              JOIN leadscore.person p ON p.kind = w.person_kind AND p.external_id = w.external_id
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
END $$;
COMMENT ON FUNCTION leadscore._claim_visits(bigint[]) IS 'Makes activities of visits that waited for these persons';
REVOKE ALL ON FUNCTION leadscore._claim_visits(bigint[]) FROM PUBLIC;

-- What is left of persons' visits goes with them: their events, their ties, and visitors who
-- were nobody else.
CREATE FUNCTION leadscore._remove_visits(ids bigint[], through timestamptz DEFAULT 'infinity') RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    visitors bigint[];
BEGIN
    WITH removed AS (
        DELETE FROM leadscore.event e
        WHERE e.person_id = ANY (ids) AND e.occurred_at <= through
        RETURNING e.person_id, e.activity_id
    )
    DELETE FROM leadscore.activity a USING removed r
    WHERE a.person_id = r.person_id AND a.activity_id = r.activity_id;
    WITH untied AS (
        DELETE FROM leadscore.visitor_person t
        WHERE t.person_id = ANY (ids) AND t.tied_at <= through
          AND NOT EXISTS (SELECT FROM leadscore.event e WHERE e.visitor_id = t.visitor_id AND e.person_id = t.person_id)
        RETURNING t.visitor_id
    )
    SELECT array_agg(DISTINCT u.visitor_id) INTO visitors FROM untied u;
    DELETE FROM leadscore.visitor v
    WHERE v.visitor_id = ANY (visitors)
      AND NOT EXISTS (SELECT FROM leadscore.visitor_person t WHERE t.visitor_id = v.visitor_id)
      AND NOT EXISTS (SELECT FROM leadscore.event e WHERE e.visitor_id = v.visitor_id);
END $$;
COMMENT ON FUNCTION leadscore._remove_visits(bigint[], timestamptz) IS 'Removes the visits of persons up to a moment, with the activities that they became, their ties and visitors who were nobody else';
REVOKE ALL ON FUNCTION leadscore._remove_visits(bigint[], timestamptz) FROM PUBLIC;

CREATE FUNCTION leadscore._forget_visitors(id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- What still names the person by a key of the application, under whatever visitor.
    DELETE FROM leadscore.event e USING leadscore._person_key k
    WHERE k.person_id = id AND e.person_kind = k.kind AND e.external_id = k.external_id;
    DELETE FROM leadscore.visitor_person t USING leadscore._person_key k
    WHERE k.person_id = id AND t.person_kind = k.kind AND t.external_id = k.external_id;
END $$;
COMMENT ON FUNCTION leadscore._forget_visitors(bigint) IS 'Erases what names a person by a key and waits for it';
REVOKE ALL ON FUNCTION leadscore._forget_visitors(bigint) FROM PUBLIC;

-- Called by merge_person once activities have moved. Of the two, whoever spoke last decides
-- about consent for both.
CREATE FUNCTION leadscore._merge_visits(loser bigint, winner bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    consent leadscore.person_consent;
BEGIN
    UPDATE leadscore.event e SET person_id = winner WHERE e.person_id = loser;
    UPDATE leadscore.visitor_person t SET person_id = winner WHERE t.person_id = loser;
    INSERT INTO leadscore.person_consent AS c (person_id, granted_at, refused_at)
    SELECT winner, l.granted_at, l.refused_at FROM leadscore.person_consent l WHERE l.person_id = loser
    ON CONFLICT (person_id) DO UPDATE
    SET granted_at = greatest(c.granted_at, EXCLUDED.granted_at), refused_at = greatest(c.refused_at, EXCLUDED.refused_at);
    SELECT * INTO consent FROM leadscore.person_consent c WHERE c.person_id = winner;
    IF consent.refused_at IS NOT NULL THEN
        PERFORM leadscore._remove_visits(ARRAY[winner], CASE WHEN consent.refused THEN 'infinity' ELSE consent.refused_at END);
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._merge_visits(bigint, bigint) IS 'Moves visits and consent of a merged person to the one that stays';
REVOKE ALL ON FUNCTION leadscore._merge_visits(bigint, bigint) FROM PUBLIC;

-- The events of a name, once mapped otherwise, are an edit of the rules in so far as it changes
-- which of them look at the website alone.
CREATE TRIGGER configuration_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON leadscore.event_type
    FOR EACH STATEMENT EXECUTE FUNCTION leadscore._configuration_changed('rebuild');

CREATE FUNCTION leadscore._check_event_type() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A dump may bring it before its type.
    IF NEW.activity_type IS NOT NULL AND EXISTS (SELECT FROM leadscore.instance)
       AND NOT EXISTS (SELECT FROM leadscore.activity_type t WHERE t.activity_type = NEW.activity_type) THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('activity type %L does not exist', NEW.activity_type),
            DETAIL = format('Events named %L are to become it, and leadscore.activity_type has no such row.', NEW.event),
            HINT = format('INSERT INTO leadscore.activity_type (activity_type) VALUES (%L);', NEW.activity_type);
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION leadscore._check_event_type() IS 'Trigger: refuses an event that leads to an activity type that does not exist';
REVOKE ALL ON FUNCTION leadscore._check_event_type() FROM PUBLIC;
CREATE TRIGGER check_event_type BEFORE INSERT OR UPDATE ON leadscore.event_type
    FOR EACH ROW EXECUTE FUNCTION leadscore._check_event_type();

-- sql/track.sql
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
CREATE FUNCTION leadscore._take_events(events leadscore._read_event[]) RETURNS leadscore._taken
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
                 AND NOT EXISTS (SELECT FROM leadscore._person_key k WHERE k.kind = e.person_kind AND k.external_id = e.external_id)) THEN
        -- What names a person that is not known waits: unless the person is just arriving, which is seen under the lock.
        LOCK TABLE leadscore.waiting IN SHARE MODE;
        PERFORM leadscore._need_current_snapshot();
    END IF;
    IF EXISTS (SELECT FROM unnest(events) e WHERE e.kind <> 'track') THEN
        PERFORM leadscore._lock_visits(ARRAY(SELECT DISTINCT v.visitor_id FROM unnest(events) e JOIN leadscore.visitor v ON v.anonymous_id IN (e.visitor, e.previous)
                                             WHERE e.kind <> 'track'), NULL);
    END IF;
    PERFORM leadscore._lock_persons(ARRAY(
        SELECT k.person_id FROM unnest(events) e
        JOIN leadscore._person_key k ON k.kind = e.person_kind AND k.external_id = e.external_id
        UNION
        SELECT t.person_id FROM unnest(events) e
        JOIN leadscore.visitor v ON v.anonymous_id = e.visitor
        JOIN leadscore.visitor_person t ON t.visitor_id = v.visitor_id
        WHERE t.person_id IS NOT NULL));
    PERFORM FROM leadscore.visitor v
    WHERE v.anonymous_id IN (SELECT e.visitor FROM unnest(events) e UNION ALL SELECT e.previous FROM unnest(events) e)
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
    LEFT JOIN leadscore.visitor v ON v.anonymous_id = e.visitor
    LEFT JOIN LATERAL leadscore._tied_person(CASE WHEN e.external_id IS NULL THEN v.visitor_id END, e.at) t ON true
    LEFT JOIN leadscore._person_key k ON k.kind = e.person_kind AND k.external_id = e.external_id
    LEFT JOIN leadscore.person_consent c ON c.person_id = coalesce(k.person_id, t.person_id)
    LEFT JOIN (SELECT g.visitor, min(g.at) FILTER (WHERE g.consent) AS own_at, min(g.at) AS at
               FROM unnest(events) g
               LEFT JOIN leadscore._person_key k ON k.kind = g.person_kind AND k.external_id = g.external_id
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

    INSERT INTO leadscore.visitor AS v (anonymous_id, consented_at)
    SELECT u.visitor, min(u.at) FILTER (WHERE u.consent)
    FROM (SELECT e.visitor, e.at, e.consent FROM unnest(allowed) e
          UNION ALL SELECT e.previous, e.at, e.consent FROM unnest(allowed) e) u
    WHERE u.visitor IS NOT NULL
    GROUP BY u.visitor
    ORDER BY u.visitor
    ON CONFLICT (anonymous_id) DO UPDATE SET consented_at = least(v.consented_at, EXCLUDED.consented_at)
    WHERE v.consented_at > EXCLUDED.consented_at OR (v.consented_at IS NULL AND EXCLUDED.consented_at IS NOT NULL);

    -- Persons speak for themselves, in all their visits: who consents anew, or consents without a visitor.
    IF EXISTS (SELECT FROM unnest(events) e WHERE e.consent AND e.visitor IS NULL)
       OR EXISTS (SELECT FROM leadscore.person_consent c WHERE c.refused) THEN
        INSERT INTO leadscore.person_consent AS c (person_id, granted_at)
        SELECT p.person_id, max(p.at)
        FROM (SELECT coalesce(k.person_id, t.person_id) AS person_id, e.at, e.visitor IS NULL AS alone
              FROM unnest(events) e
              LEFT JOIN leadscore._person_key k ON k.kind = e.person_kind AND k.external_id = e.external_id
              LEFT JOIN leadscore.visitor v ON v.anonymous_id = e.visitor
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
                SELECT k.person_id FROM unnest(allowed) e JOIN leadscore._person_key k ON k.kind = e.person_kind AND k.external_id = e.external_id
                UNION
                SELECT t.person_id FROM unnest(allowed) e JOIN leadscore.visitor v ON v.anonymous_id = e.visitor
                JOIN leadscore.visitor_person t ON t.visitor_id = v.visitor_id)
            HAVING count(*) > 0;
        END IF;
    END IF;

    -- Two visitors become one.
    FOR pair IN SELECT e.visitor, e.previous FROM unnest(allowed) e WHERE e.kind = 'alias' ORDER BY e.at, e.index LOOP
        changed := changed || leadscore._join_visitors(pair.visitor, pair.previous);
    END LOOP;

    -- Ties; one that repeats the tie before it moves no visit.
    IF EXISTS (SELECT FROM unnest(allowed) e WHERE e.kind = 'identify' AND e.visitor IS NOT NULL AND e.external_id IS NOT NULL) THEN
        WITH tie AS (
            INSERT INTO leadscore.visitor_person (visitor_id, tied_at, person_id, person_kind, external_id)
            SELECT v.visitor_id, e.at, k.person_id, CASE WHEN k.person_id IS NULL THEN e.person_kind END,
                   CASE WHEN k.person_id IS NULL THEN e.external_id END
            FROM unnest(allowed) e
            JOIN leadscore.visitor v ON v.anonymous_id = e.visitor
            LEFT JOIN leadscore._person_key k ON k.kind = e.person_kind AND k.external_id = e.external_id
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
              LEFT JOIN leadscore.visitor v ON v.anonymous_id = e.visitor
              LEFT JOIN leadscore._person_key k ON k.kind = e.person_kind AND k.external_id = e.external_id
              LEFT JOIN LATERAL leadscore._tied_person(CASE WHEN e.external_id IS NULL THEN v.visitor_id END, e.at) t ON true
              WHERE e.kind = 'track'
              ORDER BY e.at, e.index) o
        LEFT JOIN leadscore.person_consent c ON c.person_id = o.person_id
        WHERE c.refused_at IS NULL OR (o.at > c.refused_at AND NOT c.refused)
    ), stored AS (
        -- In the order of their ids, so that senders of the same events wait in turn.
        INSERT INTO leadscore.event (event_id, message_id, event, occurred_at, visitor_id, named, person_id, person_kind, external_id, activity_id, properties)
        SELECT f.event_id, f.message_id, f.name, f.at, f.visitor_id, f.named, f.person_id, f.person_kind, f.external_id, f.activity_id, f.properties
        FROM fresh f
        ORDER BY f.message_id, f.event_id
        ON CONFLICT (message_id) DO NOTHING
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
COMMENT ON FUNCTION leadscore._take_events(leadscore._read_event[]) IS 'Takes events among which no consent is withdrawn';
REVOKE ALL ON FUNCTION leadscore._take_events(leadscore._read_event[]) FROM PUBLIC;

-- Both ids are known; what either did belongs to one visitor from now on.
CREATE FUNCTION leadscore._join_visitors(one text, other text) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stays bigint;
    goes  bigint;
BEGIN
    SELECT min(v.visitor_id), max(v.visitor_id) INTO stays, goes
    FROM (SELECT w.visitor_id FROM leadscore.visitor w WHERE w.anonymous_id IN (one, other) ORDER BY w.anonymous_id FOR UPDATE) v;
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
COMMENT ON FUNCTION leadscore._join_visitors(text, text) IS 'Makes two visitors one and returns it, or nothing where they are one already';
REVOKE ALL ON FUNCTION leadscore._join_visitors(text, text) FROM PUBLIC;

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

CREATE FUNCTION leadscore._withdraw(event leadscore._read_event) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who bigint := (SELECT v.visitor_id FROM leadscore.visitor v WHERE v.anonymous_id = event.visitor);
    ids bigint[];
BEGIN
    SELECT array_agg(DISTINCT p.person_id) INTO ids
    FROM (SELECT k.person_id FROM leadscore._person_key k WHERE k.kind = event.person_kind AND k.external_id = event.external_id
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
        WHERE e.person_kind = event.person_kind AND e.external_id = event.external_id AND e.occurred_at <= event.at;
        DELETE FROM leadscore.visitor_person t
        WHERE t.person_kind = event.person_kind AND t.external_id = event.external_id AND t.tied_at <= event.at;
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
COMMENT ON FUNCTION leadscore._withdraw(leadscore._read_event) IS 'Removes what was stored of the visitor and the person of an event that withdraws consent';
REVOKE ALL ON FUNCTION leadscore._withdraw(leadscore._read_event) FROM PUBLIC;

CREATE FUNCTION leadscore.track(event jsonb) RETURNS jsonb
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
            PERFORM leadscore._withdraw(cut.events[1]);
            withdrawn := withdrawn + 1;
        ELSE
            result := leadscore._take_events(cut.events);
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
COMMENT ON FUNCTION leadscore.track(jsonb) IS 'Takes one website event, an array of them or a Segment batch; returns how many were taken and left out, and of each that cannot be taken its index and the reason';
-- Whoever sends events makes scores: the owner says who may. The role needs nothing else but
-- USAGE on the schema.
REVOKE ALL ON FUNCTION leadscore.track(jsonb) FROM PUBLIC;

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
    PERFORM leadscore._need_person(set_consent.person_id, 'set_consent');
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

-- sql/explain.sql
-- Why a score is what it is.

CREATE FUNCTION leadscore._words(list text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN array_to_string(list, ', ');
COMMENT ON FUNCTION leadscore._words(text[]) IS 'A list as people write it';

-- Without a day, explains person.score as it stands between two runs. What counts is said by
-- _derived alone; the rest of the query finds words for it, and for what does not count.
CREATE FUNCTION leadscore.explain(person_id bigint, on_day date DEFAULT NULL)
RETURNS TABLE (rule text, activity_id bigint, activity_type text, occurred_at timestamptz, points bigint,
               counts boolean, counts_from date, counts_until date, why text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, YMD'
SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    ahead boolean := on_day IS NULL;
    day   date := coalesce(on_day, (SELECT s.scored_on FROM leadscore.state s));
    -- The day through which records that have begun count.
    reach date := day;
BEGIN
    PERFORM leadscore._need_person(explain.person_id, 'explain'), leadscore._check_day(day, 'explain');
    IF ahead THEN
        reach := (SELECT greatest(day, p.scored_through) FROM leadscore.person p WHERE p.person_id = explain.person_id);
    END IF;
    RETURN QUERY
    WITH candidate AS MATERIALIZED (
        SELECT c.*, least(c.window_end, c.displaced_on) AS counts_until, d.person_id IS NOT NULL AND c.counts_from <= reach AS counts
        FROM leadscore._candidate(day) c
        LEFT JOIN leadscore._derived(day, ahead) d
          ON d.person_id = explain.person_id AND d.counts_from = c.counts_from
         AND coalesce(d.rule_id, 0) = coalesce(c.rule_id, 0)
         AND coalesce(d.activity_id, 0) = coalesce(c.activity_id, 0)
         AND coalesce(d.adjustment_id, 0) = coalesce(c.adjustment_id, 0)
        WHERE c.person_id = explain.person_id
    ), line AS (
        SELECT c.rule_id, c.activity_id, c.counts, c.counts_from, c.counts_until,
               CASE WHEN c.counts THEN leadscore._worth(c.points, c.counts_from, c.decays_until, greatest(day, c.counts_from))
                    ELSE c.points END AS points,
               CASE
                   WHEN c.counts THEN concat_ws('; ',
                       CASE WHEN c.adjustment_id IS NOT NULL
                            THEN (SELECT format('adjusted by %s: %s', j.adjusted_by, j.reason) FROM leadscore.adjustment j
                                  WHERE j.person_id = c.person_id AND j.adjustment_id = c.adjustment_id)
                            WHEN c.activity_id IS NULL THEN 'penalty for silence' END,
                       CASE WHEN c.decays_until IS NOT NULL THEN format('left of %s points, which fall to 0 on %s', c.points, c.decays_until) END,
                       CASE WHEN c.counts_until IS NOT NULL THEN format('counts until %s', c.counts_until)
                            WHEN c.activity_id IS NULL AND c.adjustment_id IS NULL THEN 'counts until the next activity'
                            ELSE 'counts for ever' END)
                   WHEN c.displaced_on <= c.counts_from
                       THEN format('newer ones count in its place: at most %s', (SELECT r.max_counted FROM leadscore.rule r WHERE r.rule_id = c.rule_id))
                   WHEN c.window_end <= day THEN format('no longer counts since %s', c.counts_until)
                   WHEN c.displaced_on <= reach AND c.activity_id IS NULL THEN format('penalty cleared by activity on %s', c.displaced_on)
                   WHEN c.displaced_on <= reach
                       THEN format('newer ones count in its place since %s: at most %s', c.displaced_on,
                                   (SELECT r.max_counted FROM leadscore.rule r WHERE r.rule_id = c.rule_id))
                   WHEN c.activity_id IS NULL AND c.adjustment_id IS NULL THEN format('penalty due on %s unless there is activity before', c.counts_from)
                   ELSE format('starts to count on %s', c.counts_from)
               END AS why
        FROM candidate c
        UNION ALL
        -- Penalties of the last silence, which activity cleared.
        SELECT n.rule_id, NULL, false, n.counts_from, n.displaced_on, n.points, format('penalty cleared by activity on %s', n.displaced_on)
        FROM (SELECT l.rule_id, max(l.next_touch) AS next_touch
              FROM leadscore._spell l
              WHERE l.person_id = explain.person_id AND l.next_touch <= day
              GROUP BY l.rule_id) ended
        CROSS JOIN LATERAL (SELECT n.* FROM leadscore._penalty(ended.next_touch - 1) n
                            WHERE n.person_id = explain.person_id AND n.rule_id = ended.rule_id
                              AND n.next_touch = ended.next_touch AND n.displaced_on IS NOT NULL) n
        UNION ALL
        -- Activities that a rule for their type does not take.
        SELECT r.rule_id, a.activity_id, false, NULL, NULL, r.points,
               CASE WHEN NOT leadscore._applies(NULL, r.statuses, p.kind, p.status)
                    THEN format('only for status %s; the person''s is %s', leadscore._words(r.statuses), coalesce(p.status, 'unknown'))
                    WHEN r.condition IS NOT NULL AND (a.attributes @> r.condition) IS NOT TRUE
                    THEN format('its attributes do not have %s', r.condition)
                    WHEN leadscore._day(a.occurred_at, s.time_zone) < r.effective_from
                    THEN format('before the rule takes effect on %s', r.effective_from)
                    ELSE format('newer ones of that day count in its place: at most %s a day', r.max_per_day) END
        FROM leadscore.person p
        CROSS JOIN leadscore.settings s
        JOIN leadscore.activity a ON a.person_id = p.person_id
        JOIN leadscore._rule_by_type r ON r.activity_type = a.activity_type AND r.kind = 'activity'
         AND leadscore._applies(r.person_kinds, NULL, p.kind, p.status)
        WHERE p.person_id = explain.person_id
          AND NOT EXISTS (SELECT FROM candidate c WHERE c.activity_id = a.activity_id AND c.rule_id = r.rule_id)
          -- That a condition is not met is worth a line where nothing else was made of the activity.
          AND (r.condition IS NULL OR a.attributes @> r.condition
               OR NOT EXISTS (SELECT FROM candidate c WHERE c.activity_id = a.activity_id))
        UNION ALL
        SELECT NULL, a.activity_id, false, NULL, NULL, NULL, format('no rule is for %s', a.activity_type)
        FROM leadscore.person p
        JOIN leadscore.activity a ON a.person_id = p.person_id
        WHERE p.person_id = explain.person_id
          AND NOT EXISTS (SELECT FROM leadscore._rule_by_type r
                          WHERE r.activity_type = a.activity_type AND leadscore._applies(r.person_kinds, NULL, p.kind, p.status))
        UNION ALL
        SELECT r.rule_id, NULL, false, NULL, NULL, r.points,
               format('only for status %s; the person''s is %s', leadscore._words(r.statuses), coalesce(p.status, 'unknown'))
        FROM leadscore.person p
        JOIN leadscore.rule r ON r.enabled AND r.kind = 'inactivity'
         AND leadscore._applies(r.person_kinds, NULL, p.kind, p.status) AND NOT leadscore._applies(NULL, r.statuses, p.kind, p.status)
        WHERE p.person_id = explain.person_id
    )
    SELECT r.name, l.activity_id, a.activity_type, a.occurred_at, l.points::bigint, l.counts, l.counts_from, l.counts_until, l.why
    FROM line l
    LEFT JOIN leadscore.rule r ON r.rule_id = l.rule_id
    LEFT JOIN leadscore.activity a ON a.person_id = explain.person_id AND a.activity_id = l.activity_id
    ORDER BY l.counts DESC, coalesce(l.counts_from, leadscore.scoring_day(a.occurred_at)) DESC, a.occurred_at DESC, l.activity_id DESC, r.name, l.why;
END $$;
COMMENT ON FUNCTION leadscore.explain(bigint, date) IS 'What a person''s score is made of on a day, or as it stands now, and what does not count, and why: points where counts sum to the score';

-- sql/forecast.sql
-- The course of scores: past, and future if nothing more is registered.

-- By how much one record changes the score, and when: it starts, decays day by day, ends. What
-- it is worth on from_day counts as a start on that day.
CREATE FUNCTION leadscore._step(points int, counts_from date, counts_until date, decays_until date, from_day date, until_day date)
RETURNS TABLE (day date, change bigint)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT f.day, leadscore._worth(points, counts_from, decays_until, f.day)
    FROM (SELECT greatest(counts_from, from_day) AS day) f
    WHERE f.day <= until_day
    UNION ALL
    SELECT w.day, leadscore._worth(points, counts_from, decays_until, w.day)
                  - leadscore._worth(points, counts_from, decays_until, w.day - 1)
    FROM (SELECT greatest(counts_from, from_day) + nth AS day
          FROM generate_series(1, CASE WHEN decays_until IS NOT NULL
                                       THEN least(counts_until - 1, until_day) - greatest(counts_from, from_day) END) nth) w
    UNION ALL
    SELECT counts_until, -leadscore._worth(points, counts_from, decays_until, counts_until - 1)
    WHERE counts_until <= until_day;
END;
COMMENT ON FUNCTION leadscore._step(int, date, date, date, date, date) IS 'The days from one to another on which a score record changes the score, and by how many points';

-- In PL/pgSQL, whose sessions keep the plan: to make it takes longer than to run it.
CREATE FUNCTION leadscore._course(person_id bigint, from_day date, until_day date)
RETURNS TABLE (day date, score bigint, category text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT t.day, t.score, b.name
    FROM (SELECT x.day, (sum(sum(x.change)) OVER (ORDER BY x.day))::bigint AS score, sum(x.change) AS change
          FROM (SELECT from_day AS day, 0 AS change
                UNION ALL
                SELECT s.day, s.change
                FROM leadscore._derived(from_day, false, until_day) d
                CROSS JOIN LATERAL leadscore._step(d.points, d.counts_from, d.counts_until, d.decays_until, from_day, until_day) s
                WHERE d.person_id = _course.person_id) x
          GROUP BY x.day) t
    JOIN leadscore.person p ON p.person_id = _course.person_id
    LEFT JOIN LATERAL leadscore._band_at(p.kind, t.score) b ON true
    WHERE t.change <> 0 OR t.day = from_day
    ORDER BY t.day;
END $$;
COMMENT ON FUNCTION leadscore._course(bigint, date, date) IS 'A person''s score on a day and on each day until another on which it changes, if nothing more is registered';

CREATE FUNCTION leadscore.history(person_id bigint, from_day date, until_day date)
RETURNS TABLE (day date, score bigint, category text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore.history(bigint, date, date) IS 'The score and category of a person on a day and on each day until another, both included, on which they change; by the activities that are kept and the rules and status of today';

CREATE FUNCTION leadscore.forecast(person_id bigint, until date)
RETURNS TABLE (day date, score bigint, category text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    today date := (SELECT s.scored_on FROM leadscore.state s);
BEGIN
    PERFORM leadscore._need_person(forecast.person_id, 'forecast'), leadscore._check_day(until, 'forecast');
    RETURN QUERY SELECT c.* FROM leadscore._course(forecast.person_id, today, until) c WHERE c.day > today AND c.day <= until;
END $$;
COMMENT ON FUNCTION leadscore.forecast(bigint, date) IS 'Each day after the last run''s until another, included, on which a person''s score or category changes if nothing more is registered';

-- For everybody at once, so it starts from what is stored and looks only at what will change it:
-- records that end, decay or start, and penalties of those for whom one can fall due.
CREATE FUNCTION leadscore.cooling(within_days int)
RETURNS TABLE (person_id bigint, kind text, external_id text, owner text, score bigint, category text,
               falls_on date, falls_to_score bigint, falls_to_category text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    today date := (SELECT s.scored_on FROM leadscore.state s);
    until date;
    ids   bigint[];
BEGIN
    IF within_days IS NULL OR within_days NOT BETWEEN 1 AND 36600 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('cooling: %s is no number of days', coalesce(within_days::text, 'NULL')),
            DETAIL = 'It looks from 1 day to a hundred years ahead.',
            HINT = 'Ask for the coming week with SELECT * FROM leadscore.cooling(7);';
    END IF;
    until := today + within_days;
    -- Only who stands above the lowest category can fall.
    ids := ARRAY(SELECT u.person_id
                 FROM leadscore.due u
                 JOIN leadscore.person p ON p.person_id = u.person_id
                 CROSS JOIN LATERAL leadscore._band_at(p.kind, p.score) b
                 WHERE u.due_on <= until AND b.low IS NOT NULL);
    RETURN QUERY
    WITH record AS (
        SELECT s.person_id, s.points, s.counts_from, s.counts_until, s.decays_until,
               -- Whether the stored score has it in already.
               s.counts_from <= greatest(today, p.scored_through) AS counted
        FROM leadscore.score_record s
        JOIN leadscore.person p ON p.person_id = s.person_id
        WHERE s.counts_until <= until OR s.decays_until IS NOT NULL OR s.counts_from > today
        UNION ALL
        SELECT n.person_id, n.points, n.counts_from, least(n.window_end, n.displaced_on), NULL, false
        FROM leadscore._penalty(today, until) n
        WHERE n.person_id = ANY (ids) AND n.counts_from > today AND n.counts_from <= until
    ), step AS (
        SELECT r.person_id, x.day, sum(x.change) AS change
        FROM record r
        CROSS JOIN LATERAL leadscore._step(r.points, r.counts_from, r.counts_until, r.decays_until, today, until) x
        WHERE NOT r.counted OR x.day > greatest(r.counts_from, today)
        GROUP BY r.person_id, x.day
    ), course AS (
        SELECT t.person_id, t.day, sum(t.change) OVER (PARTITION BY t.person_id ORDER BY t.day) AS change
        FROM step t
    ), fall AS (
        SELECT DISTINCT ON (c.person_id) p.*, b.name AS present, c.day, (p.score + c.change)::bigint AS falls_to_score
        FROM course c
        JOIN leadscore.person p ON p.person_id = c.person_id
        CROSS JOIN LATERAL leadscore._band_at(p.kind, p.score) b
        WHERE p.score + c.change < b.low AND c.day > greatest(today, p.scored_through)
        ORDER BY c.person_id, c.day
    )
    SELECT f.person_id, f.kind, f.external_id, f.owner, f.score, f.present, f.day, f.falls_to_score, b.name
    FROM fall f
    LEFT JOIN LATERAL leadscore._band_at(f.kind, f.falls_to_score) b ON true
    ORDER BY f.day, f.score DESC, f.person_id;
END $$;
COMMENT ON FUNCTION leadscore.cooling(int) IS 'Persons that will fall to a lower category within so many days if nothing more is registered, when and to which; goes by the scores as they stand';

-- sql/worklist.sql
-- Whom to spend time on first.
--
-- What costs is in functions of one person in the SELECT list: PostgreSQL evaluates them after
-- ORDER BY and LIMIT, so only for the rows that are returned.

CREATE FUNCTION leadscore._change(person_id bigint, score bigint, days int) RETURNS bigint
LANGUAGE c STABLE STRICT COST 1000 AS 'MODULE_PATHNAME', 'change_wrapper';
COMMENT ON FUNCTION leadscore._change(bigint, bigint, int) IS 'By how many points a person''s score changed over so many days';

CREATE FUNCTION leadscore._last_activity(person_id bigint, at timestamptz) RETURNS text
LANGUAGE c STABLE COST 1000 AS 'MODULE_PATHNAME', 'last_activity_wrapper';
COMMENT ON FUNCTION leadscore._last_activity(bigint, timestamptz) IS 'The type of a person''s latest activity, whose moment is given';

CREATE FUNCTION leadscore._outlook(person_id bigint, category text) RETURNS text
LANGUAGE c STABLE COST 1000 AS 'MODULE_PATHNAME', 'outlook_wrapper';
COMMENT ON FUNCTION leadscore._outlook(bigint, text) IS 'Which category a person turns to next, and when, if nothing more is registered within a year';

CREATE FUNCTION leadscore._top_rules(person_id bigint) RETURNS text
LANGUAGE c STABLE STRICT COST 1000 AS 'MODULE_PATHNAME', 'top_rules_wrapper';
COMMENT ON FUNCTION leadscore._top_rules(bigint) IS 'The two rules that give a person most, with the points as they stand';

CREATE VIEW leadscore.worklist AS
SELECT p.person_id, p.kind, p.external_id, p.owner, p.status, p.score, p.category,
       leadscore._change(p.person_id, p.score, 7) AS change_7,
       leadscore._change(p.person_id, p.score, 30) AS change_30,
       leadscore._last_activity(p.person_id, p.last_activity_at) AS last_activity,
       p.last_activity_at,
       leadscore._outlook(p.person_id, p.category) AS outlook,
       leadscore._top_rules(p.person_id) AS why
FROM leadscore.person p;
COMMENT ON VIEW leadscore.worklist IS 'Persons to spend time on: add WHERE owner = … ORDER BY score DESC LIMIT …, and only the rows returned cost';
COMMENT ON COLUMN leadscore.worklist.person_id IS 'The person';
COMMENT ON COLUMN leadscore.worklist.kind IS 'What the person is';
COMMENT ON COLUMN leadscore.worklist.external_id IS 'The application''s own key of the person';
COMMENT ON COLUMN leadscore.worklist.owner IS 'Who looks after the person';
COMMENT ON COLUMN leadscore.worklist.status IS 'The current status';
COMMENT ON COLUMN leadscore.worklist.score IS 'Points as they stand';
COMMENT ON COLUMN leadscore.worklist.category IS 'The band in which the score falls';
COMMENT ON COLUMN leadscore.worklist.change_7 IS 'By how many points the score changed in 7 days';
COMMENT ON COLUMN leadscore.worklist.change_30 IS 'By how many points the score changed in 30 days';
COMMENT ON COLUMN leadscore.worklist.last_activity IS 'What the latest activity was';
COMMENT ON COLUMN leadscore.worklist.last_activity_at IS 'When it took place';
COMMENT ON COLUMN leadscore.worklist.outlook IS 'The next change of category within a year if nothing more is registered';
COMMENT ON COLUMN leadscore.worklist.why IS 'The two rules that give most, with their points';

-- sql/describe.sql
-- Rules in words, in English (en) and Dutch (nl).

CREATE FUNCTION leadscore._require_language(caller text, language text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF language IS NULL OR language NOT IN ('en', 'nl') THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('%s: there is no language %s', caller, coalesce(quote_literal(language), 'NULL')),
            DETAIL = 'Texts are there in English and Dutch.',
            HINT = 'Use ''en'' or ''nl''.';
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._require_language(text, text) IS 'Raises an error when texts are not there in a language';

CREATE FUNCTION leadscore._length_in(language text, length interval) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE language WHEN 'nl' THEN
               replace(replace(replace(replace(replace(replace(leadscore._length(length),
                   'years', 'jaar'), 'year', 'jaar'), 'months', 'maanden'), 'month', 'maand'), 'days', 'dagen'), '1 day', '1 dag')
           ELSE leadscore._length(length) END;
END;
COMMENT ON FUNCTION leadscore._length_in(text, interval) IS 'A length of time in words of a language';

CREATE FUNCTION leadscore._list_in(language text, list text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN list IS NOT NULL THEN
           concat_ws(CASE language WHEN 'nl' THEN ' of ' ELSE ' or ' END,
                     nullif(array_to_string(list[:cardinality(list) - 1], ', '), ''), list[cardinality(list)]) END;
COMMENT ON FUNCTION leadscore._list_in(text, text[]) IS 'A list as people say it in a language';

CREATE FUNCTION leadscore._in_words(r leadscore.rule, language text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    nl      boolean := language = 'nl';
    number  text := format(CASE WHEN nl THEN CASE WHEN abs(r.points) = 1 THEN '%s punt' ELSE '%s punten' END
                                ELSE CASE WHEN abs(r.points) = 1 THEN '%s point' ELSE '%s points' END END, r.points);
    types   text := leadscore._list_in(language, r.activity_types);
    length  text := leadscore._length_in(language, r.relevant_for);
    details text := (SELECT string_agg(format('%s = %s', c.key, c.value), CASE WHEN nl THEN ' en ' ELSE ' and ' END ORDER BY c.key)
                     FROM jsonb_each_text(r.condition) c);
    whom    text := CASE WHEN r.person_kinds IS NOT NULL OR r.statuses IS NOT NULL THEN
                        concat_ws(' ', CASE WHEN nl THEN 'voor' ELSE 'for' END,
                            coalesce(leadscore._list_in(language, r.person_kinds), CASE WHEN nl THEN 'personen' ELSE 'persons' END),
                            CASE WHEN nl THEN 'met status ' ELSE 'with status ' END || leadscore._list_in(language, r.statuses)) END;
    since   text := CASE WHEN r.effective_from IS NOT NULL THEN
                        CASE WHEN nl THEN 'vanaf ' ELSE 'from ' END || to_char(r.effective_from, 'YYYY-MM-DD') || CASE WHEN nl THEN '' ELSE ' on' END END;
    words   text;
BEGIN
    IF r.kind = 'inactivity' THEN
        words := concat_ws(', ',
            format(CASE WHEN nl THEN '%s na %s zonder %s' ELSE '%s after %s without %s' END, number,
                   leadscore._length_in(language, r.inactive_for), coalesce(types, CASE WHEN nl THEN 'activiteit' ELSE 'any activity' END))
            || coalesce(CASE WHEN nl THEN ' met ' ELSE ' with ' END || details, ''),
            CASE WHEN r.repeat_every IS NOT NULL
                 THEN format(CASE WHEN nl THEN 'opnieuw na elke %s' ELSE 'again after each %s' END, leadscore._length_in(language, r.repeat_every)) END,
            CASE WHEN r.repeat_every IS NOT NULL AND r.max_repeats IS NOT NULL
                 THEN format(CASE WHEN nl THEN 'hoogstens %s keer' ELSE 'at most %s times' END, r.max_repeats) END,
            CASE WHEN length IS NULL THEN CASE WHEN nl THEN 'tot er weer activiteit is' ELSE 'until there is activity again' END
                 ELSE format(CASE WHEN nl THEN 'telt %s' ELSE 'counts for %s' END, length) END,
            whom, since);
    ELSE
        words := concat_ws(', ',
            format(CASE WHEN nl THEN '%s per %s' ELSE '%s for each %s' END, number,
                   coalesce(types, CASE WHEN nl THEN 'activiteit' ELSE 'activity' END))
            || coalesce(CASE WHEN nl THEN ' met ' ELSE ' with ' END || details, ''),
            CASE WHEN length IS NULL THEN CASE WHEN nl THEN 'telt altijd' ELSE 'counts for ever' END
                 WHEN r.decay = 'linear' THEN format(CASE WHEN nl THEN 'loopt in %s af tot 0' ELSE 'falls to 0 over %s' END, length)
                 ELSE format(CASE WHEN nl THEN 'telt %s' ELSE 'counts for %s' END, length) END,
            CASE WHEN nl THEN 'hoogstens ' ELSE 'at most ' END || r.max_per_day || CASE WHEN nl THEN ' per dag' ELSE ' a day' END,
            CASE WHEN nl THEN 'hoogstens ' ELSE 'at most ' END || r.max_counted || CASE WHEN nl THEN ' tegelijk' ELSE ' at a time' END,
            whom, since);
    END IF;
    RETURN words || CASE WHEN r.enabled THEN '' WHEN nl THEN ' (staat uit)' ELSE ' (switched off)' END;
END $$;
COMMENT ON FUNCTION leadscore._in_words(leadscore.rule, text) IS 'What a rule says, in words of a language';

CREATE FUNCTION leadscore.describe(rule_id int, language text DEFAULT 'en') RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION leadscore.describe(int, text) IS 'A rule in words, in English (en) or Dutch (nl)';

CREATE VIEW leadscore.rule_in_words AS
SELECT r.rule_id, r.name, leadscore._in_words(r, 'en') AS english, leadscore._in_words(r, 'nl') AS dutch
FROM leadscore.rule r;
COMMENT ON VIEW leadscore.rule_in_words IS 'The rules in words';
COMMENT ON COLUMN leadscore.rule_in_words.rule_id IS 'The rule';
COMMENT ON COLUMN leadscore.rule_in_words.name IS 'Its name';
COMMENT ON COLUMN leadscore.rule_in_words.english IS 'What it says, in English';
COMMENT ON COLUMN leadscore.rule_in_words.dutch IS 'What it says, in Dutch';

-- sql/what_if.sql
-- The meaning of a score once more, over rows that are assumed instead of stored: another
-- configuration, or persons that do not exist. The views and functions are those of derive.sql,
-- made again from their own definitions; only the tables that they read are others, so that
-- scoring itself pays nothing for it and there is no second text that could come to differ.
--
-- What is assumed is one document in the setting leadscore.what_if, which lasts as long as the
-- function that sets it. Nothing that writes reads it.

CREATE SCHEMA leadscore_what_if;
COMMENT ON SCHEMA leadscore_what_if IS 'What leadscore.preview() and test_config() derive from; internal';

CREATE FUNCTION leadscore_what_if.assumed(part text) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('leadscore.what_if', true), '')::jsonb -> part;
COMMENT ON FUNCTION leadscore_what_if.assumed(text) IS 'A part of what is assumed; NULL: as it is stored';

CREATE VIEW leadscore_what_if.settings WITH (security_invoker = true) AS
SELECT s.* FROM jsonb_populate_recordset(NULL::leadscore.settings, leadscore_what_if.assumed('settings')) s;
COMMENT ON VIEW leadscore_what_if.settings IS 'The settings assumed';
CREATE VIEW leadscore_what_if.activity_type WITH (security_invoker = true) AS
SELECT t.* FROM jsonb_populate_recordset(NULL::leadscore.activity_type, leadscore_what_if.assumed('activity_types')) t;
COMMENT ON VIEW leadscore_what_if.activity_type IS 'The activity types assumed';
CREATE VIEW leadscore_what_if.rule WITH (security_invoker = true) AS
SELECT r.* FROM jsonb_populate_recordset(NULL::leadscore.rule, leadscore_what_if.assumed('rules')) r;
COMMENT ON VIEW leadscore_what_if.rule IS 'The rules assumed';
CREATE VIEW leadscore_what_if.category WITH (security_invoker = true) AS
SELECT c.* FROM jsonb_populate_recordset(NULL::leadscore.category, leadscore_what_if.assumed('categories')) c;
COMMENT ON VIEW leadscore_what_if.category IS 'The categories assumed';

CREATE VIEW leadscore_what_if.person WITH (security_invoker = true) AS
SELECT p.* FROM leadscore.person p WHERE leadscore_what_if.assumed('persons') IS NULL
UNION ALL
SELECT p.* FROM jsonb_populate_recordset(NULL::leadscore.person, leadscore_what_if.assumed('persons')) p;
COMMENT ON VIEW leadscore_what_if.person IS 'The persons assumed, or those that there are';
CREATE VIEW leadscore_what_if.activity WITH (security_invoker = true) AS
SELECT a.* FROM leadscore.activity a WHERE leadscore_what_if.assumed('persons') IS NULL
UNION ALL
SELECT a.* FROM jsonb_populate_recordset(NULL::leadscore.activity, leadscore_what_if.assumed('activities')) a;
COMMENT ON VIEW leadscore_what_if.activity IS 'The activities of the persons assumed, or those that there are';
CREATE VIEW leadscore_what_if.adjustment WITH (security_invoker = true) AS
SELECT j.* FROM leadscore.adjustment j WHERE leadscore_what_if.assumed('persons') IS NULL;
COMMENT ON VIEW leadscore_what_if.adjustment IS 'The adjustments, unless persons are assumed';
CREATE VIEW leadscore_what_if.person_consent WITH (security_invoker = true) AS
SELECT c.* FROM leadscore.person_consent c WHERE leadscore_what_if.assumed('persons') IS NULL;
COMMENT ON VIEW leadscore_what_if.person_consent IS 'What persons consented to, unless persons are assumed';

-- An update that changes derive.sql or the tables runs this again.
DO $$
DECLARE
    path text := current_setting('search_path');
    part text;
    definition text;
BEGIN
    -- Definitions come with qualified names only where the search_path does not reach them.
    PERFORM set_config('search_path', 'pg_catalog', true);
    FOREACH part IN ARRAY ARRAY['scoring_day', '_rule_by_type', '_matching_rule', '_match', '_plain_record', '_capped_record', '_online_rule',
                                '_spell', '_penalty', '_other_candidate', '_candidate', '_derived', '_band', '_band_at'] LOOP
        definition := coalesce(
            (SELECT pg_get_functiondef(p.oid) FROM pg_proc p WHERE p.pronamespace = 'leadscore'::regnamespace AND p.proname = part),
            (SELECT format('CREATE VIEW leadscore.%s WITH (security_invoker = true) AS %s', part, pg_get_viewdef(c.oid))
             FROM pg_class c WHERE c.relnamespace = 'leadscore'::regnamespace AND c.relname = part AND c.relkind = 'v'));
        EXECUTE regexp_replace(replace(definition, 'CREATE OR REPLACE', 'CREATE'),
            '\mleadscore\.(settings|activity_type|rule|category|person|person_consent|activity|adjustment|scoring_day|_rule_by_type|_matching_rule'
            || '|_match|_plain_record|_capped_record|_online_rule|_spell|_penalty|_other_candidate|_candidate|_derived|_band|_band_at)\M', 'leadscore_what_if.\1', 'g');
        IF EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = 'leadscore_what_if'::regnamespace AND c.relname = part) THEN
            EXECUTE format('COMMENT ON VIEW leadscore_what_if.%I IS %L', part, 'leadscore.' || part || ' over what is assumed');
        ELSE
            EXECUTE format('COMMENT ON FUNCTION leadscore_what_if.%I IS %L', part, 'leadscore.' || part || '() over what is assumed');
        END IF;
    END LOOP;
    PERFORM set_config('search_path', path, true);
END $$;

-- All of it runs with the rights of who asks: without SELECT on leadscore's own tables there is
-- nothing to see here.
GRANT USAGE ON SCHEMA leadscore_what_if TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA leadscore_what_if TO PUBLIC;

-- A section that the document leaves out stays as it is, as in an import.
CREATE FUNCTION leadscore._assumption(document jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' AS $$
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
END $$;
COMMENT ON FUNCTION leadscore._assumption(jsonb) IS 'What a checked document makes of the configuration that there is, for the setting leadscore.what_if';

-- sql/preview.sql
-- What a changed configuration would do. Reads only: it writes nothing and holds nobody up.

CREATE FUNCTION leadscore._check_assumed_rule(rule leadscore.rule, known_types text[]) RETURNS void
LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'check_assumed_rule_wrapper';
COMMENT ON FUNCTION leadscore._check_assumed_rule(leadscore.rule, text[]) IS 'Raises an error when a rule has no meaning';

CREATE FUNCTION leadscore.preview_persons(config jsonb, as_of timestamptz DEFAULT now())
RETURNS TABLE (person_id bigint, kind text, score_before bigint, category_before text, score_after bigint, category_after text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan
SET intervalstyle = 'postgres' SET leadscore.what_if = '' AS $$
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
END $$;
COMMENT ON FUNCTION leadscore.preview_persons(jsonb, timestamptz) IS 'For each person the score and category as stored, and as they would be after import_config() of the document and a run as of the moment';

CREATE FUNCTION leadscore.preview(config jsonb, as_of timestamptz DEFAULT now())
RETURNS TABLE (kind text, category_before text, category_after text, persons bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT p.kind, p.category_before, p.category_after, count(*)
    FROM leadscore.preview_persons(config, as_of) p
    GROUP BY p.kind, p.category_before, p.category_after
    ORDER BY p.kind, p.category_before, p.category_after;
END;
COMMENT ON FUNCTION leadscore.preview(jsonb, timestamptz) IS 'How many persons of each kind would go from which category to which after import_config() of the document and a run as of the moment';

-- A configuration can carry tests: persons with activities, and what the rules must make of them.
CREATE FUNCTION leadscore.test_config(config jsonb)
RETURNS TABLE (test text, on_day date, expected_score bigint, score bigint, expected_category text, category text, passed boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan
SET intervalstyle = 'postgres' SET datestyle = 'ISO, YMD' SET leadscore.what_if = '' AS $$
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
END $$;
COMMENT ON FUNCTION leadscore.test_config(jsonb) IS 'Runs the tests that a configuration carries, without touching any data';

CREATE FUNCTION leadscore._require_tests_pass(config jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    failure record;
BEGIN
    IF jsonb_typeof(config) = 'object' AND config ? 'tests' THEN
        SELECT t.* INTO failure FROM leadscore.test_config(config) t WHERE NOT t.passed LIMIT 1;
        IF FOUND THEN
            RAISE check_violation USING
                MESSAGE = format('configuration: test %L fails', failure.test),
                DETAIL = format('On %s the score is %s in category %s; expected was %s%s.', to_char(failure.on_day, 'YYYY-MM-DD'), failure.score,
                                coalesce(failure.category, 'none'), failure.expected_score, coalesce(' in category ' || failure.expected_category, '')),
                HINT = 'SELECT * FROM leadscore.test_config(…) shows all tests; mend the rules or the test.';
        END IF;
    END IF;
END $$;
COMMENT ON FUNCTION leadscore._require_tests_pass(jsonb) IS 'Raises an error when a test that a configuration carries fails';

-- sql/status.sql
-- One screen: how things stand.
CREATE VIEW leadscore.status AS
SELECT w.scored_on,
       r.finished_at AS last_run_at,
       r.finished_at - r.started_at AS last_run_took,
       coalesce(i.rebuild_due, true) AS rebuild_due,
       s.time_zone,
       (SELECT count(*) FROM leadscore.person) AS persons,
       (SELECT string_agg(format('%s %s', coalesce(c.category, 'none'), c.persons), ', ' ORDER BY c.persons DESC, c.category)
        FROM (SELECT p.category, count(*) AS persons FROM leadscore.person p GROUP BY p.category) c) AS categories,
       (SELECT count(*) FROM leadscore.rule u WHERE u.enabled) AS rules,
       (SELECT greatest(c.reltuples, 0)::bigint FROM pg_catalog.pg_class c WHERE c.oid = 'leadscore.activity'::pg_catalog.regclass) AS activities_about,
       (SELECT greatest(c.reltuples, 0)::bigint FROM pg_catalog.pg_class c WHERE c.oid = 'leadscore.score_record'::pg_catalog.regclass) AS score_records_about,
       (SELECT count(*) FROM leadscore.category_change h WHERE h.scored_on > w.scored_on - 7) AS category_changes_7
FROM leadscore.state w
CROSS JOIN leadscore.settings s
LEFT JOIN leadscore.instance i ON true
LEFT JOIN LATERAL (SELECT u.* FROM leadscore.run u ORDER BY u.run_id DESC LIMIT 1) r ON true;
COMMENT ON VIEW leadscore.status IS 'How things stand, on one screen: use it with \x';
COMMENT ON COLUMN leadscore.status.scored_on IS 'The day for which the scores stand';
COMMENT ON COLUMN leadscore.status.last_run_at IS 'When the last run had done its work';
COMMENT ON COLUMN leadscore.status.last_run_took IS 'How long it took';
COMMENT ON COLUMN leadscore.status.rebuild_due IS 'Whether rules, categories or settings changed since, so that the next run derives everything anew';
COMMENT ON COLUMN leadscore.status.time_zone IS 'The time zone whose days count';
COMMENT ON COLUMN leadscore.status.persons IS 'Persons';
COMMENT ON COLUMN leadscore.status.categories IS 'How many persons are in which category';
COMMENT ON COLUMN leadscore.status.rules IS 'Rules that are enabled';
COMMENT ON COLUMN leadscore.status.activities_about IS 'Activities, by the statistics of the last ANALYZE';
COMMENT ON COLUMN leadscore.status.score_records_about IS 'Score records, by the statistics of the last ANALYZE';
COMMENT ON COLUMN leadscore.status.category_changes_7 IS 'Changes of category in the last 7 days, as far as they are kept';

-- sql/report.sql
-- The report: one self-contained page for people.

CREATE FUNCTION leadscore._report_page(data jsonb) RETURNS text
LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'report_page_wrapper';
COMMENT ON FUNCTION leadscore._report_page(jsonb) IS 'The page of leadscore.report() from its data';
CREATE FUNCTION leadscore._card_page(data jsonb) RETURNS text
LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'card_page_wrapper';
COMMENT ON FUNCTION leadscore._card_page(jsonb) IS 'The page of leadscore.person_card() from its data';

-- How many persons were in which category at the end of each of the last days: as they are now,
-- with the changes since taken back. Persons count from the day since when they are known.
CREATE FUNCTION leadscore._category_course(days int) RETURNS TABLE (day date, category text, persons bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH today AS (
        SELECT w.scored_on AS day FROM leadscore.state w
    ), moved AS (
        SELECT h.scored_on AS day, x.category, sum(x.persons) AS persons
        FROM leadscore.category_change h
        CROSS JOIN today t
        CROSS JOIN LATERAL (VALUES (h.to_category, 1), (h.from_category, -1)) x(category, persons)
        WHERE h.scored_on > t.day - days
        GROUP BY h.scored_on, x.category
        UNION ALL
        SELECT least(leadscore.scoring_day(p.since), t.day), coalesce(f.from_category, p.category), count(*)
        FROM leadscore.person p
        CROSS JOIN today t
        LEFT JOIN LATERAL (SELECT h.from_category FROM leadscore.category_change h
                           WHERE h.person_id = p.person_id ORDER BY h.change_id LIMIT 1) f ON true
        WHERE p.since > (t.day - days - 2)::timestamptz
        GROUP BY 1, 2
    ), present AS (
        SELECT p.category, count(*) AS persons FROM leadscore.person p GROUP BY p.category
    )
    SELECT d.day::date, n.category,
           greatest(0, coalesce(n.persons, 0) - coalesce((SELECT sum(m.persons) FROM moved m
                                                          WHERE m.category IS NOT DISTINCT FROM n.category AND m.day > d.day), 0))::bigint
    FROM today t
    CROSS JOIN LATERAL generate_series(t.day - days, t.day::timestamp, '1 day') d(day)
    CROSS JOIN (SELECT p.category, p.persons FROM present p
                UNION ALL
                SELECT DISTINCT m.category, 0 FROM moved m
                WHERE NOT EXISTS (SELECT FROM present p WHERE p.category IS NOT DISTINCT FROM m.category)) n;
END;
COMMENT ON FUNCTION leadscore._category_course(int) IS 'How many persons were in which category on each of the last days';

-- Lists on the page are short: it is for reading, and for paper.
CREATE FUNCTION leadscore.report(language text DEFAULT 'en') RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, YMD' AS $$
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
END $$;
COMMENT ON FUNCTION leadscore.report(text) IS 'A self-contained HTML page about all persons, in English (en) or Dutch (nl)';

CREATE FUNCTION leadscore.person_card(person_id bigint, language text DEFAULT 'en') RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, YMD' AS $$
#variable_conflict use_column
DECLARE
    today date := (SELECT w.scored_on FROM leadscore.state w);
BEGIN
    PERFORM leadscore._require_language('person_card', language), leadscore._need_person(person_card.person_id, 'person_card');
    RETURN leadscore._card_page((
        SELECT jsonb_build_object(
            'language', language,
            'scored_on', today,
            'person_id', p.person_id, 'kind', p.kind, 'external_id', p.external_id, 'owner', p.owner, 'status', p.status,
            'score', p.score, 'category', p.category,
            'bands', (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', c.person_kind, 'name', c.name, 'low', c.min_score, 'color', c.color)
                                                ORDER BY c.min_score DESC NULLS LAST), '[]')
                      FROM leadscore.category c
                      WHERE c.person_kind IS NOT DISTINCT FROM
                            (SELECT max(o.person_kind) FROM leadscore.category o WHERE o.person_kind = p.kind)),
            'history', (SELECT coalesce(jsonb_agg(to_jsonb(h)), '[]') FROM leadscore.history(p.person_id, today - 180, today) h),
            'forecast', (SELECT coalesce(jsonb_agg(to_jsonb(f)), '[]') FROM leadscore.forecast(p.person_id, today + 90) f),
            'lines', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                                 'rule', e.rule, 'activity_type', e.activity_type,
                                 'day', coalesce(leadscore.scoring_day(e.occurred_at), e.counts_from),
                                 'points', e.points, 'counts_until', e.counts_until)), '[]')
                      FROM leadscore.explain(p.person_id) e WHERE e.counts))
        FROM leadscore.person p
        WHERE p.person_id = person_card.person_id));
END $$;
COMMENT ON FUNCTION leadscore.person_card(bigint, text) IS 'A self-contained HTML page about one person: the score over time, what makes it, and its forecast, in English (en) or Dutch (nl)';

