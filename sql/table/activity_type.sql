-- Activity types: what can be registered on a person.
CREATE TABLE leadscore.activity_type (
    activity_type text PRIMARY KEY CHECK (activity_type <> ''),
    description   text
);
SELECT pg_catalog.pg_extension_config_dump('leadscore.activity_type', '');
COMMENT ON TABLE leadscore.activity_type IS 'Kinds of activity that can be registered on a person';
COMMENT ON COLUMN leadscore.activity_type.activity_type IS 'The name that activities and rules use, such as appointment';
COMMENT ON COLUMN leadscore.activity_type.description IS 'What it means, for people';
