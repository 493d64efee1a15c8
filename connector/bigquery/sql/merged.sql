{{- /* Batches that are merged, of those appended since a time, with what pending.sql tells of others. The registry may hold a
       batch twice. */ -}}
SELECT batch_id, table_name, lane, catalogue_version, appended_at, `rows`, days, rows_without_day, resources
FROM {{table "batches"}} AS b
WHERE b.registered_at >= {{timestamp .LookFrom}} AND b.appended_at >= {{timestamp .Since}}
    AND b.batch_id IN (SELECT id FROM {{table "merges"}} AS m, UNNEST(m.batch_ids) AS id WHERE m.merged_at >= {{timestamp .LookFrom}})
QUALIFY ROW_NUMBER() OVER (PARTITION BY b.batch_id ORDER BY b.registered_at) = 1
ORDER BY appended_at, batch_id
