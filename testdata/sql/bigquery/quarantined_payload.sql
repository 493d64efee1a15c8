SELECT message_id, _index, part, published_at, _version_at, reason, attributes, payload
FROM `project.health_store.quarantine`
WHERE NOT _deleted AND message_id IN UNNEST(@ids)
ORDER BY message_id, _index, part
