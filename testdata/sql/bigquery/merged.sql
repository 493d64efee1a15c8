SELECT batch_id, table_name, lane, catalogue_version, appended_at, `rows`, days, rows_without_day, resources
FROM `project.health_store.batches` AS b
WHERE b.registered_at >= TIMESTAMP '2026-11-22 10:00:00.123456+00' AND b.appended_at >= TIMESTAMP '2026-11-23 10:00:00.123456+00'
    AND b.batch_id IN (SELECT id FROM `project.health_store.merges` AS m, UNNEST(m.batch_ids) AS id WHERE m.merged_at >= TIMESTAMP '2026-11-22 10:00:00.123456+00')
QUALIFY ROW_NUMBER() OVER (PARTITION BY b.batch_id ORDER BY b.registered_at) = 1
ORDER BY appended_at, batch_id
