{{- /* Users of the log's rows of batches who are erased, as the rows spell them. A hash is computed once for each. */ -}}
WITH users AS MATERIALIZED (
    SELECT DISTINCT log.user_id FROM store.{{ident .Log}} AS log WHERE {{template "batches.sql"}}
)
SELECT user_id FROM users WHERE sha256(lower(user_id)) IN ({{template "erased.sql"}})
{{- /* no line break */ -}}
