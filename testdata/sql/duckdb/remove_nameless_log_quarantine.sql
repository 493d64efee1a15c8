DELETE FROM store."quarantine_log"
WHERE (user_id IS NULL OR user_id = '') AND "message_id" IN (SELECT unnest($1::VARCHAR[])) AND (_batch_id IN (SELECT unnest(batch_ids) FROM store.merges)
    OR _appended_at < $2 AND _batch_id NOT IN (SELECT batch_id FROM store.batches))
