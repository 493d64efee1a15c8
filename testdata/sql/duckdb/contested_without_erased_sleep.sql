CREATE OR REPLACE TEMP TABLE contested AS
SELECT arg_max(log.rowid, _version) AS winner, min("created_at") AS "created_at"
FROM store."sleep_log" AS log
WHERE log._batch_id IN (SELECT unnest($1::VARCHAR[])) AND log._appended_at >= $2 AND (log.user_id IS NULL OR log.user_id NOT IN (SELECT user_id FROM erased)) AND hash("user_id", "id") IN (SELECT hash FROM repeated)
GROUP BY "user_id", "id"
