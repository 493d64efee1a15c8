CREATE OR REPLACE VIEW main.{{ident .Name}} AS
SELECT {{idents .Columns}}
FROM store.{{ident .Table.Name}}
{{- if .Versioned}}
WHERE NOT _deleted
{{- if .Resource}}
  AND resource = {{literal .Resource}}
{{- end}}
{{- end}}
