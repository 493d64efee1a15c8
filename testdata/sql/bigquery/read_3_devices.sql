SELECT `user_id`, `id`, `team_id`, `client_user_id`, `provider`, `source_type`, `app_id`, `device_manufacturer`, `device_model`, `device_version`, `device_id`, `_extra`, `_version`, `_version_at`, `_message_id`, `_deleted`
FROM `project.health_store.devices` AS T
WHERE TRUE /* not pruned: the table is not partitioned */
