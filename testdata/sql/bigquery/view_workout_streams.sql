SELECT `user_id`, `workout_id`, `team_id`, `client_user_id`, `event_type`, `provider_id`, `message`, `sport_id`, `sport_name`, `sport_slug`, `source_provider`, `source_type`, `source_app_id`, `source_device_id`, `source_sport`, `source_workout_id`, `_extra`, `_version`, `_version_at`, `_message_id`, `_deleted`
FROM `project.health_store.workout_streams`
WHERE NOT _deleted
