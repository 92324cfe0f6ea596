-- PostgreSQL runs functions of an index that are called with constants when it plans a query of the table, or asks for the
-- index's condition. They too run with the rights of the table's owner, whoever makes leadscore read the table; and tables of
-- several owners are read each as its own.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
RESET ROLE;
CREATE ROLE regress_mallory;
CREATE ROLE regress_bob;
CREATE SCHEMA mallory AUTHORIZATION regress_mallory;
CREATE SCHEMA bob AUTHORIZATION regress_bob;
GRANT USAGE ON SCHEMA leadscore TO regress_mallory, regress_bob;
GRANT USAGE ON SCHEMA mallory TO regress_bob;
GRANT USAGE ON SCHEMA bob TO regress_mallory;
INSERT INTO leadscore.activity_type VALUES ('visit');
INSERT INTO leadscore.rule (name, activity_types, points) VALUES ('Visit', '{visit}', 10);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');

SET SESSION AUTHORIZATION regress_mallory;
-- It says so when it runs as anybody else.
CREATE FUNCTION mallory.spy(what text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    IF current_user <> 'regress_mallory' THEN RAISE WARNING '% as %', what, CASE WHEN current_user = 'regress_bob' THEN 'regress_bob' ELSE 'somebody else' END; END IF;
    RETURN true;
END $$;
CREATE FUNCTION mallory.spied(value int, what text) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$BEGIN PERFORM mallory.spy(what); RETURN value; END$$;
CREATE TABLE mallory.customer (id int NOT NULL, name text, score int);
CREATE UNIQUE INDEX a ON mallory.customer (id) WHERE mallory.spy('index of customers');
CREATE INDEX b ON mallory.customer ((mallory.spied(1, 'expression of customers')));
ALTER TABLE mallory.customer ADD PRIMARY KEY (id);
CREATE TABLE mallory.event (id int NOT NULL, at timestamptz);
CREATE UNIQUE INDEX c ON mallory.event (id) WHERE mallory.spy('index of events');
ALTER TABLE mallory.event ADD PRIMARY KEY (id);
CREATE TABLE mallory.visit (id int NOT NULL, customer_id int REFERENCES mallory.customer, event_id int REFERENCES mallory.event);
CREATE UNIQUE INDEX d ON mallory.visit (id) WHERE mallory.spy('index of visits');
CREATE INDEX e ON mallory.visit (event_id) WHERE mallory.spy('index of visits by event');
ALTER TABLE mallory.visit ADD PRIMARY KEY (id);
CREATE INDEX ON mallory.visit (event_id);
SELECT leadscore.attach_person('mallory.customer', 'customer', name => 'name', score => 'score');
SELECT leadscore.attach_activity('mallory.visit', activity_type => 'visit', person => 'customer_id', person_kind => 'customer', occurred_at => 'event_id.at');
GRANT REFERENCES, SELECT ON mallory.event TO regress_bob;

-- Somebody else's table reaches hers.
SET SESSION AUTHORIZATION regress_bob;
CREATE TABLE bob.stay (id int PRIMARY KEY, customer_id int, event_id int REFERENCES mallory.event);
CREATE INDEX ON bob.stay (event_id);
RESET SESSION AUTHORIZATION;
SELECT leadscore.attach_activity('bob.stay', activity_type => 'visit', person => 'customer_id', person_kind => 'customer', occurred_at => 'event_id.at');
-- From here on he could not read it.
REVOKE ALL ON mallory.event FROM regress_bob;

-- Each writes, one row and many.
SET SESSION AUTHORIZATION regress_mallory;
INSERT INTO mallory.customer (id) VALUES (1);
INSERT INTO mallory.customer (id) SELECT generate_series(2, 40);
INSERT INTO mallory.event VALUES (1, '2026-02-20');
INSERT INTO mallory.visit VALUES (1, 1, 1);
INSERT INTO mallory.visit SELECT i, i, 1 FROM generate_series(2, 40) i;
SET SESSION AUTHORIZATION regress_bob;
INSERT INTO bob.stay VALUES (1, 1, 1);
INSERT INTO bob.stay SELECT i, 2, 1 FROM generate_series(2, 90) i;
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION regress_mallory;
SELECT sum(score), min(score), max(score) FROM mallory.customer;
RESET SESSION AUTHORIZATION;
-- What they reach changes: for 40 rows of hers and 90 of his.
SET SESSION AUTHORIZATION regress_mallory;
UPDATE mallory.event SET at = '2026-02-21';
RESET SESSION AUTHORIZATION;
SELECT DISTINCT occurred_at FROM leadscore.activity;
-- The superuser does everything that reads and writes them.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT person_id, 'visit', '2026-02-22' FROM leadscore.person WHERE external_id IN ('1', '2');
SELECT leadscore.resync('mallory.customer'), leadscore.resync('mallory.visit'), leadscore.resync('bob.stay');
UPDATE leadscore.rule SET points = 11;
SELECT persons_changed FROM leadscore_recompute('2026-03-02 12:00');
SET SESSION AUTHORIZATION regress_mallory;
SELECT sum(score), min(score), max(score) FROM mallory.customer;
RESET SESSION AUTHORIZATION;
SELECT * FROM leadscore.verify();
SELECT leadscore.detach('bob.stay');
SELECT leadscore.attach_activity('bob.stay', activity_type => 'visit', person => 'customer_id', person_kind => 'customer', occurred_at => 'event_id.at');
SET SESSION AUTHORIZATION regress_mallory;
SELECT sum(score), min(score), max(score) FROM mallory.customer;
RESET SESSION AUTHORIZATION;
SELECT * FROM leadscore.verify();
DROP OWNED BY regress_mallory, regress_bob CASCADE;
DROP ROLE regress_mallory, regress_bob;
