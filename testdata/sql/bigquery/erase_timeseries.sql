DELETE FROM `project.health_store.timeseries` AS T
WHERE ((T.`timestamp` >= TIMESTAMP '0001-01-01 00:00:00+00' AND T.`timestamp` < TIMESTAMP '0001-01-02 00:00:00+00') OR (T.`timestamp` >= TIMESTAMP '2026-11-22 00:00:00+00' AND T.`timestamp` < TIMESTAMP '2026-11-23 00:00:00+00')) AND TO_HEX(SHA256(LOWER(T.user_id))) IN UNNEST(@hashes)
