SELECT message_id, MAX(payload_bytes) AS payload_bytes
FROM `project.health_store.quarantine`
WHERE NOT _deleted AND message_id > @after
GROUP BY message_id
HAVING COUNTIF(reason IN UNNEST(@reasons)) > 0
ORDER BY message_id
LIMIT 10000
