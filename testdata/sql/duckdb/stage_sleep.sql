CREATE OR REPLACE TEMP TABLE staged AS
SELECT log."user_id", log."id", log."team_id", log."client_user_id", log."date", log."calendar_date", log."bedtime_start", log."bedtime_stop", log."type", log."timezone_offset", log."duration", log."total", log."awake", log."light", log."rem", log."deep", log."score", log."recovery_readiness_score", log."hr_lowest", log."hr_average", log."hr_resting", log."efficiency", log."latency", log."temperature_delta", log."skin_temperature", log."hr_dip", log."state", log."average_hrv", log."respiratory_rate", log."sleep_stream", log."source_provider", log."source_type", log."source_app_id", log."source_device_id", log."source_sport", log."source_workout_id", winners.sticky AS "created_at", log."updated_at", log."_extra", log."_version", log."_version_at", log."_message_id", log."_deleted"
FROM store."sleep_log" AS log
JOIN winners ON log.rowid = winners.winner
WHERE log._batch_id IN (SELECT unnest(?::VARCHAR[])) AND log._appended_at >= ?
