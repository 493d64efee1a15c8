{{- /* How many facts of some users there are, and the newest. Nothing is grouped by that is the same in all rows. */ -}}
SELECT T.user_id, {{if .ByResource}}T.resource{{else}}CAST(NULL AS STRING) AS resource{{end}},
    {{with .Provider}}T.{{ident .}}{{else}}CAST(NULL AS STRING){{end}} AS provider,
    COUNT(*) AS facts, {{with .Day}}MAX(T.{{ident .}}){{else}}CAST(NULL AS TIMESTAMP){{end}} AS newest
FROM {{table .Table}} AS T
WHERE {{.Asked.SQL "T"}} AND NOT T._deleted
GROUP BY T.user_id{{if .ByResource}}, T.resource{{end}}{{with .Provider}}, T.{{ident .}}{{end}}
