CREATE TEMP TABLE facts AS
SELECT "user_id", "team_id", "client_user_id", "resource", "provider", "source_type", "timestamp", "discriminator", "start_time", "end_time", "value", "value_text", "unit", "type", "timezone_offset", "systolic", "diastolic", "sensor_location", "intensity", coalesce("tags", []) AS "tags", "delivery_mode", "delivery_form", "bolus_purpose", "app_id", "device_id", "workout_id", "sport", "_extra"::VARCHAR AS "_extra", "_version", "_version_at", "_message_id", "_deleted"
FROM store."timeseries"
WHERE user_id IN (SELECT unnest($1::VARCHAR[])) AND resource IN (SELECT unnest($2::VARCHAR[])) AND ("timestamp" >= $3::TIMESTAMPTZ AND "timestamp" < $4::TIMESTAMPTZ)
ORDER BY user_id, resource
