{{range $i, $t := .Tables}}{{if $i}}
UNION ALL {{end}}SELECT {{literal $t}} AS table_name, n FROM store.{{ident (fence $t)}}{{end}}
