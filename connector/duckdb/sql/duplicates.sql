{{- /* Keys that have several rows: how many, and the first of them. */ -}}
SELECT count(*) OVER (), {{idents .Key}}
FROM store.{{ident .Table}}
WHERE {{template "on_days.sql" .}} AND hash({{idents .Key}}) IN ({{template "shared.sql" .}})
GROUP BY {{idents .Key}}
HAVING count(*) > 1
ORDER BY {{idents .Key}}
LIMIT {{.Most}}
