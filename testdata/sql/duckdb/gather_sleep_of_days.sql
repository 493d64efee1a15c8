CREATE TEMP TABLE facts AS
SELECT "user_id", "id", "team_id", "client_user_id", "date", "calendar_date", "bedtime_start", "bedtime_stop", "type", "timezone_offset", "duration", "total", "awake", "light", "rem", "deep", "score", "recovery_readiness_score", "hr_lowest", "hr_average", "hr_resting", "efficiency", "latency", "temperature_delta", "skin_temperature", "hr_dip", "state", "average_hrv", "respiratory_rate", "sleep_stream"::VARCHAR AS "sleep_stream", "source_provider", "source_type", "source_app_id", "source_device_id", "source_sport", "source_workout_id", "created_at", "updated_at", "_extra"::VARCHAR AS "_extra", "_version", "_version_at", "_message_id", "_deleted"
FROM store."sleep"
WHERE user_id IN (SELECT unnest($1::VARCHAR[])) AND ("calendar_date" IS NULL OR "calendar_date" >= $2::DATE AND "calendar_date" < $3::DATE)
ORDER BY user_id
