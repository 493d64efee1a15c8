CREATE TABLE IF NOT EXISTS store."timeseries_fence" (
    "n" BIGINT NOT NULL
)
