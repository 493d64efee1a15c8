SELECT `user_id`, `id`, `_version`, `created_at`
FROM `project.health_store.sleep` AS T
WHERE TRUE /* not pruned: rows without a day can have theirs in any partition */
