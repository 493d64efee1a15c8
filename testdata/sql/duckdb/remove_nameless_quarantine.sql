DELETE FROM store."quarantine"
WHERE (user_id IS NULL OR user_id = '') AND "message_id" IN (SELECT unnest($1::VARCHAR[]))
