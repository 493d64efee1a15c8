WITH everybody AS MATERIALIZED (
    SELECT user_id FROM store."sleep" UNION SELECT user_id FROM store."sleep_log"
),
people AS MATERIALIZED (
    SELECT user_id, sha256(lower(user_id)) AS user_hash
    FROM everybody
    WHERE sha256(lower(user_id)) IN (SELECT unnest($1::VARCHAR[]))
),
found AS (
    SELECT user_id, count(*) AS in_table, 0 AS in_log, 0 AS waiting
    FROM store."sleep"
    WHERE user_id IN (SELECT user_id FROM people)
    GROUP BY user_id
    UNION ALL
    SELECT user_id, 0, count(*) FILTER (removable), count(*) FILTER (NOT removable)
    FROM (SELECT user_id, (_batch_id IN (SELECT unnest(batch_ids) FROM store.merges)
    OR _appended_at < $2 AND _batch_id NOT IN (SELECT batch_id FROM store.batches)) AS removable FROM store."sleep_log")
    WHERE user_id IN (SELECT user_id FROM people)
    GROUP BY user_id
)
SELECT user_hash, sum(in_table)::BIGINT, sum(in_log)::BIGINT, sum(waiting)::BIGINT
FROM found
JOIN people USING (user_id)
GROUP BY user_hash
ORDER BY user_hash
