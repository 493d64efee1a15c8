SELECT `run_id`, `started_at`, `recorded_at`, `part`, `check_name`, `table_name`, `resource`, `provider`, `day`, `users`, `expected`, `found`, `drift`, `unsettled`, `repaired`, `examples`, `requests`, `bytes`, `outcome`, `details`
FROM `project.health_store.reconciliations`
