SELECT T.`message_id`, T._batch_id AS batch,
    T.`_index` AS `index`, T.`part` AS `part`,
    T.`attributes` AS `text`, T.`payload` AS `payload`
FROM `project.health_store.quarantine_log` AS T
WHERE T._appended_at >= TIMESTAMP '0001-01-01 00:00:00+00' AND IFNULL(T.user_id, '') = ''
ORDER BY 1, 2, 3, 4
