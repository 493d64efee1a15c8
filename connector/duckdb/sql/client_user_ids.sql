{{- /* What customers call some people. A hash is computed once for each. */ -}}
WITH named AS MATERIALIZED (
    {{template "named.sql" .}}
)
SELECT DISTINCT client_user_id
FROM named
WHERE client_user_id != '' AND sha256(lower(user_id)) IN (SELECT unnest(?::VARCHAR[]))
ORDER BY client_user_id
