WITH logged AS (
    -- Of each key the newest version; one that was delivered twice is there twice.
    SELECT `user_id`, `team_id`, `client_user_id`, `resource`, `provider`, `source_type`, `timestamp`, `discriminator`, `start_time`, `end_time`, `value`, `value_text`, `unit`, `type`, `timezone_offset`, `systolic`, `diastolic`, `sensor_location`, `intensity`, `tags`, `delivery_mode`, `delivery_form`, `bolus_purpose`, `app_id`, `device_id`, `workout_id`, `sport`, `_extra`, `_version`, `_version_at`, `_message_id`, `_deleted`
    FROM `project.health_store.timeseries_log`
    WHERE _batch_id IN UNNEST(@ids) AND _appended_at >= TIMESTAMP '2026-11-23 10:00:00.123456+00' AND _appended_at <= TIMESTAMP '2026-11-23 10:00:01.123456+00'
        AND NOT (TO_HEX(SHA256(LOWER(IFNULL(user_id, '')))) IN (SELECT user_hash FROM `project.health_store.erasures` WHERE entry = 'erase'
    AND erasure_id NOT IN (SELECT erasure_id FROM `project.health_store.erasures` WHERE entry = 'lift'))) -- the table holds none of theirs
    QUALIFY RANK() OVER (PARTITION BY `user_id`, `resource`, `provider`, `source_type`, `timestamp`, `discriminator` ORDER BY _version DESC) = 1
),
judged AS (
    SELECT S.`user_id`, S.`resource`, S.`provider`, S.`source_type`, S.`timestamp`, S.`discriminator`, 
        LOGICAL_AND(T._version IS NULL) AS missing,
        LOGICAL_AND(T._version IS NULL OR S._version > T._version) AS behind,
        -- An earlier batch may have brought what the table holds: then one of
        -- the rows of this version is as good as another.
        LOGICAL_AND(IF(S._version = T._version,
            S.`team_id` IS DISTINCT FROM T.`team_id`
            OR S.`client_user_id` IS DISTINCT FROM T.`client_user_id`
            OR S.`start_time` IS DISTINCT FROM T.`start_time`
            OR S.`end_time` IS DISTINCT FROM T.`end_time`
            OR S.`value` IS DISTINCT FROM T.`value`
            OR S.`value_text` IS DISTINCT FROM T.`value_text`
            OR S.`unit` IS DISTINCT FROM T.`unit`
            OR S.`type` IS DISTINCT FROM T.`type`
            OR S.`timezone_offset` IS DISTINCT FROM T.`timezone_offset`
            OR S.`systolic` IS DISTINCT FROM T.`systolic`
            OR S.`diastolic` IS DISTINCT FROM T.`diastolic`
            OR S.`sensor_location` IS DISTINCT FROM T.`sensor_location`
            OR S.`intensity` IS DISTINCT FROM T.`intensity`
            OR TO_JSON_STRING(S.`tags`) IS DISTINCT FROM TO_JSON_STRING(T.`tags`)
            OR S.`delivery_mode` IS DISTINCT FROM T.`delivery_mode`
            OR S.`delivery_form` IS DISTINCT FROM T.`delivery_form`
            OR S.`bolus_purpose` IS DISTINCT FROM T.`bolus_purpose`
            OR S.`app_id` IS DISTINCT FROM T.`app_id`
            OR S.`device_id` IS DISTINCT FROM T.`device_id`
            OR S.`workout_id` IS DISTINCT FROM T.`workout_id`
            OR S.`sport` IS DISTINCT FROM T.`sport`
            OR TO_JSON_STRING(S.`_extra`) IS DISTINCT FROM TO_JSON_STRING(T.`_extra`)
            OR S.`_version_at` IS DISTINCT FROM T.`_version_at`
            OR S.`_message_id` IS DISTINCT FROM T.`_message_id`
            OR S.`_deleted` IS DISTINCT FROM T.`_deleted`
            , NULL)) AS unequal,
        FALSE AS moved
    FROM logged AS S
    LEFT JOIN (
        SELECT `user_id`, `team_id`, `client_user_id`, `resource`, `provider`, `source_type`, `timestamp`, `discriminator`, `start_time`, `end_time`, `value`, `value_text`, `unit`, `type`, `timezone_offset`, `systolic`, `diastolic`, `sensor_location`, `intensity`, `tags`, `delivery_mode`, `delivery_form`, `bolus_purpose`, `app_id`, `device_id`, `workout_id`, `sport`, `_extra`, `_version`, `_version_at`, `_message_id`, `_deleted`
        FROM `project.health_store.timeseries` AS T
        WHERE ((T.`timestamp` >= TIMESTAMP '2019-03-01 00:00:00+00' AND T.`timestamp` < TIMESTAMP '2019-03-02 00:00:00+00') OR (T.`timestamp` >= TIMESTAMP '2026-11-22 00:00:00+00' AND T.`timestamp` < TIMESTAMP '2026-11-24 00:00:00+00'))
    ) AS T
    ON T.`user_id` = S.`user_id` AND T.`resource` = S.`resource` AND T.`provider` = S.`provider` AND T.`source_type` = S.`source_type` AND T.`timestamp` = S.`timestamp` AND T.`discriminator` = S.`discriminator`
    WHERE ((S.`timestamp` >= TIMESTAMP '2019-03-01 00:00:00+00' AND S.`timestamp` < TIMESTAMP '2019-03-02 00:00:00+00') OR (S.`timestamp` >= TIMESTAMP '2026-11-22 00:00:00+00' AND S.`timestamp` < TIMESTAMP '2026-11-24 00:00:00+00'))
    GROUP BY S.`user_id`, S.`resource`, S.`provider`, S.`source_type`, S.`timestamp`, S.`discriminator`
)
SELECT flaw, COUNT(*) OVER (PARTITION BY flaw) AS `keys`, COUNTIF(missing) OVER (PARTITION BY flaw) AS missing, `user_id`, `resource`, `provider`, `source_type`, `timestamp`, `discriminator`
FROM judged, UNNEST([IF(behind, 'behind', NULL), IF(unequal, 'unequal', NULL), IF(moved, 'moved', NULL)]) AS flaw
WHERE flaw IS NOT NULL
QUALIFY ROW_NUMBER() OVER (PARTITION BY flaw ORDER BY `user_id`, `resource`, `provider`, `source_type`, `timestamp`, `discriminator`) <= 10
ORDER BY flaw, `user_id`, `resource`, `provider`, `source_type`, `timestamp`, `discriminator`
