{{- /* Whom customers call this. */ -}}
SELECT DISTINCT user_id
FROM (
    {{template "named.sql" .}}
)
WHERE user_id != '' AND client_user_id IN (SELECT unnest(?::VARCHAR[]))
ORDER BY user_id
