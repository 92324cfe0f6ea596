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

CREATE VIEW leadscore.event_mapping WITH (security_invoker = true) AS
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
