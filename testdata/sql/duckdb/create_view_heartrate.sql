CREATE OR REPLACE VIEW main."heartrate" AS
SELECT "user_id", "team_id", "client_user_id", "provider", "source_type", "timestamp", "discriminator", "value", "unit", "type", "timezone_offset", "app_id", "device_id", "workout_id", "sport", "_extra", "_version", "_version_at", "_message_id", "_deleted"
FROM store."timeseries"
WHERE NOT _deleted
  AND resource = 'heartrate'
