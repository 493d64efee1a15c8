{{- /* People, and what customers call them. */ -}}
{{range $i, $t := .}}{{if $i}}
    UNION {{end}}SELECT user_id, client_user_id FROM store.{{ident $t}}{{end}}
{{- /* no line break */ -}}
