SELECT s.user_id, s.workout_id, s.`index`, MAX(f.fetched_at) AS fetched_at
FROM `project.health_store.fetches` AS f
JOIN `project.health_store.workout_stream_samples` AS s ON s.user_id = f.user_id AND s.workout_id = f.workout_id
WHERE f.fetched_at >= @since AND f.outcome IN ('fetched', 'empty') AND NOT f._deleted AND NOT s._deleted
    AND s.user_id IN UNNEST(@users) AND s.workout_id IN UNNEST(@workouts)
    AND s.`index` >= IFNULL(f.`rows`, 0) AND s._version_at < f.fetched_at
GROUP BY s.user_id, s.workout_id, s.`index`
ORDER BY s.user_id, s.workout_id, s.`index`
LIMIT 100000
