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
    keep_category_changes interval,
    scoring               text NOT NULL DEFAULT 'at_once',
    person_url            text,
    outcome_type          text,
    outcome_horizon       interval
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
COMMENT ON COLUMN leadscore.settings.scoring IS 'at_once: what is registered is scored in its own transaction; deferred: it waits for score_pending() or the next run';
COMMENT ON COLUMN leadscore.settings.person_url IS 'Where a person is in the application, such as https://app/{kind}/{external_id}; NULL: pages have no links';
COMMENT ON COLUMN leadscore.settings.outcome_type IS 'The activity type that scores are to foretell, for the report; NULL: none';
COMMENT ON COLUMN leadscore.settings.outcome_horizon IS 'Within how long the outcome counts, in whole days, weeks, months or years';

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
COMMENT ON COLUMN leadscore.instance.rebuild_due IS 'Whether rules, categories, scorecards or settings changed since the last run, so that the next one derives anew whom that concerns, as leadscore.edited says';

-- Whom the next run derives anew because rules, categories, scorecards or settings were edited: each row is a set of
-- persons, and it is all of its columns that narrow it. Never dumped, like the row of leadscore.instance.
CREATE TABLE leadscore.edited (
    tenant      text,
    person_kind text,
    rule_id     int
);
COMMENT ON TABLE leadscore.edited IS 'Whom edits of the configuration since the last run concern; written by leadscore alone';
COMMENT ON COLUMN leadscore.edited.tenant IS 'Persons of this tenant, or of one that was forgotten, by the MD5 sum of its name; NULL: of all';
COMMENT ON COLUMN leadscore.edited.person_kind IS 'Persons of this kind; NULL: of all';
COMMENT ON COLUMN leadscore.edited.rule_id IS 'Persons to whom this rule applies or applied; NULL: whatever rules apply';
