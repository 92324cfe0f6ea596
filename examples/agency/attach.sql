-- leadscore is told where the application keeps what it needs to know. From here on the
-- application goes on as before; scores and categories appear in its own tables of persons and companies.

ALTER TABLE agency.candidate ADD score int, ADD category text;
ALTER TABLE agency.contact ADD score int, ADD category text;
ALTER TABLE agency.company ADD score int, ADD category text;

SELECT leadscore.attach_person('agency.candidate', 'candidate', status => 'status', owner => 'owner', since => 'registered_at',
                               name => 'name', score => 'score', category => 'category');
SELECT leadscore.attach_person('agency.contact', 'contact', owner => 'owner', since => 'registered_at',
                               name => 'name', score => 'score', category => 'category');

SELECT leadscore.attach_activity('agency.appointment', activity_type => 'appointment', person => 'candidate_id',
                                 person_kind => 'candidate', occurred_at => 'starts_at', attributes => '{place}');
SELECT leadscore.attach_activity('agency.call', activity_type => 'call', person => 'candidate_id',
                                 person_kind => 'candidate', occurred_at => 'called_at', attributes => '{minutes}');
SELECT leadscore.attach_activity('agency.email', activity_type => 'email', person => 'candidate_id',
                                 person_kind => 'candidate', occurred_at => 'sent_at', attributes => '{direction}');
SELECT leadscore.attach_activity('agency.application', activity_type_column => 'step', person => 'candidate_id',
                                 person_kind => 'candidate', occurred_at => 'reached_at', attributes => '{job_id}');
SELECT leadscore.attach_activity('agency.job_view', activity_type => 'job_view', person => 'candidate_id',
                                 person_kind => 'candidate', occurred_at => 'viewed_at', attributes => '{job_id}');
SELECT leadscore.attach_activity('agency.contact_journal', activity_type_column => 'entry', person => 'contact_id',
                                 person_kind => 'contact', occurred_at => 'happened_at');
-- What was done with a contact counts for the client's company, too.
INSERT INTO leadscore.rule (name, activity_types, person_kinds, points, relevant_for)
VALUES ('Conversation with the company', '{appointment,call}', '{company}', 5, '3 months');
SELECT leadscore.attach_person('agency.company', 'company', name => 'name', score => 'score', category => 'category');
SELECT leadscore.attach_activity('agency.contact_journal', activity_type_column => 'entry', person => 'contact_id.company',
                                 person_kind => 'company', occurred_at => 'happened_at');
SELECT leadscore.attach_activity('agency.job', activity_type => 'vacancy', person => 'contact_id',
                                 person_kind => 'contact', occurred_at => 'received_at', attributes => '{job_id}');
