{{- /* Messages in quarantine, those after one, and only for some reasons if any are named. */ -}}
SELECT message_id, max(payload_bytes) AS payload_bytes
FROM store.quarantine
WHERE NOT _deleted AND message_id > ?
GROUP BY message_id
{{- if .ByReason}}
HAVING bool_or(list_contains(?::VARCHAR[], reason))
{{- end}}
ORDER BY message_id
LIMIT {{.Most}}
