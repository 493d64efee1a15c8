SELECT DISTINCT b.batch_id, b.table_name, b.lane, b.catalogue_version, b.appended_at, b.rows,
    b.days, b.rows_without_day, b.resources
FROM store.batches AS b
WHERE NOT EXISTS (
    SELECT 1 FROM (SELECT unnest(batch_ids) AS batch_id FROM store.merges) AS m WHERE m.batch_id = b.batch_id
)
ORDER BY b.appended_at, b.batch_id
