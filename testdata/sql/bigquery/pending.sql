WITH registered AS (
    SELECT b.*
    FROM `project.health_store.batches` AS b
    WHERE b.batch_id NOT IN (SELECT id FROM `project.health_store.merges` AS m, UNNEST(m.batch_ids) AS id)
    QUALIFY ROW_NUMBER() OVER (PARTITION BY b.batch_id ORDER BY b.registered_at) = 1
)
SELECT batch_id, table_name, lane, catalogue_version, appended_at, `rows`, days, rows_without_day, resources
FROM registered
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY table_name, lane, catalogue_version > 5 ORDER BY appended_at, batch_id) <= 500
ORDER BY appended_at, batch_id
