SELECT `user_id`, `workout_id`, `index`, `team_id`, `client_user_id`, `timestamp`, `cadence`, `altitude`, `velocity_smooth`, `heartrate`, `lat`, `lng`, `distance`, `power`, `resistance`, `temperature`, `_extra`, `_version`, `_version_at`, `_message_id`, `_deleted`
FROM `project.health_store.workout_stream_samples`
WHERE NOT _deleted
