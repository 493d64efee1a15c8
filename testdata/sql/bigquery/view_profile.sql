SELECT `user_id`, `id`, `team_id`, `client_user_id`, `height`, `birth_date`, `wheelchair_use`, `gender`, `sex`, `source_provider`, `source_type`, `source_app_id`, `source_device_id`, `source_sport`, `source_workout_id`, `created_at`, `updated_at`, `_extra`, `_version`, `_version_at`, `_message_id`, `_deleted`
FROM `project.health_store.profile`
WHERE NOT _deleted
