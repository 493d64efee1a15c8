SELECT IFNULL(SUM(bytes_billed), 0) AS bytes_billed
FROM `project.health_store.merges`
WHERE merged_at >= TIMESTAMP '2026-11-23 00:00:00+00'
