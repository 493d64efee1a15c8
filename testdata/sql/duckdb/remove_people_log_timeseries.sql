WITH everybody AS MATERIALIZED (
    SELECT user_id FROM store."timeseries" UNION SELECT user_id FROM store."timeseries_log"
),
people AS MATERIALIZED (
    SELECT user_id, sha256(lower(user_id)) AS user_hash
    FROM everybody
    WHERE sha256(lower(user_id)) IN (SELECT unnest($1::VARCHAR[]))
)
DELETE FROM store."timeseries_log"
WHERE user_id IN (SELECT user_id FROM people) AND (_batch_id IN (SELECT unnest(batch_ids) FROM store.merges)
    OR _appended_at < $2 AND _batch_id NOT IN (SELECT batch_id FROM store.batches))
