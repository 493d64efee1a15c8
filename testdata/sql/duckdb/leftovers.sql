SELECT s.user_id, s.workout_id, s."index", max(f.fetched_at)
FROM store.fetches AS f
JOIN store.workout_stream_samples AS s ON s.user_id = f.user_id AND s.workout_id = f.workout_id
WHERE f.fetched_at >= ? AND f.outcome IN ('fetched', 'empty') AND NOT f._deleted AND NOT s._deleted
    AND s."index" >= coalesce(f.rows, 0) AND s._version_at < f.fetched_at
GROUP BY s.user_id, s.workout_id, s."index"
ORDER BY s.user_id, s.workout_id, s."index"
LIMIT 100000
