WITH logged AS (
    -- Of each key the newest version; one that was delivered twice is there twice.
    SELECT `user_id`, `id`, `team_id`, `client_user_id`, `date`, `calendar_date`, `bedtime_start`, `bedtime_stop`, `type`, `timezone_offset`, `duration`, `total`, `awake`, `light`, `rem`, `deep`, `score`, `recovery_readiness_score`, `hr_lowest`, `hr_average`, `hr_resting`, `efficiency`, `latency`, `temperature_delta`, `skin_temperature`, `hr_dip`, `state`, `average_hrv`, `respiratory_rate`, `sleep_stream`, `source_provider`, `source_type`, `source_app_id`, `source_device_id`, `source_sport`, `source_workout_id`, MIN(`created_at`) OVER (PARTITION BY `user_id`, `id`) AS `created_at`, `updated_at`, `_extra`, `_version`, `_version_at`, `_message_id`, `_deleted`,
        MAX(`created_at`) OVER (PARTITION BY `user_id`, `id`) AS _latest
    FROM `project.health_store.sleep_log`
    WHERE _batch_id IN UNNEST(@ids) AND _appended_at >= TIMESTAMP '2026-11-23 10:00:00.123456+00' AND _appended_at <= TIMESTAMP '2026-11-23 10:00:01.123456+00'
        AND NOT (TO_HEX(SHA256(LOWER(IFNULL(user_id, '')))) IN (SELECT user_hash FROM `project.health_store.erasures` WHERE entry = 'erase'
    AND erasure_id NOT IN (SELECT erasure_id FROM `project.health_store.erasures` WHERE entry = 'lift'))) -- the table holds none of theirs
    QUALIFY RANK() OVER (PARTITION BY `user_id`, `id` ORDER BY _version DESC) = 1
),
judged AS (
    SELECT S.`user_id`, S.`id`, 
        LOGICAL_AND(T._version IS NULL) AS missing,
        LOGICAL_AND(T._version IS NULL OR S._version > T._version) AS behind,
        -- An earlier batch may have brought what the table holds: then one of
        -- the rows of this version is as good as another.
        LOGICAL_AND(IF(S._version = T._version,
            S.`team_id` IS DISTINCT FROM T.`team_id`
            OR S.`client_user_id` IS DISTINCT FROM T.`client_user_id`
            OR S.`date` IS DISTINCT FROM T.`date`
            OR S.`calendar_date` IS DISTINCT FROM T.`calendar_date`
            OR S.`bedtime_start` IS DISTINCT FROM T.`bedtime_start`
            OR S.`bedtime_stop` IS DISTINCT FROM T.`bedtime_stop`
            OR S.`type` IS DISTINCT FROM T.`type`
            OR S.`timezone_offset` IS DISTINCT FROM T.`timezone_offset`
            OR S.`duration` IS DISTINCT FROM T.`duration`
            OR S.`total` IS DISTINCT FROM T.`total`
            OR S.`awake` IS DISTINCT FROM T.`awake`
            OR S.`light` IS DISTINCT FROM T.`light`
            OR S.`rem` IS DISTINCT FROM T.`rem`
            OR S.`deep` IS DISTINCT FROM T.`deep`
            OR S.`score` IS DISTINCT FROM T.`score`
            OR S.`recovery_readiness_score` IS DISTINCT FROM T.`recovery_readiness_score`
            OR S.`hr_lowest` IS DISTINCT FROM T.`hr_lowest`
            OR S.`hr_average` IS DISTINCT FROM T.`hr_average`
            OR S.`hr_resting` IS DISTINCT FROM T.`hr_resting`
            OR S.`efficiency` IS DISTINCT FROM T.`efficiency`
            OR S.`latency` IS DISTINCT FROM T.`latency`
            OR S.`temperature_delta` IS DISTINCT FROM T.`temperature_delta`
            OR S.`skin_temperature` IS DISTINCT FROM T.`skin_temperature`
            OR S.`hr_dip` IS DISTINCT FROM T.`hr_dip`
            OR S.`state` IS DISTINCT FROM T.`state`
            OR S.`average_hrv` IS DISTINCT FROM T.`average_hrv`
            OR S.`respiratory_rate` IS DISTINCT FROM T.`respiratory_rate`
            OR TO_JSON_STRING(S.`sleep_stream`) IS DISTINCT FROM TO_JSON_STRING(T.`sleep_stream`)
            OR S.`source_provider` IS DISTINCT FROM T.`source_provider`
            OR S.`source_type` IS DISTINCT FROM T.`source_type`
            OR S.`source_app_id` IS DISTINCT FROM T.`source_app_id`
            OR S.`source_device_id` IS DISTINCT FROM T.`source_device_id`
            OR S.`source_sport` IS DISTINCT FROM T.`source_sport`
            OR S.`source_workout_id` IS DISTINCT FROM T.`source_workout_id`
            OR S.`updated_at` IS DISTINCT FROM T.`updated_at`
            OR TO_JSON_STRING(S.`_extra`) IS DISTINCT FROM TO_JSON_STRING(T.`_extra`)
            OR S.`_version_at` IS DISTINCT FROM T.`_version_at`
            OR S.`_message_id` IS DISTINCT FROM T.`_message_id`
            OR S.`_deleted` IS DISTINCT FROM T.`_deleted`
            , NULL)) AS unequal,
        LOGICAL_OR(DATE(S.`created_at`) < DATE(S._latest) 
            OR T._version >= S._version AND ((S.`created_at` IS NOT NULL AND (T.`created_at` IS NULL OR S.`created_at` < T.`created_at`)) OR DATE(S.`created_at`) != DATE(T.`created_at`))) AS moved
    FROM logged AS S
    LEFT JOIN (
        SELECT `user_id`, `id`, `team_id`, `client_user_id`, `date`, `calendar_date`, `bedtime_start`, `bedtime_stop`, `type`, `timezone_offset`, `duration`, `total`, `awake`, `light`, `rem`, `deep`, `score`, `recovery_readiness_score`, `hr_lowest`, `hr_average`, `hr_resting`, `efficiency`, `latency`, `temperature_delta`, `skin_temperature`, `hr_dip`, `state`, `average_hrv`, `respiratory_rate`, `sleep_stream`, `source_provider`, `source_type`, `source_app_id`, `source_device_id`, `source_sport`, `source_workout_id`, `created_at`, `updated_at`, `_extra`, `_version`, `_version_at`, `_message_id`, `_deleted`
        FROM `project.health_store.sleep` AS T
        WHERE ((T.`created_at` >= TIMESTAMP '2019-03-01 00:00:00+00' AND T.`created_at` < TIMESTAMP '2019-03-02 00:00:00+00') OR (T.`created_at` >= TIMESTAMP '2026-11-22 00:00:00+00' AND T.`created_at` < TIMESTAMP '2026-11-24 00:00:00+00') OR T.`created_at` IS NULL)
    ) AS T
    ON T.`user_id` = S.`user_id` AND T.`id` = S.`id`
    WHERE ((S.`created_at` >= TIMESTAMP '2019-03-01 00:00:00+00' AND S.`created_at` < TIMESTAMP '2019-03-02 00:00:00+00') OR (S.`created_at` >= TIMESTAMP '2026-11-22 00:00:00+00' AND S.`created_at` < TIMESTAMP '2026-11-24 00:00:00+00'))
    GROUP BY S.`user_id`, S.`id`
)
SELECT flaw, COUNT(*) OVER (PARTITION BY flaw) AS `keys`, COUNTIF(missing) OVER (PARTITION BY flaw) AS missing, `user_id`, `id`
FROM judged, UNNEST([IF(behind, 'behind', NULL), IF(unequal, 'unequal', NULL), IF(moved, 'moved', NULL)]) AS flaw
WHERE flaw IS NOT NULL
QUALIFY ROW_NUMBER() OVER (PARTITION BY flaw ORDER BY `user_id`, `id`) <= 10
ORDER BY flaw, `user_id`, `id`
