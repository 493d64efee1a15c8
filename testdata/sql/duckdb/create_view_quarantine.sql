CREATE OR REPLACE VIEW main."quarantine" AS
SELECT "message_id", "_index", "part", "published_at", "reason", "detail", "json_path", "user_id", "event_type", "attributes", "payload_bytes", "_version", "_version_at", "_message_id", "_deleted"
FROM store."quarantine"
WHERE NOT _deleted
