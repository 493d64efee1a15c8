{{- /* Is the row T one of those that are meant? */ -}}
{{- if .Nameless}}IFNULL(T.user_id, '') = '' AND T.{{ident .Nameless}} IN UNNEST(@ids)
{{- else}}TO_HEX(SHA256(LOWER(T.user_id))) IN UNNEST(@hashes){{end}}
{{- /* no line break */ -}}
