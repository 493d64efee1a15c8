CREATE TABLE IF NOT EXISTS store."erasures" (
    "erasure_id" VARCHAR NOT NULL,
    "entry" VARCHAR NOT NULL,
    "user_hash" VARCHAR NOT NULL,
    "recorded_at" TIMESTAMPTZ NOT NULL,
    "requested_by" VARCHAR,
    "table_name" VARCHAR,
    "rows_removed" BIGINT,
    "log_rows_removed" BIGINT,
    "message_ids" VARCHAR[],
    "gone_at" TIMESTAMPTZ
)
