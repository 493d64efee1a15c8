CREATE TABLE IF NOT EXISTS store.{{ident .Name}} (
{{- range $i, $c := .Columns}}{{if $i}},{{end}}
    {{ident $c.Name}} {{type $c}}{{if $c.Required}} NOT NULL{{end}}
{{- end}}
)
