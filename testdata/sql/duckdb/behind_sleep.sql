WITH erased AS MATERIALIZED (
    WITH users AS MATERIALIZED (
    SELECT DISTINCT log.user_id FROM store."sleep_log" AS log WHERE log._batch_id IN (SELECT unnest($1::VARCHAR[])) AND log._appended_at >= $2
)
SELECT user_id FROM users WHERE sha256(lower(user_id)) IN (SELECT user_hash FROM store.erasures
WHERE entry = 'erase' AND erasure_id NOT IN (SELECT erasure_id FROM store.erasures WHERE entry = 'lift'))
),
compared AS (
    SELECT log."user_id", log."id", log._version, T._version AS held, log."created_at" AS sticky, T."created_at" AS held_sticky,
        log._version = T._version
            AND log."user_id" IS NOT DISTINCT FROM T."user_id"
            AND log."id" IS NOT DISTINCT FROM T."id"
            AND log."team_id" IS NOT DISTINCT FROM T."team_id"
            AND log."client_user_id" IS NOT DISTINCT FROM T."client_user_id"
            AND log."date" IS NOT DISTINCT FROM T."date"
            AND log."calendar_date" IS NOT DISTINCT FROM T."calendar_date"
            AND log."bedtime_start" IS NOT DISTINCT FROM T."bedtime_start"
            AND log."bedtime_stop" IS NOT DISTINCT FROM T."bedtime_stop"
            AND log."type" IS NOT DISTINCT FROM T."type"
            AND log."timezone_offset" IS NOT DISTINCT FROM T."timezone_offset"
            AND log."duration" IS NOT DISTINCT FROM T."duration"
            AND log."total" IS NOT DISTINCT FROM T."total"
            AND log."awake" IS NOT DISTINCT FROM T."awake"
            AND log."light" IS NOT DISTINCT FROM T."light"
            AND log."rem" IS NOT DISTINCT FROM T."rem"
            AND log."deep" IS NOT DISTINCT FROM T."deep"
            AND log."score" IS NOT DISTINCT FROM T."score"
            AND log."recovery_readiness_score" IS NOT DISTINCT FROM T."recovery_readiness_score"
            AND log."hr_lowest" IS NOT DISTINCT FROM T."hr_lowest"
            AND log."hr_average" IS NOT DISTINCT FROM T."hr_average"
            AND log."hr_resting" IS NOT DISTINCT FROM T."hr_resting"
            AND log."efficiency" IS NOT DISTINCT FROM T."efficiency"
            AND log."latency" IS NOT DISTINCT FROM T."latency"
            AND log."temperature_delta" IS NOT DISTINCT FROM T."temperature_delta"
            AND log."skin_temperature" IS NOT DISTINCT FROM T."skin_temperature"
            AND log."hr_dip" IS NOT DISTINCT FROM T."hr_dip"
            AND log."state" IS NOT DISTINCT FROM T."state"
            AND log."average_hrv" IS NOT DISTINCT FROM T."average_hrv"
            AND log."respiratory_rate" IS NOT DISTINCT FROM T."respiratory_rate"
            AND log."sleep_stream"::VARCHAR IS NOT DISTINCT FROM T."sleep_stream"::VARCHAR
            AND log."source_provider" IS NOT DISTINCT FROM T."source_provider"
            AND log."source_type" IS NOT DISTINCT FROM T."source_type"
            AND log."source_app_id" IS NOT DISTINCT FROM T."source_app_id"
            AND log."source_device_id" IS NOT DISTINCT FROM T."source_device_id"
            AND log."source_sport" IS NOT DISTINCT FROM T."source_sport"
            AND log."source_workout_id" IS NOT DISTINCT FROM T."source_workout_id"
            AND log."updated_at" IS NOT DISTINCT FROM T."updated_at"
            AND log."_extra"::VARCHAR IS NOT DISTINCT FROM T."_extra"::VARCHAR
            AND log."_version" IS NOT DISTINCT FROM T."_version"
            AND log."_version_at" IS NOT DISTINCT FROM T."_version_at"
            AND log."_message_id" IS NOT DISTINCT FROM T."_message_id"
            AND log."_deleted" IS NOT DISTINCT FROM T."_deleted" AS same
    FROM store."sleep_log" AS log
    LEFT JOIN store."sleep" AS T ON T."user_id" = log."user_id" AND T."id" = log."id"
    WHERE log._batch_id IN (SELECT unnest($1::VARCHAR[])) AND log._appended_at >= $2 AND (log.user_id IS NULL OR log.user_id NOT IN (SELECT user_id FROM erased))
),
judged AS MATERIALIZED (
    SELECT "user_id", "id",
        max(held) IS NULL OR max(_version) > max(held) AS behind,
        -- An earlier batch may have brought what the table holds: then its rows
        -- of this version are as good.
        max(_version) = max(held) AND NOT coalesce(bool_or(same), FALSE) AS unequal,
        coalesce(date_trunc('day', min(sticky)) != date_trunc('day', max(sticky)), FALSE)
            OR max(_version) <= max(held) AND min(sticky) IS NOT NULL AND coalesce(min(sticky) < min(held_sticky) OR date_trunc('day', min(sticky)) != date_trunc('day', min(held_sticky)), TRUE) AS moved
    FROM compared
    GROUP BY "user_id", "id"
)
SELECT flaw, count(*) OVER (PARTITION BY flaw), "user_id", "id"
FROM (
    SELECT 'behind' AS flaw, "user_id", "id" FROM judged WHERE behind
    UNION ALL
    SELECT 'unequal', "user_id", "id" FROM judged WHERE unequal
    UNION ALL
    SELECT 'moved', "user_id", "id" FROM judged WHERE moved
)
QUALIFY row_number() OVER (PARTITION BY flaw ORDER BY "user_id", "id") <= 10
ORDER BY flaw, "user_id", "id"
