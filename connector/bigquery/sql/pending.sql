{{- /* Of each table and lane the oldest, for a backlog can be long; those that only a newer vitalsink can fold are not in
       the others' way. The registry may hold a batch twice. */ -}}
WITH registered AS (
    SELECT b.*
    FROM {{table "batches"}} AS b
    WHERE b.batch_id NOT IN (SELECT id FROM {{table "merges"}} AS m, UNNEST(m.batch_ids) AS id)
    QUALIFY ROW_NUMBER() OVER (PARTITION BY b.batch_id ORDER BY b.registered_at) = 1
)
SELECT batch_id, table_name, lane, catalogue_version, appended_at, `rows`, days, rows_without_day, resources
FROM registered
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY table_name, lane, catalogue_version > {{.Version}} ORDER BY appended_at, batch_id) <= {{.Most}}
ORDER BY appended_at, batch_id
