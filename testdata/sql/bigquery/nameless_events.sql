SELECT T.`event_key`, '' AS batch,
    0 AS `index`, 0 AS `part`,
    T.`payload` AS `text`, CAST(NULL AS BYTES) AS `payload`
FROM `project.health_store.events` AS T
WHERE IFNULL(T.user_id, '') = ''
ORDER BY 1, 2, 3, 4
