CREATE OR REPLACE TEMP TABLE winners AS
SELECT arg_max(rowid, _version) AS winner, count(*) AS versions, min("created_at") AS sticky
FROM store."sleep_log"
WHERE _batch_id IN (SELECT unnest(?::VARCHAR[])) AND _appended_at >= ?
GROUP BY "user_id", "id"
