{{- /* The rows that facts are: a table of the connection's own, in their order, which DuckDB numbers from 0. */ -}}
CREATE TEMP TABLE facts AS
SELECT {{range $i, $c := .Columns}}{{if $i}}, {{end}}
    {{- if $c.Repeated}}coalesce({{ident $c.Name}}, []) AS {{ident $c.Name}}
    {{- else if eq $c.Type "JSON"}}{{ident $c.Name}}::VARCHAR AS {{ident $c.Name}}
    {{- else}}{{ident $c.Name}}{{end}}
    {{- end}}
FROM store.{{ident .Table}}
WHERE {{template "asked.sql" .}}
ORDER BY user_id{{if .HasResource}}, resource{{end}}
