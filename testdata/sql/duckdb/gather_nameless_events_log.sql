CREATE TEMP TABLE facts AS
SELECT "event_key" AS id, _batch_id AS batch, 0::BIGINT AS index, 0::BIGINT AS part,
    coalesce("payload"::VARCHAR, '') AS text, NULL::BLOB AS payload, strlen(coalesce("payload"::VARCHAR, '')) + coalesce(octet_length(NULL::BLOB), 0) AS bytes
FROM store."events_log"
WHERE (user_id IS NULL OR user_id = '')
ORDER BY id, batch, index, part
