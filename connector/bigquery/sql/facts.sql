{{- /* Rows of some users in a latest table, tombstones too. They are read in this order, and not kept. */ -}}
SELECT {{range $i, $c := .Columns}}{{if $i}}, {{end}}T.{{ident $c}}{{end}}
FROM {{table .Table}} AS T
WHERE {{.Asked.SQL "T"}}
ORDER BY T.user_id{{if .ByResource}}, T.resource{{end}}
