DELETE FROM store."events"
WHERE (user_id IS NULL OR user_id = '') AND "event_key" IN (SELECT unnest($1::VARCHAR[]))
