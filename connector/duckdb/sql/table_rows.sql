{{range $i, $t := .Tables}}{{if $i}}
UNION ALL {{end}}SELECT {{literal $t}} AS table_name, count(*) FROM store.{{ident $t}}{{end}}
