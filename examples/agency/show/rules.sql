-- The rules and categories in words, one line each.

\pset title
\pset tuples_only on
\pset format unaligned

SELECT format('  %5s  %s: %s%s.',
    CASE WHEN r.points > 0 THEN '+' ELSE '−' END || abs(r.points),
    r.name,
    CASE r.kind
        WHEN 'activity' THEN
            format('for each %s%s%s%s', what, w.who,
                   CASE WHEN r.relevant_for IS NULL THEN ', for ever' ELSE ', for ' || w.relevant_for END,
                   CASE WHEN r.decay = 'linear' THEN ', less every day' ELSE '' END)
        ELSE
            format('after %s without any %s%s%s', w.inactive_for, what, w.who,
                   CASE WHEN r.repeat_every IS NULL THEN ''
                        ELSE format(', again every %s%s', w.repeat_every,
                                    CASE WHEN r.max_repeats IS NULL THEN '' ELSE format(', %s times at most', r.max_repeats) END)
                   END)
    END,
    CASE WHEN r.max_per_day = 1 THEN ', once a day' WHEN r.max_per_day > 1 THEN format(', %s a day at most', r.max_per_day) ELSE '' END
    || CASE WHEN r.max_counted = 1 THEN ', the newest one only' WHEN r.max_counted > 1 THEN format(', the newest %s', r.max_counted) ELSE '' END)
FROM leadscore.rule AS r
CROSS JOIN LATERAL (
    SELECT coalesce(replace(array_to_string(r.activity_types, ' or '), '_', ' '), 'activity')
           || coalesce(' with ' || (SELECT string_agg(key || ' = ' || value, ', ') FROM jsonb_each_text(r.condition)), '') AS what
) AS t
CROSS JOIN LATERAL (
    SELECT coalesce(' of a ' || nullif(concat_ws(' ', array_to_string(r.statuses, ' or '), array_to_string(r.person_kinds, ' or ')), ''), '') AS who,
           replace(replace(r.relevant_for::text, 'mons', 'months'), '1 mon', '1 month') AS relevant_for,
           replace(replace(r.inactive_for::text, 'mons', 'months'), '1 mon', '1 month') AS inactive_for,
           replace(replace(r.repeat_every::text, 'mons', 'months'), '1 mon', '1 month') AS repeat_every
) AS w
WHERE r.enabled
ORDER BY r.kind, r.rule_id;

\echo
SELECT '  ' || string_agg(name || CASE WHEN min_score IS NULL THEN format(': below %s', next) ELSE format(': from %s', min_score) END,
                         '  ·  ' ORDER BY min_score NULLS FIRST)
FROM (SELECT person_kind, name, min_score, lead(min_score) OVER (PARTITION BY person_kind ORDER BY min_score NULLS FIRST) AS next
      FROM leadscore.category) AS c
GROUP BY person_kind
ORDER BY person_kind NULLS FIRST;

\pset tuples_only off
\pset format aligned
