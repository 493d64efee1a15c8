{{- /* Rows beside one of the same key with a greater version, or with the same one and an earlier number. */ -}}
CREATE OR REPLACE TEMP TABLE surplus AS
SELECT rowid AS row
FROM store.{{ident .Table}}
WHERE {{template "on_days.sql" .}} AND hash({{idents .Key}}) IN ({{template "shared.sql" .}})
QUALIFY row_number() OVER (PARTITION BY {{idents .Key}} ORDER BY _version DESC, rowid) > 1
