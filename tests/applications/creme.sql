-- Creme: contacts and organisations, which extend a table of entities; who takes part in an activity, and what was to be done. All
-- foreign keys are checked at commit, and those to entities lead to the table that the persons' tables extend.
ALTER TABLE persons_contact ADD leadscore_score bigint DEFAULT 0, ADD leadscore_category text DEFAULT 'cold';
ALTER TABLE persons_organisation ADD leadscore_score bigint DEFAULT 0, ADD leadscore_category text DEFAULT 'cold';
GRANT USAGE ON SCHEMA leadscore TO creme;
SET ROLE creme;
SET client_min_messages = notice;
\o /dev/null
SELECT leadscore.attach_person('persons_contact', 'contact', name => 'last_name', status => 'position_id.title', owner => 'cremeentity_ptr_id.user_id.username',
    since => 'cremeentity_ptr_id.created', attributes => '{email}', only_when => '{"cremeentity_ptr_id.is_deleted": false}',
    score => 'leadscore_score', category => 'leadscore_category');
SELECT leadscore.attach_person('persons_organisation', 'organisation', name => 'name', owner => 'cremeentity_ptr_id.user_id.username',
    since => 'cremeentity_ptr_id.created', only_when => '{"cremeentity_ptr_id.is_deleted": false}',
    score => 'leadscore_score', category => 'leadscore_category');
SELECT leadscore.attach_activity('creme_core_relation', 'appointment', person => 'subject_entity_id', person_kind => 'contact', occurred_at => 'created',
    only_when => '{"type_id": ["activities-subject_participates_to_activity", "activities-subject_activity_subject"], "object_entity_id.is_deleted": false,
                    "subject_entity_id.entity_type_id.model": "contact"}');
SELECT leadscore.attach_activity('creme_core_relation', 'appointment', person => 'subject_entity_id', person_kind => 'organisation', occurred_at => 'created',
    only_when => '{"type_id": ["activities-subject_activity_subject", "activities-subject_linked_2_activity"], "object_entity_id.is_deleted": false,
                    "subject_entity_id.entity_type_id.model": "organisation"}');
SELECT leadscore.attach_activity('assistants_todo', 'to do', person => 'entity_id', person_kind => 'contact', occurred_at => 'modification_date',
    only_when => '{"is_ok": true, "entity_content_type_id.model": "contact"}');
SELECT leadscore.attach_activity('assistants_todo', 'to do', person => 'entity_id', person_kind => 'organisation', occurred_at => 'modification_date',
    only_when => '{"is_ok": true, "entity_content_type_id.model": "organisation"}');
