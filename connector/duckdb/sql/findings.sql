{{- /* What runs of reconcile found: of one run, or the marks of all since a time. A row may be there twice. */ -}}
SELECT DISTINCT ON (run_id, part, check_name, table_name, resource, provider, "day") {{idents .Columns}}
FROM store.reconciliations
WHERE {{if .Run}}run_id = ?{{else}}started_at >= ? AND check_name IN ({{range $i, $m := .Marks}}{{if $i}}, {{end}}{{literal $m}}{{end}}){{end}}
ORDER BY started_at, run_id, part, check_name, table_name, resource, provider, "day"
