WITH source AS (
    SELECT `user_id`, `id`, MAX(_version) AS _version
    FROM `project.health_store.devices_log`
    WHERE _batch_id IN UNNEST(@ids) AND _appended_at >= TIMESTAMP '2026-11-23 10:00:00.123456+00'
    GROUP BY `user_id`, `id`
)
SELECT DISTINCT CAST(NULL AS DATE) AS day
FROM source AS S
JOIN (
    SELECT `user_id`, `id`, _version
    FROM `project.health_store.devices` AS T
    WHERE TRUE /* not pruned: the table is not partitioned */
) AS T
ON T.`user_id` = S.`user_id` AND T.`id` = S.`id`
WHERE TRUE /* not pruned: the table is not partitioned */
  AND (S._version > T._version)
