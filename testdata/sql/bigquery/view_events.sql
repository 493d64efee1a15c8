SELECT `user_id`, `event_type`, `event_key`, `team_id`, `client_user_id`, `payload`, `_version`, `_version_at`, `_message_id`, `_deleted`
FROM `project.health_store.events`
WHERE NOT _deleted
