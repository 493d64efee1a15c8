SELECT user_id, subject
FROM `project.health_store.fetches`
WHERE notice = 'command' AND NOT _deleted AND user_id IN UNNEST(@users)
ORDER BY user_id, subject
