WITH erased AS MATERIALIZED (
    WITH users AS MATERIALIZED (
    SELECT DISTINCT log.user_id FROM store."timeseries_log" AS log WHERE log._batch_id IN (SELECT unnest($1::VARCHAR[])) AND log._appended_at >= $2
)
SELECT user_id FROM users WHERE sha256(lower(user_id)) IN (SELECT user_hash FROM store.erasures
WHERE entry = 'erase' AND erasure_id NOT IN (SELECT erasure_id FROM store.erasures WHERE entry = 'lift'))
),
compared AS (
    SELECT log."user_id", log."resource", log."provider", log."source_type", log."timestamp", log."discriminator", log._version, T._version AS held,
        log._version = T._version
            AND log."user_id" IS NOT DISTINCT FROM T."user_id"
            AND log."team_id" IS NOT DISTINCT FROM T."team_id"
            AND log."client_user_id" IS NOT DISTINCT FROM T."client_user_id"
            AND log."resource" IS NOT DISTINCT FROM T."resource"
            AND log."provider" IS NOT DISTINCT FROM T."provider"
            AND log."source_type" IS NOT DISTINCT FROM T."source_type"
            AND log."timestamp" IS NOT DISTINCT FROM T."timestamp"
            AND log."discriminator" IS NOT DISTINCT FROM T."discriminator"
            AND log."start_time" IS NOT DISTINCT FROM T."start_time"
            AND log."end_time" IS NOT DISTINCT FROM T."end_time"
            AND log."value" IS NOT DISTINCT FROM T."value"
            AND log."value_text" IS NOT DISTINCT FROM T."value_text"
            AND log."unit" IS NOT DISTINCT FROM T."unit"
            AND log."type" IS NOT DISTINCT FROM T."type"
            AND log."timezone_offset" IS NOT DISTINCT FROM T."timezone_offset"
            AND log."systolic" IS NOT DISTINCT FROM T."systolic"
            AND log."diastolic" IS NOT DISTINCT FROM T."diastolic"
            AND log."sensor_location" IS NOT DISTINCT FROM T."sensor_location"
            AND log."intensity" IS NOT DISTINCT FROM T."intensity"
            AND log."tags" IS NOT DISTINCT FROM T."tags"
            AND log."delivery_mode" IS NOT DISTINCT FROM T."delivery_mode"
            AND log."delivery_form" IS NOT DISTINCT FROM T."delivery_form"
            AND log."bolus_purpose" IS NOT DISTINCT FROM T."bolus_purpose"
            AND log."app_id" IS NOT DISTINCT FROM T."app_id"
            AND log."device_id" IS NOT DISTINCT FROM T."device_id"
            AND log."workout_id" IS NOT DISTINCT FROM T."workout_id"
            AND log."sport" IS NOT DISTINCT FROM T."sport"
            AND log."_extra"::VARCHAR IS NOT DISTINCT FROM T."_extra"::VARCHAR
            AND log."_version" IS NOT DISTINCT FROM T."_version"
            AND log."_version_at" IS NOT DISTINCT FROM T."_version_at"
            AND log."_message_id" IS NOT DISTINCT FROM T."_message_id"
            AND log."_deleted" IS NOT DISTINCT FROM T."_deleted" AS same
    FROM store."timeseries_log" AS log
    LEFT JOIN store."timeseries" AS T ON T."user_id" = log."user_id" AND T."resource" = log."resource" AND T."provider" = log."provider" AND T."source_type" = log."source_type" AND T."timestamp" = log."timestamp" AND T."discriminator" = log."discriminator"
    WHERE log._batch_id IN (SELECT unnest($1::VARCHAR[])) AND log._appended_at >= $2 AND (log.user_id IS NULL OR log.user_id NOT IN (SELECT user_id FROM erased))
),
judged AS MATERIALIZED (
    SELECT "user_id", "resource", "provider", "source_type", "timestamp", "discriminator",
        max(held) IS NULL OR max(_version) > max(held) AS behind,
        -- An earlier batch may have brought what the table holds: then its rows
        -- of this version are as good.
        max(_version) = max(held) AND NOT coalesce(bool_or(same), FALSE) AS unequal
    FROM compared
    GROUP BY "user_id", "resource", "provider", "source_type", "timestamp", "discriminator"
)
SELECT flaw, count(*) OVER (PARTITION BY flaw), "user_id", "resource", "provider", "source_type", "timestamp", "discriminator"
FROM (
    SELECT 'behind' AS flaw, "user_id", "resource", "provider", "source_type", "timestamp", "discriminator" FROM judged WHERE behind
    UNION ALL
    SELECT 'unequal', "user_id", "resource", "provider", "source_type", "timestamp", "discriminator" FROM judged WHERE unequal
)
QUALIFY row_number() OVER (PARTITION BY flaw ORDER BY "user_id", "resource", "provider", "source_type", "timestamp", "discriminator") <= 10
ORDER BY flaw, "user_id", "resource", "provider", "source_type", "timestamp", "discriminator"
