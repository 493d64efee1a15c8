SELECT T.`message_id`, '' AS batch,
    T.`_index` AS `index`, T.`part` AS `part`,
    T.`attributes` AS `text`, T.`payload` AS `payload`
FROM `project.health_store.quarantine` AS T
WHERE IFNULL(T.user_id, '') = ''
ORDER BY 1, 2, 3, 4
