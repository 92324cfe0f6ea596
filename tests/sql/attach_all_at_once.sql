-- The rows of a table that is attached for the first time become activities without statements. Where more belongs to an INSERT
-- than leadscore's own trigger, statements do the same.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE TABLE candidate (id bigint PRIMARY KEY, firm text, score int);
CREATE TABLE call (id bigint PRIMARY KEY, candidate_id bigint, firm text, at timestamptz, kind text, vip boolean, note text);
INSERT INTO candidate SELECT g, CASE WHEN g % 3 = 0 THEN 'acme' WHEN g % 3 = 1 THEN 'globex' END FROM generate_series(1, 700) g;
INSERT INTO call
SELECT g, g % 750, CASE WHEN g % 750 % 3 = 0 THEN 'acme' WHEN g % 750 % 3 = 1 THEN 'globex' END,
       CASE WHEN g % 50 > 0 THEN timestamptz '2026-01-01' + g % 80000 * interval '1 minute' END,
       CASE g % 40 WHEN 0 THEN 'letter' WHEN 1 THEN NULL ELSE (ARRAY['call', 'visit'])[1 + g % 2] END,
       g % 100 = 0, CASE WHEN g % 9 = 0 THEN repeat(g::text || ' ', g % 30) WHEN g % 700 = 1 THEN repeat(md5(g::text), 400) END
FROM generate_series(1, 20000) g;
SELECT leadscore.attach_person('candidate', 'candidate', tenant => 'firm', score => 'score');
RESET ROLE;
-- A key of a person who was merged leads to the other one.
SELECT leadscore.merge_person((SELECT person_id FROM leadscore.person WHERE external_id = '3'), (SELECT person_id FROM leadscore.person WHERE external_id = '6'));
-- Attaches in the memory given, and tells how many activities there are and how many rows were inserted.
CREATE FUNCTION regress_attach(memory text) RETURNS TABLE (attached bigint, inserts bigint) LANGUAGE plpgsql AS $$
DECLARE
    before bigint := pg_stat_get_xact_tuples_inserted('leadscore.activity'::regclass);
BEGIN
    PERFORM set_config('maintenance_work_mem', memory, true);
    SELECT leadscore.attach_activity('call', person => 'candidate_id', person_kind => 'candidate', tenant => 'firm', occurred_at => 'at',
                                     activity_type_column => 'kind', attributes => '{vip,note}') INTO attached;
    inserts := pg_stat_get_xact_tuples_inserted('leadscore.activity'::regclass) - before;
    RETURN NEXT;
END $$;
-- What is there, numbered from 1 in the order of the ids.
CREATE FUNCTION regress_result() RETURNS TABLE (kind text, line text) LANGUAGE sql AS $$
    WITH numbered AS (SELECT a.*, row_number() OVER (ORDER BY a.activity_id) AS nth FROM leadscore.activity a)
    SELECT 'activity', concat_ws('|', nth, person_id, activity_type, occurred_at, attributes, source_key) FROM numbered
    UNION ALL
    SELECT 'record', concat_ws('|', n.nth, r.person_id, r.rule_id, r.points, r.counts_from, r.counts_until)
    FROM leadscore.score_record r LEFT JOIN numbered n USING (activity_id)
    UNION ALL
    SELECT 'person', concat_ws('|', person_id, score, category, last_activity_at) FROM leadscore.person
    UNION ALL
    SELECT 'change', concat_ws('|', person_id, from_category, to_category, score, scored_on) FROM leadscore.category_change
    UNION ALL
    SELECT 'waiting', concat_ws('|', source_key, person_kind, tenant, external_id, activity_type, occurred_at, attributes) FROM leadscore.waiting
    UNION ALL
    SELECT 'written', concat_ws('|', id, score) FROM app.candidate
$$;
CREATE FUNCTION regress_digest() RETURNS TABLE (kind text, rows bigint, digest text) LANGUAGE sql AS $$
    SELECT r.kind, count(*), md5(string_agg(r.line, E'\n' ORDER BY r.line)) FROM regress_result() r GROUP BY r.kind
$$;
BEGIN;
SELECT * FROM regress_attach('64MB');
SELECT kind, rows FROM regress_digest() ORDER BY kind;
SELECT string_agg(d::text, ' ' ORDER BY kind) AS at_once FROM regress_digest() d \gset
SELECT * FROM leadscore.verify();
-- The index leads to each of them.
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;
SELECT count(*) FROM leadscore.source s CROSS JOIN call c CROSS JOIN LATERAL (
    SELECT FROM leadscore.activity a WHERE a.source_id = s.source_id AND a.source_key = c.id::text OFFSET 0) found
WHERE s.role = 'activity';
-- What is stored of a table is brought in step by statements.
UPDATE call SET note = 'new' WHERE id % 2 = 0;
DELETE FROM call WHERE id % 7 = 0;
SELECT leadscore.reattach('call');
SELECT * FROM leadscore.verify();
ROLLBACK;
-- The sorts need more memory than there is, and others have an index.
BEGIN;
CREATE INDEX ON leadscore.activity ((attributes ->> 'vip'));
SELECT * FROM regress_attach('1MB');
SELECT string_agg(d::text, ' ' ORDER BY kind) = :'at_once' AS same FROM regress_digest() d;
SELECT * FROM leadscore.verify();
ROLLBACK;
-- A trigger of somebody else's fires.
BEGIN;
CREATE TABLE public.seen (n bigint);
CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.seen SELECT count(*) FROM new; RETURN NULL; END';
CREATE TRIGGER see AFTER INSERT ON leadscore.activity REFERENCING NEW TABLE AS new FOR EACH STATEMENT EXECUTE FUNCTION public.see();
SELECT * FROM regress_attach('64MB');
TABLE public.seen;
SELECT string_agg(d::text, ' ' ORDER BY kind) = :'at_once' AS same FROM regress_digest() d;
ROLLBACK;
-- leadscore's own trigger, switched off, stays off.
BEGIN;
ALTER TABLE leadscore.activity DISABLE TRIGGER score_inserted;
SELECT * FROM regress_attach('64MB');
SELECT kind, rows FROM regress_digest() ORDER BY kind;
ROLLBACK;
-- What is scored later is noted, each person once.
BEGIN;
UPDATE leadscore.settings SET scoring = 'deferred';
SELECT * FROM regress_attach('64MB');
SELECT count(*), count(DISTINCT person_id) FROM leadscore.pending;
ROLLBACK;
-- A row that is not acceptable is refused, and nothing is attached.
BEGIN;
UPDATE call SET at = '20000-01-01' WHERE id = 7;
SELECT * FROM regress_attach('64MB');
ROLLBACK;
SELECT count(*) FROM leadscore.activity;
DROP FUNCTION regress_attach, regress_digest, regress_result;
