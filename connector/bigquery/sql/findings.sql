{{- /* What a run of reconcile found, or the marks of all runs since a time. A row may be there twice. */ -}}
SELECT {{idents .Columns}}
FROM {{table "reconciliations"}}
WHERE {{if .OfRun}}run_id = @run{{else}}started_at >= {{timestamp .Since}} AND check_name IN ({{.Marks}}){{end}}
QUALIFY ROW_NUMBER() OVER (
    PARTITION BY run_id, part, check_name, table_name, resource, provider, day ORDER BY recorded_at
) = 1
ORDER BY started_at, run_id, part, check_name, table_name, resource, provider, day
