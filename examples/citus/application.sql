-- Twenty agencies in one database, as a software vendor has them: every table has the agency's number, and is distributed by it,
-- so that all rows of an agency are on one node.

CREATE SCHEMA agency;
CREATE TABLE agency.candidate (
    agency_id     int,
    candidate_id  int,
    name          text NOT NULL,
    status        text NOT NULL DEFAULT 'active',
    owner         text NOT NULL,
    registered_at timestamptz NOT NULL,
    score         int,
    category      text,
    PRIMARY KEY (agency_id, candidate_id)
);
CREATE TABLE agency.appointment (
    agency_id      int,
    appointment_id int,
    candidate_id   int NOT NULL,
    starts_at      timestamptz NOT NULL,
    PRIMARY KEY (agency_id, appointment_id)
);
CREATE TABLE agency.call (
    agency_id    int,
    call_id      int,
    candidate_id int NOT NULL,
    called_at    timestamptz NOT NULL,
    minutes      int NOT NULL,
    PRIMARY KEY (agency_id, call_id)
);
SELECT create_distributed_table('agency.candidate', 'agency_id', shard_count => 8);
SELECT create_distributed_table('agency.appointment', 'agency_id', colocate_with => 'agency.candidate');
SELECT create_distributed_table('agency.call', 'agency_id', colocate_with => 'agency.candidate');

-- Nothing here is random: every choice is a hash of what is chosen and for whom.
CREATE FUNCTION agency.chance(key text) RETURNS float8
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ('x' || substr(md5('agency ' || key), 1, 8))::bit(32)::bigint / 4294967296.0::float8;

CREATE TEMPORARY TABLE one AS
SELECT a AS agency_id, c AS candidate_id, floor(agency.chance('since' || a || ' ' || c) * 180)::int AS days
FROM generate_series(1, 20) a, generate_series(1, 100) c;
INSERT INTO agency.candidate (agency_id, candidate_id, name, owner, registered_at)
SELECT agency_id, candidate_id, 'Candidate ' || candidate_id || ' of agency ' || agency_id, 'Recruiter ' || 1 + candidate_id % 5, now() - days * interval '1 day'
FROM one;
INSERT INTO agency.appointment
SELECT agency_id, candidate_id * 10 + n, candidate_id, now() - days * agency.chance('appointment' || agency_id || ' ' || candidate_id || ' ' || n) * interval '1 day'
FROM one, generate_series(1, 4) n WHERE agency.chance('goes' || agency_id || ' ' || candidate_id || ' ' || n) < 0.4;
INSERT INTO agency.call
SELECT agency_id, candidate_id * 10 + n, candidate_id, now() - days * agency.chance('call' || agency_id || ' ' || candidate_id || ' ' || n) * interval '1 day',
       1 + floor(agency.chance('minutes' || agency_id || ' ' || candidate_id || ' ' || n) * 40)::int
FROM one, generate_series(1, 8) n WHERE agency.chance('speaks' || agency_id || ' ' || candidate_id || ' ' || n) < 0.5;
