SELECT COUNT(*) AS merges
FROM `project.health_store.merges`
WHERE merged_at >= TIMESTAMP '2026-11-22 10:00:00.123456+00' AND table_name = 'timeseries' AND job_id = @job_id
