-- What a competent analyst would write instead of vitalsink, for samples only.
CREATE TABLE timeseries (
    user_id VARCHAR NOT NULL, team_id VARCHAR, client_user_id VARCHAR,
    resource VARCHAR NOT NULL, provider VARCHAR NOT NULL, source_type VARCHAR NOT NULL, timestamp TIMESTAMPTZ NOT NULL,
    start_time TIMESTAMPTZ, end_time TIMESTAMPTZ, value DOUBLE, unit VARCHAR, type VARCHAR, timezone_offset BIGINT,
    app_id VARCHAR, device_id VARCHAR,
    published_at TIMESTAMPTZ NOT NULL, message_id VARCHAR NOT NULL
)
