CREATE OR REPLACE TEMP TABLE passed_over AS
SELECT log.rowid AS row
FROM store."sleep_log" AS log
ANTI JOIN contested ON log.rowid = contested.winner
WHERE log._batch_id IN (SELECT unnest($1::VARCHAR[])) AND log._appended_at >= $2 AND (log.user_id IS NULL OR log.user_id NOT IN (SELECT user_id FROM erased)) AND hash("user_id", "id") IN (SELECT hash FROM repeated)
