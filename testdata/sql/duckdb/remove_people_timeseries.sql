WITH everybody AS MATERIALIZED (
    SELECT user_id FROM store."timeseries" UNION SELECT user_id FROM store."timeseries_log"
),
people AS MATERIALIZED (
    SELECT user_id, sha256(lower(user_id)) AS user_hash
    FROM everybody
    WHERE sha256(lower(user_id)) IN (SELECT unnest($1::VARCHAR[]))
)
DELETE FROM store."timeseries"
WHERE user_id IN (SELECT user_id FROM people)
