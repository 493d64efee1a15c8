{{- /* All rows of some messages in quarantine. Their bytes are not read unless they are asked for: they would be paid for. */ -}}
SELECT message_id, _index, part, published_at, _version_at, reason, attributes
{{- if .Payload}}, payload{{end}}
FROM {{table "quarantine"}}
WHERE NOT _deleted AND message_id IN UNNEST(@ids)
ORDER BY message_id, _index, part
