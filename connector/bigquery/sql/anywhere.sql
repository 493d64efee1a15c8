{{- /* Any partition. Somebody may have a filter required of whoever reads logs, or a table by whose key it is partitioned. */ -}}
{{- if .OfLog}}T._appended_at >= {{timestamp .Begin}} AND {{else if .KeyDay}}T.{{ident .KeyDay}} >= {{timestamp .Begin}} AND {{end}}
{{- /* no line break */ -}}
