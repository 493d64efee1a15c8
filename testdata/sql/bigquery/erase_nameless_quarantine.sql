DELETE FROM `project.health_store.quarantine` AS T
WHERE TRUE /* not pruned: the table is not partitioned */ AND IFNULL(T.user_id, '') = '' AND T.`message_id` IN UNNEST(@ids)
