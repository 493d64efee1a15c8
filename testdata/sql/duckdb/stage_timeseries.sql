CREATE OR REPLACE TEMP TABLE staged AS
SELECT log."user_id", log."team_id", log."client_user_id", log."resource", log."provider", log."source_type", log."timestamp", log."discriminator", log."start_time", log."end_time", log."value", log."value_text", log."unit", log."type", log."timezone_offset", log."systolic", log."diastolic", log."sensor_location", log."intensity", log."tags", log."delivery_mode", log."delivery_form", log."bolus_purpose", log."app_id", log."device_id", log."workout_id", log."sport", log."_extra", log."_version", log."_version_at", log."_message_id", log."_deleted"
FROM store."timeseries_log" AS log
JOIN winners ON log.rowid = winners.winner
WHERE log._batch_id IN (SELECT unnest(?::VARCHAR[])) AND log._appended_at >= ?
