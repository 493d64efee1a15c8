{{- /* Rows that a FactsQuery asks for. */ -}}
user_id IN (SELECT unnest($1::VARCHAR[]))
{{- if .Resources}} AND resource IN (SELECT unnest($2::VARCHAR[])){{end}}
{{- if .Day}} AND ({{if .Dayless}}{{ident .Day}} IS NULL OR {{end}}{{ident .Day}} >= {{.From}}::{{.DayType}} AND {{ident .Day}} < {{.Until}}::{{.DayType}}){{end}}
{{- /* no line break */ -}}
