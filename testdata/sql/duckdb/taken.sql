SELECT count(*)
FROM (SELECT unnest(batch_ids) AS batch_id FROM store.merges) AS m
WHERE m.batch_id IN (SELECT unnest(?::VARCHAR[]))
