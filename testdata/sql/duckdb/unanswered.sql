WITH unanswered AS (
    SELECT 'historical_pulls' AS notice, n.user_id, n.team_id, n.client_user_id, n.provider, lower(hex(n._version)) AS version,
        n.resource, n.start_date, n.end_date, NULL::VARCHAR AS workout_id
    FROM store.historical_pulls AS n
    LEFT JOIN store.fetches AS f
        ON f.notice = 'historical_pulls' AND f.user_id = n.user_id AND f.resource = n.resource AND f.provider = n.provider
        AND f.start_date = n.start_date AND f.end_date = n.end_date AND NOT f._deleted
    WHERE NOT n._deleted AND (f.answered_version IS NULL OR f.answered_version < lower(hex(n._version)))
    UNION ALL
    SELECT 'workout_streams', n.user_id, n.team_id, n.client_user_id, n.source_provider, lower(hex(n._version)),
        NULL, NULL, NULL, n.workout_id
    FROM store.workout_streams AS n
    LEFT JOIN store.fetches AS f
        ON f.notice = 'workout_streams' AND f.user_id = n.user_id AND f.subject = n.workout_id AND NOT f._deleted
    WHERE NOT n._deleted AND NOT coalesce(ends_with(n.event_type, '.unavailable'), FALSE)
        AND (f.answered_version IS NULL OR f.answered_version < lower(hex(n._version)))
)
SELECT *
FROM unanswered
WHERE user_id IN (SELECT unnest(?::VARCHAR[]))
ORDER BY user_id, notice, resource, provider, start_date, end_date, workout_id
