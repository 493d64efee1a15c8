SELECT `user_id`, `provider`, `team_id`, `client_user_id`, `event_type`, `provider_name`, `provider_logo`, `external_user_id`, `resource_availability`, `error_type`, `error_message`, `error_details`, `_extra`, `_version`, `_version_at`, `_message_id`, `_deleted`
FROM `project.health_store.connections`
WHERE NOT _deleted
