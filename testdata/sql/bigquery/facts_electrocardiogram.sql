SELECT T.`user_id`, T.`id`, T.`team_id`, T.`client_user_id`, T.`session_start`, T.`session_end`, T.`voltage_sample_count`, T.`heart_rate_mean`, T.`sampling_frequency_hz`, T.`classification`, T.`inconclusive_cause`, T.`algorithm_version`, T.`time_zone`, T.`source_device_model`, T.`source_provider`, T.`source_type`, T.`source_app_id`, T.`source_device_id`, T.`source_sport`, T.`source_workout_id`, T.`created_at`, T.`updated_at`, T.`_extra`, T.`_version`, T.`_version_at`, T.`_message_id`, T.`_deleted`
FROM `project.health_store.electrocardiogram` AS T
WHERE T.`user_id` IN UNNEST(@users) AND (T.`session_start` >= TIMESTAMP '2026-11-22 00:00:00+00' AND T.`session_start` < TIMESTAMP '2026-11-24 00:00:00+00' OR T.`session_start` IS NULL)
ORDER BY T.user_id
