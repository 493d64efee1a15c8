{{- /* The record of all erasures. A row may be there twice. */ -}}
SELECT {{idents .Columns}}{{range .Lists}}, {{ident .}}{{end}}
FROM {{table "erasures"}}
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (
    PARTITION BY {{idents .Columns}}{{range .Lists}}, TO_JSON_STRING({{ident .}}){{end}} ORDER BY recorded_at
) = 1
ORDER BY recorded_at, erasure_id, entry, table_name
