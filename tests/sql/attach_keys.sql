-- The key of an attached table can be of any usual type.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
\set setup :srcdir /sql/include/attach.psql
\i :setup
CREATE DOMAIN number AS bigint CHECK (VALUE > 0);
CREATE DOMAIN small_number AS number CHECK (VALUE < 1000);
CREATE TABLE p_smallint (id smallint PRIMARY KEY, score bigint);
CREATE TABLE p_int (id int PRIMARY KEY, score bigint);
CREATE TABLE p_bigint (id bigint PRIMARY KEY, score bigint);
CREATE TABLE p_numeric (id numeric PRIMARY KEY, score bigint);
CREATE TABLE p_uuid (id uuid PRIMARY KEY, score bigint);
CREATE TABLE p_text (id text PRIMARY KEY, score bigint);
CREATE TABLE p_varchar (id varchar(40) PRIMARY KEY, score bigint);
CREATE TABLE p_char (id char(40) PRIMARY KEY, score bigint);
CREATE TABLE p_domain (id number PRIMARY KEY, score bigint);
CREATE TABLE p_domain_of_a_domain (id small_number PRIMARY KEY, score bigint);
SELECT t, leadscore.attach_person(t, t::text, score => 'score')
FROM unnest('{p_smallint,p_int,p_bigint,p_numeric,p_uuid,p_text,p_varchar,p_char,p_domain}'::regclass[]) t;
SELECT leadscore.attach_person('p_domain_of_a_domain', 'p_domain_of_a_domain', score => 'score');
-- Its activities refer to it in a column of the same type, and have a key of that type.
CREATE TABLE a_smallint (id smallint PRIMARY KEY, p smallint);
CREATE TABLE a_int (id int PRIMARY KEY, p int);
CREATE TABLE a_bigint (id bigint PRIMARY KEY, p bigint);
CREATE TABLE a_numeric (id numeric PRIMARY KEY, p numeric);
CREATE TABLE a_uuid (id uuid PRIMARY KEY, p uuid);
CREATE TABLE a_text (id text PRIMARY KEY, p text);
CREATE TABLE a_varchar (id varchar(40) PRIMARY KEY, p varchar(40));
CREATE TABLE a_char (id char(40) PRIMARY KEY, p char(40));
CREATE TABLE a_domain (id number PRIMARY KEY, p number);
CREATE TABLE a_domain_of_a_domain (id small_number PRIMARY KEY, p small_number);
SELECT t, leadscore.attach_activity(t, 'call', person => 'p', person_kind => replace(t::text, 'a_', 'p_'))
FROM unnest('{a_smallint,a_int,a_bigint,a_numeric,a_uuid,a_text,a_varchar,a_char,a_domain}'::regclass[]) t;
SELECT leadscore.attach_activity('a_domain_of_a_domain', 'call', person => 'p', person_kind => 'p_domain_of_a_domain');
DO $$
DECLARE
    t text;
    k text;
BEGIN
    FOREACH t IN ARRAY '{smallint,int,bigint,numeric,uuid,text,varchar,char,domain,domain_of_a_domain}'::text[] LOOP
        k := CASE t WHEN 'uuid' THEN '00000000-0000-0000-0000-00000000000' WHEN 'text' THEN ' It''s "7", \ ü\n ' WHEN 'varchar' THEN '' WHEN 'char' THEN 'k' ELSE '' END;
        EXECUTE format('INSERT INTO p_%s (id) VALUES (%L), (%L)', t, k || '1', k || '2');
        -- Three calls of the first, two of the second; one moves, one is renumbered and one goes.
        EXECUTE format('INSERT INTO a_%1$s VALUES (%2$L, %2$L), (%3$L, %2$L), (%4$L, %2$L), (%5$L, %3$L), (%6$L, %3$L)', t, k || '1', k || '2', k || '3', k || '4', k || '5');
        EXECUTE format('UPDATE a_%s SET p = %L WHERE id = %L', t, k || '2', k || '1');
        EXECUTE format('UPDATE a_%s SET id = %L WHERE id = %L', t, k || '9', k || '2');
        EXECUTE format('DELETE FROM a_%s WHERE id = %L', t, k || '3');
    END LOOP;
