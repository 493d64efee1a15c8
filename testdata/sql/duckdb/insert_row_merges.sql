INSERT INTO "warehouse".store."merges" ("merge_id", "table_name", "batch_ids", "merged_at", "rows_registered", "rows_applied", "rows_superseded", "rows_stale", "rows_erased", "bytes_estimated", "bytes_billed", "job_id")
VALUES (?::VARCHAR, ?::VARCHAR, ?::VARCHAR[], ?::TIMESTAMPTZ, ?::BIGINT, ?::BIGINT, ?::BIGINT, ?::BIGINT, ?::BIGINT, ?::BIGINT, ?::BIGINT, ?::VARCHAR)
