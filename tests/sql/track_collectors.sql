-- Collectors that store into PostgreSQL already are attached: their tables as they publish them.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
RESET ROLE;
INSERT INTO leadscore.person (person_id, kind, external_id) VALUES (1, 'candidate', '7'), (2, 'candidate', '8');

-- Ahoy 5 (Rails): the events of a user, by name. Rows of visitors who are nobody yet have no user_id and wait. The tables
-- are those of its generator; Rails stores moments in UTC and without a time zone, so a column says which.
UPDATE leadscore.settings SET time_zone = 'Europe/Amsterdam';
CREATE TABLE ahoy_visits (id bigserial PRIMARY KEY, visit_token varchar, visitor_token varchar, user_id bigint, ip varchar, user_agent text,
    referrer text, referring_domain varchar, landing_page text, browser varchar, os varchar, device_type varchar, country varchar, region varchar,
    city varchar, latitude float, longitude float, utm_source varchar, utm_medium varchar, utm_term varchar, utm_content varchar,
    utm_campaign varchar, app_version varchar, os_version varchar, platform varchar, started_at timestamp(6));
CREATE INDEX ON ahoy_visits (user_id);
CREATE UNIQUE INDEX ON ahoy_visits (visit_token);
CREATE TABLE ahoy_events (id bigserial PRIMARY KEY, visit_id bigint, user_id bigint, name varchar, properties jsonb, "time" timestamp(6));
CREATE INDEX ON ahoy_events (visit_id);
CREATE INDEX ON ahoy_events (user_id);
CREATE INDEX ON ahoy_events (name, "time");
CREATE INDEX ON ahoy_events USING gin (properties jsonb_path_ops);
ALTER TABLE ahoy_events ADD COLUMN leadscore_at timestamptz GENERATED ALWAYS AS ("time" AT TIME ZONE 'UTC') STORED;
INSERT INTO ahoy_events (visit_id, user_id, name, properties, "time") VALUES (1, 7, 'Viewed job', '{"job": 12}', '2026-03-01 23:30');
INSERT INTO leadscore.activity_type VALUES ('Viewed job'), ('Applied'), ('jobview'), ('apply'), ('pageview');
INSERT INTO leadscore.rule (name, activity_types, condition, points) VALUES ('Job view', '{"Viewed job",jobview}', NULL, 10), ('Job 12', '{"Viewed job"}', '{"properties": {"job": 12}}', 1), ('Applied', '{Applied,apply}', NULL, 100);
SELECT leadscore.attach_activity('ahoy_events', person => 'user_id', person_kind => 'candidate', occurred_at => 'leadscore_at',
    activity_type_column => 'name', attributes => '{properties}', only_when => '{"name": ["Viewed job", "Applied"]}');
INSERT INTO ahoy_events (visit_id, user_id, name, properties, "time") VALUES (1, 7, 'Applied', '{"job": 12}', '2026-03-01 11:00'), (1, 7, 'Scrolled', NULL, '2026-03-01 11:00'), (2, NULL, 'Viewed job', '{"job": 13}', '2026-03-02 09:00');
SELECT person_id, score FROM leadscore.person ORDER BY 1;
-- Ahoy ties earlier visits to the user who logs in; the application does so with their events.
UPDATE ahoy_events SET user_id = 8 WHERE visit_id = 2 AND user_id IS NULL;
SELECT person_id, activity_type, occurred_at, attributes FROM leadscore.activity ORDER BY occurred_at, activity_id;
-- Half past eleven at night in UTC is the next day in Amsterdam.
SELECT DISTINCT counts_from FROM leadscore.score_record WHERE person_id = 1 AND points = 10;
SELECT leadscore.detach('ahoy_events', keep => false);
UPDATE leadscore.settings SET time_zone = 'UTC';

-- RudderStack (PostgreSQL warehouse): tracks of an identified user; event is the name in snake case.
CREATE SCHEMA website;
CREATE TABLE website.tracks (id text, anonymous_id text, user_id text, event text, event_text text, context_ip text, context_page_url text,
    original_timestamp timestamptz, sent_at timestamptz, "timestamp" timestamptz, received_at timestamptz, uuid_ts timestamptz);
ALTER TABLE website.tracks ADD UNIQUE (id);
SELECT leadscore.attach_activity('website.tracks', person => 'user_id', person_kind => 'candidate', occurred_at => 'timestamp', key => 'id',
    activity_type_column => 'event', attributes => '{context_page_url}', only_when => '{"event": ["jobview", "apply"]}');
-- The warehouse loads in bulk, and a message that comes again replaces its row.
INSERT INTO website.tracks (id, anonymous_id, user_id, event, event_text, context_page_url, "timestamp") VALUES
    ('m1', 'v1', '7', 'jobview', 'jobview', 'https://example.org/jobs/12', '2026-03-03 09:00+00'), ('m2', 'v2', NULL, 'jobview', 'jobview', NULL, '2026-03-03 09:00+00'), ('m3', 'v1', '7', 'scrolled', 'Scrolled', NULL, '2026-03-03 09:00+00');
