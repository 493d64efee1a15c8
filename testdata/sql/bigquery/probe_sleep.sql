WITH source AS (
    SELECT `user_id`, `id`, MAX(_version) AS _version, MIN(`created_at`) AS `created_at`
    FROM `project.health_store.sleep_log`
    WHERE _batch_id IN UNNEST(@ids) AND _appended_at >= TIMESTAMP '2026-11-23 10:00:00.123456+00'
    GROUP BY `user_id`, `id`
)
SELECT DISTINCT DATE(T.`created_at`) AS day
FROM source AS S
JOIN (
    SELECT `user_id`, `id`, _version, `created_at`
    FROM `project.health_store.sleep` AS T
    WHERE ((T.`created_at` >= TIMESTAMP '2019-03-01 00:00:00+00' AND T.`created_at` < TIMESTAMP '2019-03-02 00:00:00+00') OR (T.`created_at` >= TIMESTAMP '2026-11-22 00:00:00+00' AND T.`created_at` < TIMESTAMP '2026-11-24 00:00:00+00') OR T.`created_at` IS NULL)
) AS T
ON T.`user_id` = S.`user_id` AND T.`id` = S.`id`
WHERE ((S.`created_at` >= TIMESTAMP '2019-03-01 00:00:00+00' AND S.`created_at` < TIMESTAMP '2019-03-02 00:00:00+00') OR (S.`created_at` >= TIMESTAMP '2026-11-22 00:00:00+00' AND S.`created_at` < TIMESTAMP '2026-11-24 00:00:00+00'))
  AND (S._version > T._version OR (S.`created_at` IS NOT NULL AND (T.`created_at` IS NULL OR S.`created_at` < T.`created_at`)))
