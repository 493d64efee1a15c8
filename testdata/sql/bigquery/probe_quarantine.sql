WITH source AS (
    SELECT `message_id`, `_index`, `part`, MAX(_version) AS _version
    FROM `project.health_store.quarantine_log`
    WHERE _batch_id IN UNNEST(@ids) AND _appended_at >= TIMESTAMP '2026-11-23 10:00:00.123456+00'
    GROUP BY `message_id`, `_index`, `part`
)
SELECT DISTINCT CAST(NULL AS DATE) AS day
FROM source AS S
JOIN (
    SELECT `message_id`, `_index`, `part`, _version
    FROM `project.health_store.quarantine` AS T
    WHERE TRUE /* not pruned: the table is not partitioned */
) AS T
ON T.`message_id` = S.`message_id` AND T.`_index` = S.`_index` AND T.`part` = S.`part`
WHERE TRUE /* not pruned: the table is not partitioned */
  AND (S._version > T._version)