BEGIN;
DELETE FROM website.tracks WHERE id = 'm1';
INSERT INTO website.tracks (id, anonymous_id, user_id, event, event_text, context_page_url, "timestamp") VALUES ('m1', 'v1', '7', 'jobview', 'jobview', 'https://example.org/jobs/12', '2026-03-03 09:00+00');
COMMIT;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT person_id, activity_type, occurred_at, attributes FROM leadscore.activity ORDER BY occurred_at, activity_id;
SELECT leadscore.detach('website.tracks', keep => false);

-- Umami, from 2.18 to 3: an event knows its session, and a session whom umami.identify() named when it began: identifying
-- begins a new one, and no session is changed afterwards. Two columns of our own bring to the event the person, and the
-- name, which page views do not have; clicks on links, pixels and measurements of speed are no visits.
CREATE TABLE session (session_id uuid PRIMARY KEY, website_id uuid NOT NULL, browser varchar(20), os varchar(20), device varchar(20), screen varchar(11),
    language varchar(35), country char(2), region varchar(20), city varchar(50), created_at timestamptz(6) DEFAULT CURRENT_TIMESTAMP, distinct_id varchar(50));
CREATE TABLE website_event (event_id uuid PRIMARY KEY, website_id uuid NOT NULL, session_id uuid NOT NULL, created_at timestamptz(6) DEFAULT CURRENT_TIMESTAMP,
    url_path varchar(500) NOT NULL, url_query varchar(500), referrer_path varchar(500), referrer_query varchar(500), referrer_domain varchar(500),
    page_title varchar(500), event_type integer NOT NULL DEFAULT 1, event_name varchar(50), visit_id uuid NOT NULL, tag varchar(50), fbclid varchar(255),
    gclid varchar(255), li_fat_id varchar(255), msclkid varchar(255), ttclid varchar(255), twclid varchar(255), utm_campaign varchar(255), utm_content varchar(255),
    utm_medium varchar(255), utm_source varchar(255), utm_term varchar(255), hostname varchar(100), cls decimal(10,4), fcp decimal(10,1), inp decimal(10,1),
    lcp decimal(10,1), ttfb decimal(10,1));
ALTER TABLE website_event ADD COLUMN leadscore_event text GENERATED ALWAYS AS (CASE event_type WHEN 1 THEN 'pageview' WHEN 2 THEN event_name END) STORED,
    ADD COLUMN leadscore_person text;
CREATE FUNCTION leadscore_umami() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.leadscore_person := (SELECT s.distinct_id FROM session s WHERE s.session_id = NEW.session_id);
    RETURN NEW;
END $$;
CREATE TRIGGER leadscore_person BEFORE INSERT ON website_event FOR EACH ROW EXECUTE FUNCTION leadscore_umami();
INSERT INTO leadscore.rule (name, activity_types, points) VALUES ('Visit', '{pageview}', 1);
SELECT leadscore.attach_activity('website_event', person => 'leadscore_person', person_kind => 'candidate', occurred_at => 'created_at',
    activity_type_column => 'leadscore_event', attributes => '{url_path}', only_when => '{"leadscore_event": ["pageview", "jobview", "apply"]}');
INSERT INTO session (session_id, website_id) VALUES ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000000a') ON CONFLICT (session_id) DO NOTHING;
INSERT INTO website_event (event_id, website_id, session_id, visit_id, created_at, url_path, event_type, event_name) VALUES
    ('00000000-0000-0000-0000-0000000000e1', '00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-0000000000b1', '2026-03-04 09:00+00', '/', 1, NULL),
    ('00000000-0000-0000-0000-0000000000e2', '00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-0000000000b1', '2026-03-04 09:01+00', '/jobs/12', 2, 'jobview');
SELECT person_id, score FROM leadscore.person ORDER BY 1;
-- umami.identify('8')
INSERT INTO session (session_id, website_id, distinct_id) VALUES ('00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-00000000000a', '8') ON CONFLICT (session_id) DO NOTHING;
INSERT INTO website_event (event_id, website_id, session_id, visit_id, created_at, url_path, event_type, event_name) VALUES
    ('00000000-0000-0000-0000-0000000000e3', '00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-0000000000b2', '2026-03-04 09:02+00', '/', 1, NULL),
    ('00000000-0000-0000-0000-0000000000e4', '00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-0000000000b2', '2026-03-04 09:03+00', '/jobs/12', 2, 'jobview'),
    ('00000000-0000-0000-0000-0000000000e5', '00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-0000000000b2', '2026-03-04 09:03+00', '/jobs/12', 5, NULL),
    ('00000000-0000-0000-0000-0000000000e6', '00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-0000000000b2', '2026-03-04 09:04+00', '/out', 3, NULL),
    ('00000000-0000-0000-0000-0000000000e7', '00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-0000000000b2', '2026-03-04 09:05+00', '/jobs/12', 2, 'apply');
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT person_id, activity_type, occurred_at, attributes FROM leadscore.activity ORDER BY occurred_at, activity_id;
SELECT * FROM leadscore.verify();
