SELECT T.user_id, CAST(NULL AS STRING) AS resource,
    T.`provider` AS provider,
    COUNT(*) AS facts, CAST(NULL AS TIMESTAMP) AS newest
FROM `project.health_store.devices` AS T
WHERE T.`user_id` IN UNNEST(@users) AND NOT T._deleted
GROUP BY T.user_id, T.`provider`
