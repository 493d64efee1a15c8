SELECT `merge_id`, `table_name`, `batch_ids`, `merged_at`, `rows_registered`, `rows_applied`, `rows_superseded`, `rows_stale`, `rows_erased`, `bytes_estimated`, `bytes_billed`, `job_id`
FROM `project.health_store.merges`
