SELECT T.`user_id`, T.`team_id`, T.`client_user_id`, T.`resource`, T.`provider`, T.`source_type`, T.`timestamp`, T.`discriminator`, T.`start_time`, T.`end_time`, T.`value`, T.`value_text`, T.`unit`, T.`type`, T.`timezone_offset`, T.`systolic`, T.`diastolic`, T.`sensor_location`, T.`intensity`, T.`tags`, T.`delivery_mode`, T.`delivery_form`, T.`bolus_purpose`, T.`app_id`, T.`device_id`, T.`workout_id`, T.`sport`, T.`_extra`, T.`_version`, T.`_version_at`, T.`_message_id`, T.`_deleted`
FROM `project.health_store.timeseries` AS T
WHERE T.`user_id` IN UNNEST(@users) AND T.`resource` IN ('heartrate', 'glucose') AND T.`timestamp` >= TIMESTAMP '2026-11-22 00:00:00+00' AND T.`timestamp` < TIMESTAMP '2026-11-24 00:00:00+00'
ORDER BY T.user_id, T.resource
