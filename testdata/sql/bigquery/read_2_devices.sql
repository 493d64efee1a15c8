SELECT `user_id`, `id`, `_version`
FROM `project.health_store.devices` AS T
WHERE TRUE /* not pruned: the table is not partitioned */
