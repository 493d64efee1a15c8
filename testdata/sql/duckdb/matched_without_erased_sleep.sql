CREATE OR REPLACE TEMP TABLE matched AS
SELECT S.row, T.rowid AS held, S._version > T._version AS newer,
    CASE WHEN T."created_at" IS NULL OR S."created_at" < T."created_at" THEN S."created_at" ELSE T."created_at" END AS sticky,
    sticky IS DISTINCT FROM T."created_at" AS earlier
FROM (
    SELECT log.rowid AS row, "user_id", "id", _version, coalesce(contested."created_at", log."created_at") AS "created_at"
    FROM store."sleep_log" AS log
    ANTI JOIN passed_over ON log.rowid = passed_over.row
    LEFT JOIN contested ON log.rowid = contested.winner
    WHERE log._batch_id IN (SELECT unnest($1::VARCHAR[])) AND log._appended_at >= $2 AND (log.user_id IS NULL OR log.user_id NOT IN (SELECT user_id FROM erased))
) AS S
JOIN store."sleep" AS T ON T."user_id" = S."user_id" AND T."id" = S."id"
