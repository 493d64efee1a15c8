-- One chunk: of each sample the version that was published last.
MERGE INTO timeseries AS t
USING (
    SELECT user_id, team_id, client_user_id, split_part(event_type, '.', 3) AS resource, data.source.provider AS provider,
        coalesce(data.source.type, 'unknown') AS source_type, sample.timestamp AS timestamp,
        sample.start AS start_time, sample."end" AS end_time, sample.value AS value, sample.unit AS unit, sample.type AS type,
        sample.timezone_offset AS timezone_offset, data.source.app_id AS app_id, data.source.device_id AS device_id,
        published_at, message_id
    FROM (
        SELECT *, unnest(data.data) AS sample
        FROM read_json(?, format = 'newline_delimited', columns = {
            event_type: 'VARCHAR', user_id: 'VARCHAR', team_id: 'VARCHAR', client_user_id: 'VARCHAR',
            published_at: 'TIMESTAMPTZ', message_id: 'VARCHAR',
            data: 'STRUCT(source STRUCT(provider VARCHAR, type VARCHAR, app_id VARCHAR, device_id VARCHAR), data STRUCT(timestamp TIMESTAMPTZ, start TIMESTAMPTZ, "end" TIMESTAMPTZ, value DOUBLE, unit VARCHAR, type VARCHAR, timezone_offset BIGINT)[])'
        })
    )
    QUALIFY row_number() OVER (
        PARTITION BY user_id, resource, provider, source_type, timestamp ORDER BY published_at DESC, message_id DESC
    ) = 1
) AS s
ON t.user_id = s.user_id AND t.resource = s.resource AND t.provider = s.provider AND t.source_type = s.source_type AND t.timestamp = s.timestamp
WHEN MATCHED AND s.published_at > t.published_at THEN UPDATE
WHEN NOT MATCHED THEN INSERT
