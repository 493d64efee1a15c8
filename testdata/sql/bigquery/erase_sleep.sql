DELETE FROM `project.health_store.sleep` AS T
WHERE ((T.`created_at` >= TIMESTAMP '2026-11-22 00:00:00+00' AND T.`created_at` < TIMESTAMP '2026-11-23 00:00:00+00') OR T.`created_at` IS NULL) AND TO_HEX(SHA256(LOWER(T.user_id))) IN UNNEST(@hashes)
