SELECT `user_id`, `id`, `team_id`, `client_user_id`, `session_start`, `session_end`, `voltage_sample_count`, `heart_rate_mean`, `sampling_frequency_hz`, `classification`, `inconclusive_cause`, `algorithm_version`, `time_zone`, `source_device_model`, `source_provider`, `source_type`, `source_app_id`, `source_device_id`, `source_sport`, `source_workout_id`, `created_at`, `updated_at`, `_extra`, `_version`, `_version_at`, `_message_id`, `_deleted`
FROM `project.health_store.electrocardiogram`
WHERE NOT _deleted
