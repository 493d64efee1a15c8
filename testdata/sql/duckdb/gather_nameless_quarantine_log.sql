CREATE TEMP TABLE facts AS
SELECT "message_id" AS id, _batch_id AS batch, "_index" AS index, "part" AS part,
    coalesce("attributes"::VARCHAR, '') AS text, "payload" AS payload, strlen(coalesce("attributes"::VARCHAR, '')) + coalesce(octet_length("payload"), 0) AS bytes
FROM store."quarantine_log"
WHERE (user_id IS NULL OR user_id = '')
ORDER BY id, batch, index, part
