SELECT `message_id`, `_index`, `part`, `_version`
FROM `project.health_store.quarantine` AS T
WHERE TRUE /* not pruned: the table is not partitioned */
