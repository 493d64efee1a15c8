CREATE OR REPLACE TEMP TABLE repeated AS
SELECT hash("user_id", "resource", "provider", "source_type", "timestamp", "discriminator") AS hash
FROM store."timeseries_log" AS log
WHERE log._batch_id IN (SELECT unnest($1::VARCHAR[])) AND log._appended_at >= $2 AND (log.user_id IS NULL OR log.user_id NOT IN (SELECT user_id FROM erased))
GROUP BY hash
HAVING count(*) > 1
