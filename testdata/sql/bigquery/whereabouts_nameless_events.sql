SELECT DISTINCT logged, day
FROM (
    SELECT FALSE AS logged, CAST(NULL AS DATE) AS day
    FROM `project.health_store.events` AS T
    WHERE IFNULL(T.user_id, '') = '' AND T.`event_key` IN UNNEST(@ids)
    UNION ALL
    SELECT TRUE, DATE(T._appended_at)
    FROM `project.health_store.events_log` AS T
    WHERE T._appended_at >= TIMESTAMP '0001-01-01 00:00:00+00' AND IFNULL(T.user_id, '') = '' AND T.`event_key` IN UNNEST(@ids) AND (T._batch_id IN (SELECT id FROM `project.health_store.merges` AS m, UNNEST(m.batch_ids) AS id)
    OR T._appended_at < TIMESTAMP '2026-11-23 08:00:00.123456+00' AND T._batch_id NOT IN (SELECT b.batch_id FROM `project.health_store.batches` AS b))
)
