SELECT `user_id`, `team_id`, `client_user_id`, `resource`, `provider`, `source_type`, `timestamp`, `discriminator`, `start_time`, `end_time`, `value`, `value_text`, `unit`, `type`, `timezone_offset`, `systolic`, `diastolic`, `sensor_location`, `intensity`, `tags`, `delivery_mode`, `delivery_form`, `bolus_purpose`, `app_id`, `device_id`, `workout_id`, `sport`, `_extra`, `_version`, `_version_at`, `_message_id`, `_deleted`
FROM `project.health_store.timeseries_log` AS T
WHERE T._batch_id IN UNNEST(@ids) AND T._appended_at >= TIMESTAMP '2026-11-23 10:00:00.123456+00'
