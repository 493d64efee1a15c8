INSERT INTO store.{{ident .Table}} ({{idents .Columns}})
SELECT {{range $i, $c := .Columns}}{{if $i}}, {{end}}
    {{- if eq $c $.Sticky}}coalesce(matched.sticky, contested.{{ident $c}}, log.{{ident $c}}){{else}}log.{{ident $c}}{{end}}
    {{- end}}
FROM store.{{ident .Log}} AS log
ANTI JOIN passed_over ON log.rowid = passed_over.row
{{- if .Sticky}}
LEFT JOIN contested ON log.rowid = contested.winner
LEFT JOIN matched ON log.rowid = matched.row
{{- end}}
WHERE {{template "source.sql" .}}
