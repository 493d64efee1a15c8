SELECT `user_id`, `resource`, `provider`, `source_type`, `timestamp`, `discriminator`, `_version`
FROM `project.health_store.timeseries` AS T
WHERE ((T.`timestamp` >= TIMESTAMP '2026-11-22 00:00:00+00' AND T.`timestamp` < TIMESTAMP '2026-11-23 00:00:00+00') OR T.`timestamp` IS NULL)
