SELECT `user_id`, `resource`, `provider`, `source_type`, `timestamp`, `discriminator`, COUNT(*) OVER () AS `keys`
FROM (
    SELECT `user_id`, `resource`, `provider`, `source_type`, `timestamp`, `discriminator`
    FROM `project.health_store.timeseries` AS T
    WHERE ((T.`timestamp` >= TIMESTAMP '2019-03-01 00:00:00+00' AND T.`timestamp` < TIMESTAMP '2019-03-02 00:00:00+00') OR (T.`timestamp` >= TIMESTAMP '2026-11-22 00:00:00+00' AND T.`timestamp` < TIMESTAMP '2026-11-24 00:00:00+00'))
    GROUP BY `user_id`, `resource`, `provider`, `source_type`, `timestamp`, `discriminator`
    HAVING COUNT(*) > 1
)
ORDER BY `user_id`, `resource`, `provider`, `source_type`, `timestamp`, `discriminator`
LIMIT 10
