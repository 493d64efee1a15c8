SELECT `erasure_id`, `entry`, `user_hash`, `recorded_at`, `requested_by`, `table_name`, `rows_removed`, `log_rows_removed`, `message_ids`, `gone_at`
FROM `project.health_store.erasures`
