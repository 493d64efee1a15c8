SELECT b.batch_id, b.table_name, b.lane, b.catalogue_version, b.appended_at, b.`rows`, b.days, b.rows_without_day, b.resources
FROM `project.health_store.batches` AS b
WHERE b.batch_id NOT IN (SELECT id FROM `project.health_store.merges` AS m, UNNEST(m.batch_ids) AS id)
QUALIFY ROW_NUMBER() OVER (PARTITION BY b.batch_id ORDER BY b.registered_at) = 1
ORDER BY b.appended_at, b.batch_id
