-- All scoring is in local days of leadscore.settings.time_zone, whatever the session's own time zone is.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /sql/include/application.psql
\i :setup
UPDATE leadscore.settings SET time_zone = 'Europe/Amsterdam';

-- Winter, one hour ahead of UTC: the 15th ends at 23:00 UTC.
SELECT leadscore.scoring_day('2026-01-15 22:59:59+00') AS "15 January", leadscore.scoring_day('2026-01-15 23:00+00') AS "16 January";
-- Summer, two hours ahead: the 15th ends at 22:00 UTC.
SELECT leadscore.scoring_day('2026-07-15 21:59:59+00') AS "15 July", leadscore.scoring_day('2026-07-15 22:00+00') AS "16 July";
-- 29 March 2026 has 23 hours, from 23:00 UTC the day before to 22:00 UTC.
SELECT leadscore.scoring_day('2026-03-28 22:59:59+00') AS "28 March", leadscore.scoring_day('2026-03-28 23:00+00') AS "29 March",
       leadscore.scoring_day('2026-03-29 21:59:59+00') AS "29 March", leadscore.scoring_day('2026-03-29 22:00+00') AS "30 March";
-- 25 October 2026 has 25 hours, from 22:00 UTC the day before to 23:00 UTC.
SELECT leadscore.scoring_day('2026-10-24 21:59:59+00') AS "24 October", leadscore.scoring_day('2026-10-24 22:00+00') AS "25 October",
       leadscore.scoring_day('2026-10-25 22:59:59+00') AS "25 October", leadscore.scoring_day('2026-10-25 23:00+00') AS "26 October";
-- The session's time zone plays no part.
SET timezone = 'Pacific/Auckland';
SELECT leadscore.scoring_day('2026-03-29 21:59:59+00') AS "29 March", leadscore.scoring_day('2026-03-29 22:00+00') AS "30 March";
SET timezone = 'UTC';
SELECT leadscore.scoring_day(NULL) IS NULL AS "no instant, no day";
SELECT leadscore.scoring_day() = leadscore.scoring_day(now()) AS "the default is now";

-- A rule for one day counts from local midnight to local midnight, over both changes of the clock.
INSERT INTO leadscore.activity_type VALUES ('call');
INSERT INTO leadscore.rule (name, points, relevant_for) VALUES ('Call', 10, '1 day');
INSERT INTO leadscore.person (person_id, kind, since) VALUES (1, 'candidate', '2026-01-01');
SELECT scored_on FROM leadscore_recompute('2026-03-28 23:00+00');
-- The first and the last second of 29 March, and the first of 30 March: it is 29 March, and the clock of this
-- server is past that, so what is dated on the 30th has happened since and counts too: 3 x 10.
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES
    (1, 'call', '2026-03-28 23:00+00'), (1, 'call', '2026-03-29 21:59:59+00'), (1, 'call', '2026-03-29 22:00+00');
SELECT score FROM leadscore.person;
SELECT counts_from, counts_until FROM leadscore.score_record ORDER BY 1, 2;
-- Still 29 March: two calls, and the third begins tomorrow.
SELECT scored_on FROM leadscore_recompute('2026-03-29 21:59:59+00', full_rebuild => true);
SELECT score FROM leadscore.person;
-- 30 March: the third call alone.
SELECT scored_on FROM leadscore_recompute('2026-03-29 22:00+00');
SELECT score FROM leadscore.person;
-- 25 October: calls at both of its ends count together.
SELECT scored_on FROM leadscore_recompute('2026-10-25 22:59:59+00');
INSERT INTO leadscore.activity (person_id, activity_type, occurred_at) VALUES
    (1, 'call', '2026-10-24 21:59:59+00'), (1, 'call', '2026-10-24 22:00+00'), (1, 'call', '2026-10-25 22:59:59+00');
SELECT score FROM leadscore.person;
SELECT scored_on FROM leadscore_recompute('2026-10-25 23:00+00');
SELECT score FROM leadscore.person;
SELECT * FROM leadscore.verify();

-- Another time zone takes effect at the next run. In UTC, the call of 24 October 21:59:59 and the one of 22:00
-- are both on the 24th, and that of 25 October 22:59:59 is on the 25th.
UPDATE leadscore.settings SET time_zone = 'UTC';
SELECT scored_on FROM leadscore_recompute('2026-10-24 12:00+00');
SELECT score FROM leadscore.person;
SELECT scored_on FROM leadscore_recompute('2026-10-25 12:00+00');
SELECT score FROM leadscore.person;

-- Where the clock goes forward at midnight, the day begins at one o'clock: 4 November 2018 in São Paulo at 03:00 UTC.
UPDATE leadscore.settings SET time_zone = 'America/Sao_Paulo';
SELECT leadscore.scoring_day('2018-11-04 02:59:59+00') AS "3 November", leadscore.scoring_day('2018-11-04 03:00+00') AS "4 November";
