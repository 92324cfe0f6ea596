-- Who differs: the persons of whom anything that is stored is not what is derived.

-- Whole tables are read at once, in memory: nearly always nobody differs, and that shows fastest
-- without a join of everything with everything.
CREATE FUNCTION leadscore._differing(exact boolean) RETURNS SETOF bigint
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'differing_wrapper';
COMMENT ON FUNCTION leadscore._differing(boolean) IS 'The persons of whom anything stored is not what is derived; exact: and nothing that is only a bound is wider than it need be';
-- It names persons whatever policies the caller is under.
REVOKE ALL ON FUNCTION leadscore._differing(boolean) FROM PUBLIC;
