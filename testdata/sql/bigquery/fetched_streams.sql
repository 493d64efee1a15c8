SELECT DISTINCT user_id, workout_id
FROM `project.health_store.fetches`
WHERE fetched_at >= @since AND workout_id IS NOT NULL AND outcome IN ('fetched', 'empty') AND NOT _deleted
ORDER BY user_id, workout_id
