{{- /* How many rows people have in a table, and in its log how many can be removed, and cannot yet. */ -}}
SELECT user_hash, COUNTIF(NOT logged) AS latest, COUNTIF(logged AND removable) AS log, COUNTIF(logged AND NOT removable) AS waiting
FROM (
    SELECT TO_HEX(SHA256(LOWER(T.user_id))) AS user_hash, FALSE AS logged, TRUE AS removable
    FROM {{table .Table}} AS T
    WHERE {{template "anywhere.sql" .}}{{template "theirs.sql" .}}
    UNION ALL
    SELECT TO_HEX(SHA256(LOWER(T.user_id))), TRUE, {{template "removable.sql" .}}
    FROM {{table .Log}} AS T
    WHERE {{template "anywhere.sql" .Logged}}{{template "theirs.sql" .}}
)
GROUP BY user_hash
ORDER BY user_hash
