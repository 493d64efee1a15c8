CREATE OR REPLACE VIEW main."note" AS
SELECT "user_id", "team_id", "client_user_id", "provider", "source_type", "timestamp", "discriminator", "start_time", "end_time", "value_text", "unit", "type", "timezone_offset", "tags", "app_id", "device_id", "workout_id", "sport", "_extra", "_version", "_version_at", "_message_id", "_deleted"
FROM store."timeseries"
WHERE NOT _deleted
  AND resource = 'note'
