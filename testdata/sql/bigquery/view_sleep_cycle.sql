SELECT `user_id`, `id`, `team_id`, `client_user_id`, `sleep_id`, `session_start`, `session_end`, `stage_start_offset_second`, `stage_end_offset_second`, `stage_type`, `time_zone`, `source_provider`, `source_type`, `source_app_id`, `source_device_id`, `source_sport`, `source_workout_id`, `created_at`, `updated_at`, `_extra`, `_version`, `_version_at`, `_message_id`, `_deleted`
FROM `project.health_store.sleep_cycle`
WHERE NOT _deleted
