SELECT `batch_id`, `table_name`, `lane`, `catalogue_version`, `appended_at`, `registered_at`, `rows`, `rows_decoded`, `rows_quarantined`, `rows_erased`, `messages`, `messages_landed`, `messages_partly_quarantined`, `messages_quarantined`, `messages_empty`, `versions_clamped`, `days`, `rows_without_day`, `resources`
FROM `project.health_store.batches`
