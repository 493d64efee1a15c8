{{- /* Which of one kind of ids stand beside those of the other? */ -}}
SELECT DISTINCT {{ident .Wanted}}
FROM (
    {{- range $i, $t := .Tables}}
    {{if $i}}UNION ALL {{end}}SELECT T.{{ident $.Wanted}} FROM {{table $t.From}} AS T WHERE {{template "anywhere.sql" $t}}
    {{- if eq $.Wanted "user_id"}}T.client_user_id IN UNNEST(@client_user_ids){{else}}{{template "theirs.sql" $t}}{{end}}
    {{- end}}
)
WHERE {{ident .Wanted}} != ''
ORDER BY {{ident .Wanted}}
