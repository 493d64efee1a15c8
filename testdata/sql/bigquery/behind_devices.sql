WITH logged AS (
    -- Of each key the newest version; one that was delivered twice is there twice.
    SELECT `user_id`, `id`, `team_id`, `client_user_id`, `provider`, `source_type`, `app_id`, `device_manufacturer`, `device_model`, `device_version`, `device_id`, `_extra`, `_version`, `_version_at`, `_message_id`, `_deleted`
    FROM `project.health_store.devices_log`
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
            OR S.`provider` IS DISTINCT FROM T.`provider`
            OR S.`source_type` IS DISTINCT FROM T.`source_type`
            OR S.`app_id` IS DISTINCT FROM T.`app_id`
            OR S.`device_manufacturer` IS DISTINCT FROM T.`device_manufacturer`
            OR S.`device_model` IS DISTINCT FROM T.`device_model`
            OR S.`device_version` IS DISTINCT FROM T.`device_version`
            OR S.`device_id` IS DISTINCT FROM T.`device_id`
            OR TO_JSON_STRING(S.`_extra`) IS DISTINCT FROM TO_JSON_STRING(T.`_extra`)
            OR S.`_version_at` IS DISTINCT FROM T.`_version_at`
            OR S.`_message_id` IS DISTINCT FROM T.`_message_id`
            OR S.`_deleted` IS DISTINCT FROM T.`_deleted`
            , NULL)) AS unequal,
        FALSE AS moved
    FROM logged AS S
    LEFT JOIN (
        SELECT `user_id`, `id`, `team_id`, `client_user_id`, `provider`, `source_type`, `app_id`, `device_manufacturer`, `device_model`, `device_version`, `device_id`, `_extra`, `_version`, `_version_at`, `_message_id`, `_deleted`
        FROM `project.health_store.devices` AS T
        WHERE TRUE /* not pruned: the table is not partitioned */
    ) AS T
    ON T.`user_id` = S.`user_id` AND T.`id` = S.`id`
    WHERE TRUE /* not pruned: the table is not partitioned */
    GROUP BY S.`user_id`, S.`id`
)
SELECT flaw, COUNT(*) OVER (PARTITION BY flaw) AS `keys`, COUNTIF(missing) OVER (PARTITION BY flaw) AS missing, `user_id`, `id`
FROM judged, UNNEST([IF(behind, 'behind', NULL), IF(unequal, 'unequal', NULL), IF(moved, 'moved', NULL)]) AS flaw
WHERE flaw IS NOT NULL
QUALIFY ROW_NUMBER() OVER (PARTITION BY flaw ORDER BY `user_id`, `id`) <= 10
ORDER BY flaw, `user_id`, `id`
