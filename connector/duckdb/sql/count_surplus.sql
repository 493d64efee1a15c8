{{- /* Rows that there are beyond one for each key. */ -}}
SELECT coalesce(sum(beyond), 0)::BIGINT
FROM (
    SELECT count(*) - 1 AS beyond
    FROM store.{{ident .Table}}
    WHERE {{template "on_days.sql" .}} AND hash({{idents .Key}}) IN ({{template "shared.sql" .}})
    GROUP BY {{idents .Key}}
)
