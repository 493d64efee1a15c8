CREATE TABLE IF NOT EXISTS store."sleep_fence" (
    "n" BIGINT NOT NULL
)
