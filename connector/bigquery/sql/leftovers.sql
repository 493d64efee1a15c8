{{- /* Samples of streams that a later fetch of the same workout did not bring; of fetches since a time. The users and workouts
       are named, so that not all of a table is read that is clustered by them. */ -}}
SELECT s.user_id, s.workout_id, s.`index`, MAX(f.fetched_at) AS fetched_at
FROM {{table "fetches"}} AS f
JOIN {{table "workout_stream_samples"}} AS s ON s.user_id = f.user_id AND s.workout_id = f.workout_id
WHERE f.fetched_at >= @since AND f.outcome IN ('fetched', 'empty') AND NOT f._deleted AND NOT s._deleted
    AND s.user_id IN UNNEST(@users) AND s.workout_id IN UNNEST(@workouts)
    AND s.`index` >= IFNULL(f.`rows`, 0) AND s._version_at < f.fetched_at
GROUP BY s.user_id, s.workout_id, s.`index`
ORDER BY s.user_id, s.workout_id, s.`index`
LIMIT {{.Most}}
