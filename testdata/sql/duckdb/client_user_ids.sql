WITH named AS MATERIALIZED (
    SELECT user_id, client_user_id FROM store."activity"
    UNION SELECT user_id, client_user_id FROM store."body"
    UNION SELECT user_id, client_user_id FROM store."connections"
    UNION SELECT user_id, client_user_id FROM store."devices"
    UNION SELECT user_id, client_user_id FROM store."electrocardiogram"
    UNION SELECT user_id, client_user_id FROM store."events"
    UNION SELECT user_id, client_user_id FROM store."fetches"
    UNION SELECT user_id, client_user_id FROM store."historical_pulls"
    UNION SELECT user_id, client_user_id FROM store."meal"
    UNION SELECT user_id, client_user_id FROM store."menstrual_cycle"
    UNION SELECT user_id, client_user_id FROM store."profile"
    UNION SELECT user_id, client_user_id FROM store."sleep"
    UNION SELECT user_id, client_user_id FROM store."sleep_cycle"
    UNION SELECT user_id, client_user_id FROM store."timeseries"
    UNION SELECT user_id, client_user_id FROM store."workout_stream_samples"
    UNION SELECT user_id, client_user_id FROM store."workout_streams"
    UNION SELECT user_id, client_user_id FROM store."workouts"
)
SELECT DISTINCT client_user_id
FROM named
WHERE client_user_id != '' AND sha256(lower(user_id)) IN (SELECT unnest(?::VARCHAR[]))
ORDER BY client_user_id
