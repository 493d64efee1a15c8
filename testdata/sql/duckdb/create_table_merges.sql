CREATE TABLE IF NOT EXISTS store."merges" (
    "merge_id" VARCHAR NOT NULL,
    "table_name" VARCHAR NOT NULL,
    "batch_ids" VARCHAR[],
    "merged_at" TIMESTAMPTZ NOT NULL,
    "rows_registered" BIGINT NOT NULL,
    "rows_applied" BIGINT NOT NULL,
    "rows_superseded" BIGINT NOT NULL,
    "rows_stale" BIGINT NOT NULL,
    "rows_erased" BIGINT NOT NULL,
    "bytes_estimated" BIGINT,
    "bytes_billed" BIGINT,
    "job_id" VARCHAR
)
