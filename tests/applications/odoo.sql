-- Odoo: applicants, leads, contacts and companies; meetings of each, their attendees, messages and what was to be done.
ALTER TABLE hr_applicant ADD leadscore_score bigint DEFAULT 0, ADD leadscore_category text DEFAULT 'cold';
ALTER TABLE crm_lead ADD leadscore_score bigint DEFAULT 0, ADD leadscore_category text DEFAULT 'cold';
ALTER TABLE res_partner ADD leadscore_score bigint DEFAULT 0, ADD leadscore_category text DEFAULT 'cold', ADD leadscore_company_score bigint DEFAULT 0;
-- The indexes that attaching asks for.
CREATE INDEX ON hr_applicant (user_id);
CREATE INDEX ON res_partner (user_id);
CREATE INDEX ON calendar_attendee (partner_id);
GRANT USAGE ON SCHEMA leadscore TO odoo;
SET ROLE odoo;
SET client_min_messages = notice;
\o /dev/null
SELECT leadscore.attach_person('hr_applicant', 'applicant', name => 'partner_name', status => 'stage_id.name', owner => 'user_id.login', since => 'create_date',
    time_zone => 'UTC', only_when => '{"active": true}', score => 'leadscore_score', category => 'leadscore_category');
SELECT leadscore.attach_person('crm_lead', 'lead', name => 'contact_name', status => 'stage_id.name', owner => 'user_id.login', since => 'create_date',
    time_zone => 'UTC', only_when => '{"active": true}', score => 'leadscore_score', category => 'leadscore_category');
SELECT leadscore.attach_person('res_partner', 'contact', name => 'name', owner => 'user_id.login', since => 'create_date',
    time_zone => 'UTC', only_when => '{"active": true, "is_company": false}', score => 'leadscore_score', category => 'leadscore_category');
SELECT leadscore.attach_person('res_partner', 'company', name => 'name', owner => 'user_id.login', since => 'create_date',
    time_zone => 'UTC', only_when => '{"active": true, "is_company": true}', score => 'leadscore_company_score');
SELECT leadscore.attach_activity('calendar_attendee', 'appointment', person => 'partner_id', person_kind => 'contact', occurred_at => 'event_id.start',
    time_zone => 'UTC', attributes => '{state}', only_when => '{"event_id.active": true}');
SELECT leadscore.attach_activity('calendar_attendee', 'appointment', person => 'partner_id.parent_id', person_kind => 'company', occurred_at => 'event_id.start',
    time_zone => 'UTC', only_when => '{"event_id.active": true}');
SELECT leadscore.attach_activity('calendar_event', 'appointment', person => 'applicant_id', person_kind => 'applicant', occurred_at => 'start',
    time_zone => 'UTC', only_when => '{"active": true}');
SELECT leadscore.attach_activity('calendar_event', 'appointment', person => 'opportunity_id', person_kind => 'lead', occurred_at => 'start',
    time_zone => 'UTC', only_when => '{"active": true}');
SELECT leadscore.attach_activity('mail_message', 'email', person => 'res_id', person_kind => 'applicant', occurred_at => 'date',
    time_zone => 'UTC', only_when => '{"model": "hr.applicant", "message_type": ["email", "comment"]}');
SELECT leadscore.attach_activity('mail_message', 'email', person => 'res_id', person_kind => 'lead', occurred_at => 'date',
    time_zone => 'UTC', only_when => '{"model": "crm.lead", "message_type": ["email", "comment"]}');
SELECT leadscore.attach_activity('mail_message', 'email', person => 'res_id', person_kind => 'contact', occurred_at => 'date',
    time_zone => 'UTC', only_when => '{"model": "res.partner", "message_type": ["email", "comment"]}');
SELECT leadscore.attach_activity('mail_activity', 'to do', person => 'res_id', person_kind => 'applicant', occurred_at => 'date_done',
    only_when => '{"res_model": "hr.applicant", "active": false}');
SELECT leadscore.attach_activity('mail_activity', 'to do', person => 'res_id', person_kind => 'lead', occurred_at => 'date_done',
    only_when => '{"res_model": "crm.lead", "active": false}');
