CREATE OR REPLACE TEMP TABLE matched AS
SELECT S.row, T.rowid AS held, S._version > T._version AS newer, false AS earlier
FROM (
    SELECT log.rowid AS row, "user_id", "resource", "provider", "source_type", "timestamp", "discriminator", _version
    FROM store."timeseries_log" AS log
    ANTI JOIN passed_over ON log.rowid = passed_over.row
    WHERE log._batch_id IN (SELECT unnest($1::VARCHAR[])) AND log._appended_at >= $2 AND (log.user_id IS NULL OR log.user_id NOT IN (SELECT user_id FROM erased))
) AS S
JOIN store."timeseries" AS T ON T."user_id" = S."user_id" AND T."resource" = S."resource" AND T."provider" = S."provider" AND T."source_type" = S."source_type" AND T."timestamp" = S."timestamp" AND T."discriminator" = S."discriminator"
