{{- /* Batches that a merge has taken. The registry may hold one twice. */ -}}
SELECT DISTINCT b.batch_id, b.table_name, b.lane, b.catalogue_version, b.appended_at, b.rows,
    b.days, b.rows_without_day, b.resources
FROM store.batches AS b
WHERE b.appended_at >= ? AND b.batch_id IN (SELECT unnest(batch_ids) FROM store.merges)
ORDER BY b.appended_at, b.batch_id
