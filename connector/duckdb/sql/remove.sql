{{- /* Whole rows are replaced: DuckDB would do it like this itself. */ -}}
DELETE FROM store.{{ident .Table}} AS T
USING matched
WHERE T.rowid = matched.held AND matched.newer
