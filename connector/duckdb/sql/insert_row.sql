INSERT INTO {{ident .Database}}.store.{{ident .Table.Name}} (
{{- range $i, $c := .Table.Columns}}{{if $i}}, {{end}}{{ident $c.Name}}{{end}})
VALUES {{range $r := .Rows}}{{if $r}},
    {{end}}({{range $i, $c := $.Table.Columns}}{{if $i}}, {{end}}?::{{type $c}}{{end}}){{end}}
