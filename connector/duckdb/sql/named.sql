{{- /* People, and what customers call them: in logs too, for of who is erased nothing is folded any more. */ -}}
{{range $i, $t := .}}{{if $i}}
    UNION {{end}}SELECT user_id, client_user_id FROM store.{{ident $t}}
    UNION SELECT user_id, client_user_id FROM store.{{ident (print $t "_log")}}{{end}}
{{- /* no line break */ -}}
