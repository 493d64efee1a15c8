SELECT `user_id`, `team_id`, `client_user_id`, `provider`, `source_type`, `timestamp`, `discriminator`, `start_time`, `end_time`, `value`, `unit`, `type`, `timezone_offset`, `app_id`, `device_id`, `workout_id`, `sport`, `_extra`, `_version`, `_version_at`, `_message_id`, `_deleted`
FROM `project.health_store.timeseries`
WHERE NOT _deleted
  AND resource = 'uv_exposure'
