-- A report on some persons and another scorecard, names and links, and what doctor() says of what waits.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
INSERT INTO leadscore.scorecard (scorecard) VALUES ('fit');
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (name, activity_types, points) VALUES ('Call', '{call}', 10);
INSERT INTO leadscore.rule (name, kind, scorecard, points) VALUES ('Fits', 'profile', 'fit', 7);
INSERT INTO leadscore.category (name, min_score) VALUES ('cold', NULL), ('warm', 5);
INSERT INTO leadscore.category (scorecard, name, min_score) VALUES ('fit', 'poor', NULL), ('fit', 'good', 5);
UPDATE leadscore.settings SET person_url = 'https://app.example/{kind}/{external_id}';
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
INSERT INTO leadscore.person (person_id, kind, external_id, owner, name, tenant, since) VALUES
    (1, 'candidate', 'a/1', 'Ann', 'Ada <b>', 'acme', '2026-03-01'), (2, 'candidate', 'b', 'Ann', NULL, NULL, '2026-03-01'),
    (3, 'contact', 'c', 'Bob', 'Cas', NULL, '2026-03-01');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES (1, 'call', '2026-03-01'), (3, 'call', '2026-03-01');
SELECT page LIKE '%3 persons%' AS three, page LIKE '%Ada &#60;b&#62;</a>%' AS escaped, page LIKE '%href="https://app.example/candidate/a%2F1"%' AS link,
       page LIKE '%candidate b</a>%' AS without_name, page LIKE '%main × fit%' AS grid, page LIKE '%+20<%' AS points
FROM leadscore.report() page;
SELECT page LIKE '%2 personen%' AS two, page LIKE '%Cas%' AS of_others, page LIKE '%+10<%' AS points FROM leadscore.report('nl', owner => 'Ann') page;
SELECT page LIKE '%1 persons%' AS one, page LIKE '%candidate b%' AS of_others FROM leadscore.report(tenant => 'acme') page;
-- Whose person it is stands on every page: by each person, or above all of them.
SELECT leadscore.report() LIKE '%#1 · acme<%' AS by_person, leadscore.person_card(1) LIKE '%#1 · acme<%' AS on_card, leadscore.person_card(3) LIKE '%#3<%' AS of_nobody,
       page LIKE '%#1<%' AS number, page LIKE '% · acme</p>%' AS above FROM leadscore.report(tenant => 'acme') page;
SELECT page LIKE '%+21<%' AS points, page LIKE '%>good<b>3</b>%' AS good FROM leadscore.report(scorecard => 'fit') page;
SELECT leadscore.report(scorecard => 'nothing');
SELECT page LIKE '%<h1><a href%>Cas</a>%' AS name, page LIKE '%fit · good<b>7</b>%' AS fit FROM leadscore.person_card(3) page;
SELECT page LIKE '%main · warm<b>10</b>%' AS main, page LIKE '%>good<b>7</b>%' AS fit FROM leadscore.person_card(3, scorecard => 'fit') page;
-- A tenant with categories of its own has none of the others.
INSERT INTO leadscore.category (tenant, name, min_score) VALUES ('acme', 'slow', NULL), ('acme', 'fast', 8);
SELECT scored_on FROM leadscore_recompute('2026-03-01 12:00');
SELECT * FROM leadscore._bands('acme', NULL, 'main') ORDER BY low;
SELECT * FROM leadscore._bands('acme', 'candidate', 'fit') ORDER BY low;
SELECT * FROM leadscore._bands('other', NULL, 'main') ORDER BY low;
SELECT count(*) FROM leadscore._bands(NULL, NULL, NULL);
SELECT p.person_id, leadscore.person_card(p.person_id) LIKE '%warm%' AS common, leadscore.person_card(p.person_id) LIKE '%fast%' AS own
FROM leadscore.person p WHERE p.person_id IN (1, 3) ORDER BY 1;
-- Whatever the address asks for is filled in, or there is no link.
UPDATE leadscore.settings SET person_url = 'https://app.example/{tenant}/{person_id}';
SELECT p.person_id, leadscore.person_card(p.person_id) LIKE '%href="https://app.example/acme/1"%' AS filled_in,
       leadscore.person_card(p.person_id) LIKE '%<a href%' AS link
FROM leadscore.person p WHERE p.person_id IN (1, 2) ORDER BY 1;
-- Links lead to the web alone, and those without a host to the page's own.
UPDATE leadscore.settings SET person_url = '//other.example/{external_id}';
\echo :LAST_ERROR_SQLSTATE
UPDATE leadscore.settings SET person_url = E'/\t/other.example';
UPDATE leadscore.settings SET person_url = 'https:///{kind}';
UPDATE leadscore.settings SET person_url = 'javascript:alert({external_id})';
UPDATE leadscore.settings SET person_url = NULL;
SELECT page LIKE '%<a href%' AS link FROM leadscore.report() page;
UPDATE leadscore.settings SET person_url = '/{external_id}/card';
UPDATE leadscore.person SET external_id = '', name = ' ' WHERE person_id = 3;
SELECT leadscore.person_card(person_id) LIKE '%<a href%' AS link FROM leadscore.person WHERE person_id IN (1, 3) ORDER BY person_id;
-- An empty name is none.
UPDATE leadscore.person SET external_id = 'c', name = '' WHERE person_id = 3;
SELECT leadscore.person_card(3) LIKE '%>contact c<%' AS called;
SELECT score, category, scorecards FROM leadscore.worklist WHERE person_id = 3;
-- What waits.
SELECT tenant, pending, pending_since FROM leadscore.status;
RESET ROLE;
UPDATE leadscore.settings SET scoring = 'deferred';
INSERT INTO leadscore.pending (person_id, recorded_at) VALUES (1, now() - interval '1 hour'), (1, now()), (2, now());
SELECT tenant, pending, pending_since < now() - interval '59 minutes' AS since FROM leadscore.status;
SELECT severity, regexp_replace(finding, 'since .*', 'since …') AS finding, remedy FROM leadscore.doctor() WHERE finding LIKE '%wait to be scored%';
-- A lowest category is looked for by tenant and scorecard.
INSERT INTO leadscore.category (tenant, scorecard, name, min_score) VALUES ('acme', 'fit', 'top', 50);
SELECT finding, remedy FROM leadscore.doctor() WHERE finding LIKE '%no lowest%';
