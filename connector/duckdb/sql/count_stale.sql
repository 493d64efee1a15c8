{{- /* Rows of which the table holds this version or a newer one. */ -}}
SELECT count(*)
FROM winners AS S
JOIN store.{{ident .Table}} AS T ON {{on .Key}}
WHERE T._version >= S._version
{{- if .Sticky}}
  AND NOT {{template "earlier.sql" .}}
{{- end}}
