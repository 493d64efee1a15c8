{{- /* The rows to be merged, one a key. */ -}}
CREATE OR REPLACE TEMP TABLE staged AS
SELECT {{range $i, $c := .Columns}}{{if $i}}, {{end}}
{{- if eq $c $.Sticky}}winners.sticky AS {{ident $c}}{{else}}log.{{ident $c}}{{end}}
{{- end}}
FROM store.{{ident .Log}} AS log
JOIN winners ON log.rowid = winners.winner
WHERE log._batch_id IN (SELECT unnest(?::VARCHAR[])) AND log._appended_at >= ?
