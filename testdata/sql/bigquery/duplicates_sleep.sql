SELECT `user_id`, `id`, COUNT(*) OVER () AS `keys`
FROM (
    SELECT `user_id`, `id`
    FROM `project.health_store.sleep` AS T
    WHERE TRUE /* not pruned: a key can be in any partition */
    GROUP BY `user_id`, `id`
    HAVING COUNT(*) > 1
)
ORDER BY `user_id`, `id`
LIMIT 10
