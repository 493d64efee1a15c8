WITH source AS (
    SELECT `user_id`, `resource`, `provider`, `source_type`, `timestamp`, `discriminator`, MAX(_version) AS _version
    FROM `project.health_store.timeseries_log`
    WHERE _batch_id IN UNNEST(@ids) AND _appended_at >= TIMESTAMP '2026-11-23 10:00:00.123456+00'
    GROUP BY `user_id`, `resource`, `provider`, `source_type`, `timestamp`, `discriminator`
)
SELECT DISTINCT DATE(T.`timestamp`) AS day
FROM source AS S
JOIN (
    SELECT `user_id`, `resource`, `provider`, `source_type`, `timestamp`, `discriminator`, _version
    FROM `project.health_store.timeseries` AS T
    WHERE ((T.`timestamp` >= TIMESTAMP '2019-03-01 00:00:00+00' AND T.`timestamp` < TIMESTAMP '2019-03-02 00:00:00+00') OR (T.`timestamp` >= TIMESTAMP '2026-11-22 00:00:00+00' AND T.`timestamp` < TIMESTAMP '2026-11-24 00:00:00+00'))
) AS T
ON T.`user_id` = S.`user_id` AND T.`resource` = S.`resource` AND T.`provider` = S.`provider` AND T.`source_type` = S.`source_type` AND T.`timestamp` = S.`timestamp` AND T.`discriminator` = S.`discriminator`
WHERE ((S.`timestamp` >= TIMESTAMP '2019-03-01 00:00:00+00' AND S.`timestamp` < TIMESTAMP '2019-03-02 00:00:00+00') OR (S.`timestamp` >= TIMESTAMP '2026-11-22 00:00:00+00' AND S.`timestamp` < TIMESTAMP '2026-11-24 00:00:00+00'))
  AND (S._version > T._version)
