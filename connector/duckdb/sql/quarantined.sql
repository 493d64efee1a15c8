{{- /* All rows of some messages in quarantine. Their bytes are not read unless they are asked for. */ -}}
SELECT message_id, _index, part, published_at, _version_at, coalesce(reason, ''), coalesce(attributes::VARCHAR, ''),
    {{if .Payload}}payload{{else}}NULL::BLOB{{end}}
FROM store.quarantine
WHERE NOT _deleted AND message_id IN (SELECT unnest(?::VARCHAR[]))
ORDER BY message_id, _index, part
