SELECT DISTINCT ON (run_id, part, check_name, table_name, resource, provider, "day") "run_id", "started_at", "recorded_at", "part", "check_name", "table_name", "resource", "provider", "day", "users", "expected", "found", "drift", "unsettled", "repaired", "examples", "requests", "bytes", "outcome", "details"
FROM store.reconciliations
WHERE run_id = ?
ORDER BY started_at, run_id, part, check_name, table_name, resource, provider, "day"
