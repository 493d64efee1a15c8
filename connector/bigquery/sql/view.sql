SELECT {{idents .Columns}}
FROM {{table .Table.Name}}
{{- if .Versioned}}
WHERE NOT _deleted
{{- if .Resource}}
  AND resource = {{literal .Resource}}
{{- end}}
{{- end}}
