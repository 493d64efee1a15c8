SELECT DISTINCT `client_user_id`
FROM (
    SELECT T.`client_user_id` FROM `project.health_store.activity` AS T WHERE TO_HEX(SHA256(LOWER(T.user_id))) IN UNNEST(@hashes)
    UNION ALL SELECT T.`client_user_id` FROM `project.health_store.body` AS T WHERE TO_HEX(SHA256(LOWER(T.user_id))) IN UNNEST(@hashes)
    UNION ALL SELECT T.`client_user_id` FROM `project.health_store.connections` AS T WHERE TO_HEX(SHA256(LOWER(T.user_id))) IN UNNEST(@hashes)
    UNION ALL SELECT T.`client_user_id` FROM `project.health_store.devices` AS T WHERE TO_HEX(SHA256(LOWER(T.user_id))) IN UNNEST(@hashes)
    UNION ALL SELECT T.`client_user_id` FROM `project.health_store.electrocardiogram` AS T WHERE TO_HEX(SHA256(LOWER(T.user_id))) IN UNNEST(@hashes)
    UNION ALL SELECT T.`client_user_id` FROM `project.health_store.events` AS T WHERE TO_HEX(SHA256(LOWER(T.user_id))) IN UNNEST(@hashes)
    UNION ALL SELECT T.`client_user_id` FROM `project.health_store.fetches` AS T WHERE TO_HEX(SHA256(LOWER(T.user_id))) IN UNNEST(@hashes)
    UNION ALL SELECT T.`client_user_id` FROM `project.health_store.historical_pulls` AS T WHERE TO_HEX(SHA256(LOWER(T.user_id))) IN UNNEST(@hashes)
    UNION ALL SELECT T.`client_user_id` FROM `project.health_store.meal` AS T WHERE TO_HEX(SHA256(LOWER(T.user_id))) IN UNNEST(@hashes)
    UNION ALL SELECT T.`client_user_id` FROM `project.health_store.menstrual_cycle` AS T WHERE TO_HEX(SHA256(LOWER(T.user_id))) IN UNNEST(@hashes)
    UNION ALL SELECT T.`client_user_id` FROM `project.health_store.profile` AS T WHERE TO_HEX(SHA256(LOWER(T.user_id))) IN UNNEST(@hashes)
    UNION ALL SELECT T.`client_user_id` FROM `project.health_store.sleep` AS T WHERE TO_HEX(SHA256(LOWER(T.user_id))) IN UNNEST(@hashes)
    UNION ALL SELECT T.`client_user_id` FROM `project.health_store.sleep_cycle` AS T WHERE TO_HEX(SHA256(LOWER(T.user_id))) IN UNNEST(@hashes)
    UNION ALL SELECT T.`client_user_id` FROM `project.health_store.timeseries` AS T WHERE T.`timestamp` >= TIMESTAMP '0001-01-01 00:00:00+00' AND TO_HEX(SHA256(LOWER(T.user_id))) IN UNNEST(@hashes)
    UNION ALL SELECT T.`client_user_id` FROM `project.health_store.workout_stream_samples` AS T WHERE TO_HEX(SHA256(LOWER(T.user_id))) IN UNNEST(@hashes)
    UNION ALL SELECT T.`client_user_id` FROM `project.health_store.workout_streams` AS T WHERE TO_HEX(SHA256(LOWER(T.user_id))) IN UNNEST(@hashes)
    UNION ALL SELECT T.`client_user_id` FROM `project.health_store.workouts` AS T WHERE TO_HEX(SHA256(LOWER(T.user_id))) IN UNNEST(@hashes)
)
WHERE `client_user_id` != ''
ORDER BY `client_user_id`
