{{- /* The registry may hold a batch twice. */ -}}
SELECT b.batch_id, b.table_name, b.lane, b.catalogue_version, b.appended_at, b.`rows`, b.days, b.rows_without_day, b.resources
FROM {{table "batches"}} AS b
WHERE b.batch_id NOT IN (SELECT id FROM {{table "merges"}} AS m, UNNEST(m.batch_ids) AS id)
QUALIFY ROW_NUMBER() OVER (PARTITION BY b.batch_id ORDER BY b.registered_at) = 1
ORDER BY b.appended_at, b.batch_id
