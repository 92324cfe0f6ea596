-- What pg_cron did. Variable: before, the last run before pg_cron was asked.

\pset title 'What pg_cron says of it'
SELECT runid, database, username AS "user", command, status, return_message AS message, to_char(start_time, 'HH24:MI:SS') AS started
FROM cron.job_run_details ORDER BY runid DESC LIMIT 1;

\pset title 'What leadscore says of it'
SELECT run_id, scored_on, to_char(started_at, 'HH24:MI:SS') AS started,
       round(extract(epoch FROM finished_at - started_at) * 1000) || ' ms' AS took,
       records_added AS "records added", records_removed AS "records removed", persons_changed AS "persons changed",
       categories_changed AS "categories changed"
FROM leadscore.run WHERE run_id > :before ORDER BY run_id LIMIT 1;
