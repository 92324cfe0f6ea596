-- Whom to call first.

\pset title 'The ten to call first'
SELECT row_number() OVER (ORDER BY p.score DESC, p.last_activity_at DESC, p.person_id) AS " ",
       coalesce(c.name, k.name) AS name,
       coalesce(c.profession, 'Contact at ' || k.company) AS "who is",
       p.owner AS recruiter, p.score, p.category,
       to_char(p.last_activity_at, 'DD Mon') || ', ' || (SELECT replace(activity_type, '_', ' ') FROM leadscore.activity AS a
                                                        WHERE a.person_id = p.person_id ORDER BY occurred_at DESC, activity_id DESC LIMIT 1)
           AS "last activity"
FROM leadscore.person AS p
LEFT JOIN agency.candidate AS c ON p.kind = 'candidate' AND p.external_id = c.candidate_id::text
LEFT JOIN agency.contact AS k ON p.kind = 'contact' AND p.external_id = k.contact_id::text
WHERE p.status IS DISTINCT FROM 'placed'
ORDER BY 1
LIMIT 10;
