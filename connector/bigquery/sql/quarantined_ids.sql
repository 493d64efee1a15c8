{{- /* Messages in quarantine, those after one, and only for some reasons if any are named. */ -}}
SELECT message_id, MAX(payload_bytes) AS payload_bytes
FROM {{table "quarantine"}}
WHERE NOT _deleted AND message_id > @after
GROUP BY message_id
{{- if .ByReason}}
HAVING COUNTIF(reason IN UNNEST(@reasons)) > 0
{{- end}}
ORDER BY message_id
LIMIT {{.Most}}
