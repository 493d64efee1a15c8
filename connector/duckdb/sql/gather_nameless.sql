{{- /* The rows of a table or log that name no user: a table of the connection's own, in their order, which DuckDB numbers from 0. */ -}}
CREATE TEMP TABLE facts AS
SELECT {{ident .ID}} AS id, {{if .InLog}}_batch_id{{else}}''{{end}} AS batch, {{.Index}} AS index, {{.Part}} AS part,
    coalesce({{ident .Text}}::VARCHAR, '') AS text, {{.Payload}} AS payload, strlen(coalesce({{ident .Text}}::VARCHAR, '')) + coalesce(octet_length({{.Payload}}), 0) AS bytes
FROM store.{{if .InLog}}{{ident .Log}}{{else}}{{ident .Table}}{{end}}
WHERE {{template "no_user.sql"}}
ORDER BY id, batch, index, part
