{{- /* Rows on some days: between the first and the last, which DuckDB can skip others by, and on one of them. */ -}}
{{- if .Day}}{{ident .Day}} >= $1 AND {{ident .Day}} < $2 AND {{ident .Day}}::DATE IN (SELECT unnest($3::DATE[])){{else}}TRUE{{end}}
{{- /* no line break */ -}}
