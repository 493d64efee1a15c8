SELECT `user_id`, `id`, `team_id`, `client_user_id`, `provider`, `source_type`, `app_id`, `device_manufacturer`, `device_model`, `device_version`, `device_id`, `_extra`, `_version`, `_version_at`, `_message_id`, `_deleted`
FROM `project.health_store.devices_log` AS T
WHERE T._batch_id IN UNNEST(@ids) AND T._appended_at >= TIMESTAMP '2026-11-23 10:00:00.123456+00'
