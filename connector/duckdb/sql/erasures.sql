{{- /* The record of erasures. A row may be there twice. */ -}}
SELECT DISTINCT {{idents .Columns}}
FROM store.erasures
ORDER BY recorded_at, erasure_id, entry, table_name
