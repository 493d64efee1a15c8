SELECT `run_id`, `started_at`, `recorded_at`, `part`, `check_name`, `table_name`, `resource`, `provider`, `day`, `users`, `expected`, `found`, `drift`, `unsettled`, `repaired`, `examples`, `requests`, `bytes`, `outcome`, `details`
FROM `project.health_store.reconciliations`
WHERE started_at >= TIMESTAMP '2026-11-23 10:00:00.123456+00' AND check_name IN ('begun', 'progress', 'run')
QUALIFY ROW_NUMBER() OVER (
    PARTITION BY run_id, part, check_name, table_name, resource, provider, day ORDER BY recorded_at
) = 1
ORDER BY started_at, run_id, part, check_name, table_name, resource, provider, day
