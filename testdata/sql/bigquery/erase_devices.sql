DELETE FROM `project.health_store.devices` AS T
WHERE TRUE /* not pruned: the table is not partitioned */ AND TO_HEX(SHA256(LOWER(T.user_id))) IN UNNEST(@hashes)
