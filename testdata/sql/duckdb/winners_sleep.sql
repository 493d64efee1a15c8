CREATE OR REPLACE TEMP TABLE winners AS
SELECT "user_id", "id", arg_max(rowid, _version) AS winner, max(_version) AS _version, count(*) AS versions, min("created_at") AS "created_at"
FROM store."sleep_log"
WHERE _batch_id IN (SELECT unnest(?::VARCHAR[])) AND _appended_at >= ?
GROUP BY "user_id", "id"
