{{- /* How many rows of a table are some people's, and of its log: to be removed now, and later. */ -}}
{{template "people.sql" .}},
found AS (
    SELECT user_id, count(*) AS in_table, 0 AS in_log, 0 AS waiting
    FROM store.{{ident .Table}}
    WHERE user_id IN (SELECT user_id FROM people)
    GROUP BY user_id
    UNION ALL
    SELECT user_id, 0, count(*) FILTER (removable), count(*) FILTER (NOT removable)
    FROM (SELECT user_id, {{template "removable.sql"}} AS removable FROM store.{{ident .Log}})
    WHERE user_id IN (SELECT user_id FROM people)
    GROUP BY user_id
)
SELECT user_hash, sum(in_table)::BIGINT, sum(in_log)::BIGINT, sum(waiting)::BIGINT
FROM found
JOIN people USING (user_id)
GROUP BY user_hash
ORDER BY user_hash
