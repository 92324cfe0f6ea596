-- recompute_in_batches() is for whom the owner says, and its parts are for nobody else.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (name, points, relevant_for) VALUES ('Call', 10, '2 days');
INSERT INTO leadscore.person (person_id, kind, since) SELECT g, 'candidate', '2020-01-01' FROM generate_series(1, 5) g;
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) SELECT g, 'call', '2026-03-01' FROM generate_series(1, 5) g;
RESET ROLE;
CREATE ROLE regress_night;
GRANT USAGE ON SCHEMA leadscore TO regress_night;
SET ROLE regress_night;
CALL leadscore.recompute_in_batches('2026-03-05 12:00', 2);
SELECT leadscore._begin_batches('2026-03-05 12:00');
SELECT leadscore._next_batch(2);
SELECT leadscore._is_scored_on('2026-03-05 12:00');
RESET ROLE;
-- Nothing has moved.
SELECT scored_on FROM leadscore.state;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
-- Granted the procedure, the role needs no right on any table.
GRANT EXECUTE ON PROCEDURE leadscore.recompute_in_batches TO regress_night;
SET ROLE regress_night;
CALL leadscore.recompute_in_batches('2026-03-05 12:00', 2);
SELECT score FROM leadscore.person;
RESET ROLE;
SELECT scored_on FROM leadscore.state;
SELECT person_id, score FROM leadscore.person ORDER BY 1;
SELECT persons_due, records_removed, finished_at IS NOT NULL AS finished FROM leadscore.run ORDER BY run_id DESC LIMIT 1;
SELECT * FROM leadscore.verify();
-- Another role's function cannot lend the right: what counts is who called first.
CREATE SCHEMA regress_lender AUTHORIZATION regress_application;
GRANT USAGE ON SCHEMA regress_lender TO regress_night;
REVOKE EXECUTE ON PROCEDURE leadscore.recompute_in_batches FROM regress_night;
GRANT EXECUTE ON PROCEDURE leadscore.recompute_in_batches TO regress_application;
SET ROLE regress_application;
CREATE FUNCTION regress_lender.next() RETURNS boolean LANGUAGE sql SECURITY DEFINER AS 'SELECT leadscore._next_batch(2)';
SELECT regress_lender.next();
RESET ROLE;
SET ROLE regress_night;
SELECT regress_lender.next();
RESET ROLE;
DROP SCHEMA regress_lender CASCADE;
DROP OWNED BY regress_night;
DROP ROLE regress_night;
