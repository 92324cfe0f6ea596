-- The tables of an invented recruitment application. leadscore is not mentioned here: this is
-- what an agency has before it starts to score leads.

CREATE SCHEMA agency;

CREATE TABLE agency.recruiter (
    recruiter_id int PRIMARY KEY,
    name         text NOT NULL UNIQUE
);

CREATE TABLE agency.candidate (
    candidate_id  int PRIMARY KEY,
    name          text NOT NULL,
    profession    text NOT NULL,
    status        text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'placed')),
    owner         text NOT NULL REFERENCES agency.recruiter (name),
    registered_at timestamptz NOT NULL
);

CREATE TABLE agency.company (
    name text PRIMARY KEY
);

CREATE TABLE agency.contact (
    contact_id    int PRIMARY KEY,
    name          text NOT NULL,
    company       text NOT NULL REFERENCES agency.company,
    owner         text NOT NULL REFERENCES agency.recruiter (name),
    registered_at timestamptz NOT NULL
);
CREATE INDEX ON agency.contact (company);

-- A vacancy that a contact gave to the agency. The oldest ones came from no known contact.
CREATE TABLE agency.job (
    job_id      int PRIMARY KEY,
    title       text NOT NULL,
    contact_id  int REFERENCES agency.contact,
    received_at timestamptz NOT NULL
);

CREATE TABLE agency.appointment (
    appointment_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    candidate_id   int NOT NULL REFERENCES agency.candidate,
    starts_at      timestamptz NOT NULL,
    place          text NOT NULL CHECK (place IN ('office', 'video'))
);

CREATE TABLE agency.call (
    call_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    candidate_id int NOT NULL REFERENCES agency.candidate,
    called_at    timestamptz NOT NULL,
    minutes      int NOT NULL
);

CREATE TABLE agency.email (
    email_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    candidate_id int NOT NULL REFERENCES agency.candidate,
    sent_at      timestamptz NOT NULL,
    direction    text NOT NULL CHECK (direction IN ('in', 'out'))
);

-- One row for each step that a candidate reaches in the process for a job.
CREATE TABLE agency.application (
    application_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    candidate_id   int NOT NULL REFERENCES agency.candidate,
    job_id         int NOT NULL REFERENCES agency.job,
    step           text NOT NULL CHECK (step IN ('application', 'introduction', 'interview', 'offer',
                                                 'placement', 'rejection', 'withdrawal')),
    reached_at     timestamptz NOT NULL
);

CREATE TABLE agency.job_view (
    job_view_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    candidate_id int NOT NULL REFERENCES agency.candidate,
    job_id       int NOT NULL REFERENCES agency.job,
    viewed_at    timestamptz NOT NULL
);

-- What happens with contacts is kept in one journal, whatever it is.
CREATE TABLE agency.contact_journal (
    entry_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    contact_id  int NOT NULL REFERENCES agency.contact,
    entry       text NOT NULL CHECK (entry IN ('appointment', 'call', 'email', 'note')),
    happened_at timestamptz NOT NULL
);
CREATE INDEX ON agency.contact_journal (contact_id);
