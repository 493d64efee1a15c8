SELECT `message_id`, `_index`, `part`, `published_at`, `reason`, `detail`, `json_path`, `user_id`, `event_type`, `attributes`, `payload_bytes`, `payload`, `_version`, `_version_at`, `_message_id`, `_deleted`
FROM `project.health_store.quarantine_log` AS T
WHERE T._batch_id IN UNNEST(@ids) AND T._appended_at >= TIMESTAMP '2026-11-23 10:00:00.123456+00'
