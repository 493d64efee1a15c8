SELECT `user_id`, `resource`, `provider`, `start_date`, `end_date`, `team_id`, `client_user_id`, `is_final`, `_extra`, `_version`, `_version_at`, `_message_id`, `_deleted`
FROM `project.health_store.historical_pulls`
WHERE NOT _deleted
