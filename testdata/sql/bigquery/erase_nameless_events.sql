DELETE FROM `project.health_store.events` AS T
WHERE TRUE /* not pruned: the table is not partitioned */ AND IFNULL(T.user_id, '') = '' AND T.`event_key` IN UNNEST(@ids)
