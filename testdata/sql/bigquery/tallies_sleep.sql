SELECT T.user_id, CAST(NULL AS STRING) AS resource,
    T.`source_provider` AS provider,
    COUNT(*) AS facts, MAX(T.`calendar_date`) AS newest
FROM `project.health_store.sleep` AS T
WHERE T.`user_id` IN UNNEST(@users) AND (T.`calendar_date` >= DATE '2026-11-22' AND T.`calendar_date` < DATE '2026-11-24' OR T.`calendar_date` IS NULL) AND NOT T._deleted
GROUP BY T.user_id, T.`source_provider`