END $$;
-- The first has one left, the second three.
SELECT kind, array_agg(score ORDER BY external_id) AS scores, min(external_id) AS first_key FROM leadscore.person GROUP BY kind ORDER BY kind;
SELECT 'numeric' AS type, array_agg(score ORDER BY id) FROM p_numeric UNION ALL SELECT 'char', array_agg(score ORDER BY id) FROM p_char
UNION ALL SELECT 'uuid', array_agg(score ORDER BY id) FROM p_uuid UNION ALL SELECT 'domain', array_agg(score ORDER BY id) FROM p_domain;
:verify
-- A number is the same in any type, and so is a text.
CREATE TABLE mixed (id int PRIMARY KEY, big bigint, decimal numeric(12,2), short smallint, words varchar(60), padded char(60));
SELECT leadscore.attach_activity('mixed', 'call', person => 'decimal', person_kind => 'p_smallint');
INSERT INTO mixed (id, decimal) VALUES (1, 1);
SELECT score FROM p_smallint WHERE id = 1;
SELECT leadscore.detach('mixed', keep => false);
SELECT leadscore.attach_activity('mixed', 'call', person => 'padded', person_kind => 'p_varchar');
INSERT INTO mixed (id, padded) VALUES (2, '1');
SELECT score FROM p_varchar WHERE id = '1';
SELECT leadscore.detach('mixed', keep => false);
SELECT leadscore.attach_activity('mixed', 'call', person => 'short', person_kind => 'p_numeric');
INSERT INTO mixed (id, short) VALUES (3, 1);
SELECT score FROM p_numeric WHERE id = 1;
:verify
-- The primary key tells rows apart whatever it is made of; so does a unique column, but none that is not.
CREATE TABLE composite (branch int, number int, code text UNIQUE, note text, shifted int, PRIMARY KEY (branch, number));
SELECT leadscore.attach_person('composite', 'whole');
SELECT leadscore.attach_person('composite', 'composite', key => 'number');
\echo :LAST_ERROR_SQLSTATE
-- Nor will an index on an expression or on part of the rows do. A deferrable constraint will: it is unique at commit.
CREATE UNIQUE INDEX ON composite (lower(note));
CREATE UNIQUE INDEX ON composite (note) WHERE branch = 1;
SELECT leadscore.attach_person('composite', 'composite', key => 'note');
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE composite ADD UNIQUE (shifted) DEFERRABLE INITIALLY DEFERRED;
SELECT leadscore.attach_person('composite', 'shifted', key => 'shifted');
SELECT leadscore.detach('composite', keep => false);
-- A column that an index includes is no part of its key, and an index that could not be built keeps nothing unique.
CREATE TABLE included (number int, beside int, twice int, PRIMARY KEY (number) INCLUDE (beside));
SELECT leadscore.attach_person('included', 'included', key => 'beside');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO included VALUES (1, 1, 1), (2, 1, 1);
CREATE UNIQUE INDEX CONCURRENTLY ON included (twice);
SELECT leadscore.attach_person('included', 'included', key => 'twice');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_person('included', 'included');
SELECT leadscore.attach_person('composite', 'composite', key => 'code');
-- A row without a key is nobody until it has one.
INSERT INTO composite VALUES (1, 1, 'a'), (1, 2, NULL);
SELECT external_id, score FROM leadscore.person WHERE kind = 'composite' ORDER BY 1;
UPDATE composite SET code = 'b' WHERE number = 2;
SELECT external_id, score FROM leadscore.person WHERE kind = 'composite' ORDER BY 1;
UPDATE composite SET code = NULL WHERE number = 1;
SELECT external_id, score FROM leadscore.person WHERE kind = 'composite' ORDER BY 1;
CREATE TABLE no_key (id int);
SELECT leadscore.attach_person('no_key', 'no_key');
\echo :LAST_ERROR_SQLSTATE
-- A key that is no longer unique is for doctor() to find.
CREATE TABLE once (id int PRIMARY KEY);
SELECT leadscore.attach_person('once', 'once');
ALTER TABLE once DROP CONSTRAINT once_pkey;
RESET ROLE;
SELECT severity, finding, detail, remedy FROM leadscore.doctor() WHERE finding LIKE '%unique%';
SELECT remedy FROM leadscore.doctor() WHERE finding LIKE '%unique%' \gexec
SELECT finding FROM leadscore.doctor() WHERE finding LIKE '%unique%';
SET ROLE regress_application;
-- By some collations texts are equal that are not the same. Only ICU has them, and not every server has ICU; the catalog says so all the same.
CREATE COLLATION lax FROM "C";
CREATE TABLE loose (id text COLLATE lax PRIMARY KEY, number int UNIQUE, other text COLLATE lax);
RESET ROLE;
UPDATE pg_collation SET collisdeterministic = false WHERE collname = 'lax';
SET ROLE regress_application;
SELECT leadscore.attach_person('loose', 'loose');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_activity('loose', 'call', key => 'number', person => 'other', person_kind => 'loose');
\echo :LAST_ERROR_SQLSTATE
SELECT leadscore.attach_person('loose', 'loose', key => 'number', status => 'other');
CREATE TABLE strange (at timestamptz PRIMARY KEY);
SELECT leadscore.attach_person('strange', 'strange');
\echo :LAST_ERROR_SQLSTATE
:verify
