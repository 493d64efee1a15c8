SELECT `message_id`, `_index`, `part`, `published_at`, `reason`, `detail`, `json_path`, `user_id`, `event_type`, `attributes`, `payload_bytes`, `payload`, `_version`, `_version_at`, `_message_id`, `_deleted`
FROM `project.health_store.quarantine` AS T
WHERE TRUE /* not pruned: the table is not partitioned */
