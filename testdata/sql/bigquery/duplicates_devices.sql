SELECT `user_id`, `id`, COUNT(*) OVER () AS `keys`
FROM (
    SELECT `user_id`, `id`
    FROM `project.health_store.devices` AS T
    WHERE TRUE /* not pruned: the table is not partitioned */
    GROUP BY `user_id`, `id`
    HAVING COUNT(*) > 1
)
ORDER BY `user_id`, `id`
LIMIT 10
