SELECT `user_id`, `notice`, `subject`, `team_id`, `client_user_id`, `resource`, `provider`, `start_date`, `end_date`, `workout_id`, `answered_version`, `outcome`, `fetched_at`, `rows`, `requests`, `pull_status`, `pull_start`, `pull_end`, `_extra`, `_version`, `_version_at`, `_message_id`, `_deleted`
FROM `project.health_store.fetches`
WHERE NOT _deleted
