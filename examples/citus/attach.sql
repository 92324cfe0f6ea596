-- Called once, on the coordinator: leadscore follows the shards on each node. The key of a candidate begins with the agency, by which
-- tables are distributed, and so does what refers to one.
SELECT leadscore.attach_person('agency.candidate', 'candidate', status => 'status', owner => 'owner', since => 'registered_at', name => 'name',
                               tenant => 'agency_id', score => 'score', category => 'category');
SELECT leadscore.attach_activity('agency.appointment', 'appointment', person => 'agency_id, candidate_id', person_kind => 'candidate',
                                 occurred_at => 'starts_at', tenant => 'agency_id');
SELECT leadscore.attach_activity('agency.call', 'call', person => 'agency_id, candidate_id', person_kind => 'candidate',
                                 occurred_at => 'called_at', attributes => '{minutes}', tenant => 'agency_id');
-- Agency 7 wants calls to count for more.
INSERT INTO leadscore.rule (tenant, name, activity_types, points, relevant_for)
SELECT '7', r.name, r.activity_types, 3 * r.points, r.relevant_for FROM leadscore.rule r WHERE r.name = 'Call' AND r.tenant IS NULL;
