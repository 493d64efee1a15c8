SELECT DISTINCT user_hash
FROM (SELECT user_hash FROM `project.health_store.erasures` WHERE entry = 'erase'
    AND erasure_id NOT IN (SELECT erasure_id FROM `project.health_store.erasures` WHERE entry = 'lift'))
