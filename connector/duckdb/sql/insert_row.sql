INSERT INTO {{ident .Database}}.store.{{ident .Table.Name}} (
{{- range $i, $c := .Table.Columns}}{{if $i}}, {{end}}{{ident $c.Name}}{{end}})
VALUES ({{range $i, $c := .Table.Columns}}{{if $i}}, {{end}}?::{{type $c}}{{end}})
