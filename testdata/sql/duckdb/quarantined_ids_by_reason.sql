SELECT message_id, max(payload_bytes) AS payload_bytes
FROM store.quarantine
WHERE NOT _deleted AND message_id > ?
GROUP BY message_id
HAVING bool_or(list_contains(?::VARCHAR[], reason))
ORDER BY message_id
LIMIT 10000
