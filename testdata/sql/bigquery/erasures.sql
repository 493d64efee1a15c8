SELECT `erasure_id`, `entry`, `user_hash`, `recorded_at`, `requested_by`, `table_name`, `rows_removed`, `log_rows_removed`, `gone_at`, `message_ids`
FROM `project.health_store.erasures`
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (
    PARTITION BY `erasure_id`, `entry`, `user_hash`, `recorded_at`, `requested_by`, `table_name`, `rows_removed`, `log_rows_removed`, `gone_at`, TO_JSON_STRING(`message_ids`) ORDER BY recorded_at
) = 1
ORDER BY recorded_at, erasure_id, entry, table_name
