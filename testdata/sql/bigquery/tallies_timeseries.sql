SELECT T.user_id, T.resource,
    T.`provider` AS provider,
    COUNT(*) AS facts, MAX(T.`timestamp`) AS newest
FROM `project.health_store.timeseries` AS T
WHERE T.`user_id` IN UNNEST(@users) AND T.`resource` IN ('heartrate', 'glucose') AND T.`timestamp` >= TIMESTAMP '2026-11-22 00:00:00+00' AND T.`timestamp` < TIMESTAMP '2026-11-24 00:00:00+00' AND NOT T._deleted
GROUP BY T.user_id, T.resource, T.`provider`
