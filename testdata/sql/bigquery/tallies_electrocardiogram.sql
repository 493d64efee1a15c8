SELECT T.user_id, CAST(NULL AS STRING) AS resource,
    T.`source_provider` AS provider,
    COUNT(*) AS facts, MAX(T.`session_start`) AS newest
FROM `project.health_store.electrocardiogram` AS T
WHERE T.`user_id` IN UNNEST(@users) AND (T.`session_start` >= TIMESTAMP '2026-11-22 00:00:00+00' AND T.`session_start` < TIMESTAMP '2026-11-24 00:00:00+00' OR T.`session_start` IS NULL) AND NOT T._deleted
GROUP BY T.user_id, T.`source_provider`
