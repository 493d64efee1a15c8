{{- /* What somebody has had fetched by hand, of some users. */ -}}
SELECT user_id, subject
FROM {{table "fetches"}}
WHERE notice = 'command' AND NOT _deleted AND user_id IN UNNEST(@users)
ORDER BY user_id, subject
