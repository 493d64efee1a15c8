SELECT message_id, _index, part, published_at, _version_at, coalesce(reason, ''), coalesce(attributes::VARCHAR, ''),
    NULL::BLOB
FROM store.quarantine
WHERE NOT _deleted AND message_id IN (SELECT unnest(?::VARCHAR[]))
ORDER BY message_id, _index, part
