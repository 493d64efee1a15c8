SELECT T.`event_key`, T._batch_id AS batch,
    0 AS `index`, 0 AS `part`,
    T.`payload` AS `text`, CAST(NULL AS BYTES) AS `payload`
FROM `project.health_store.events_log` AS T
WHERE T._appended_at >= TIMESTAMP '0001-01-01 00:00:00+00' AND IFNULL(T.user_id, '') = ''
ORDER BY 1, 2, 3, 4
