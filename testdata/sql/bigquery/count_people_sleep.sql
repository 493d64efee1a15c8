SELECT user_hash, COUNTIF(NOT logged) AS latest, COUNTIF(logged AND removable) AS log, COUNTIF(logged AND NOT removable) AS waiting
FROM (
    SELECT TO_HEX(SHA256(LOWER(T.user_id))) AS user_hash, FALSE AS logged, TRUE AS removable
    FROM `project.health_store.sleep` AS T
    WHERE TO_HEX(SHA256(LOWER(T.user_id))) IN UNNEST(@hashes)
    UNION ALL
    SELECT TO_HEX(SHA256(LOWER(T.user_id))), TRUE, (T._batch_id IN (SELECT id FROM `project.health_store.merges` AS m, UNNEST(m.batch_ids) AS id)
    OR T._appended_at < TIMESTAMP '2026-11-23 08:00:00.123456+00' AND T._batch_id NOT IN (SELECT b.batch_id FROM `project.health_store.batches` AS b))
    FROM `project.health_store.sleep_log` AS T
    WHERE T._appended_at >= TIMESTAMP '0001-01-01 00:00:00+00' AND TO_HEX(SHA256(LOWER(T.user_id))) IN UNNEST(@hashes)
)
GROUP BY user_hash
ORDER BY user_hash
