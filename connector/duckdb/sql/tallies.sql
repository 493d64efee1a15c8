{{- /* How many rows there are of each person, resource and provider, and the newest, but for those deleted. */ -}}
SELECT user_id, {{if .HasResource}}resource{{else}}''{{end}}, {{if .Provider}}coalesce({{ident .Provider}}, ''){{else}}''{{end}}, count(*),
    {{if .DayColumn}}max({{ident .DayColumn}}){{else}}NULL::DATE{{end}}
FROM store.{{ident .Table}}
WHERE NOT _deleted AND {{template "asked.sql" .}}
GROUP BY ALL
