WITH everybody AS MATERIALIZED (
    SELECT user_id FROM store."sleep" UNION SELECT user_id FROM store."sleep_log"
),
people AS MATERIALIZED (
    SELECT user_id, sha256(lower(user_id)) AS user_hash
    FROM everybody
    WHERE sha256(lower(user_id)) IN (SELECT unnest($1::VARCHAR[]))
)
DELETE FROM store."sleep"
WHERE user_id IN (SELECT user_id FROM people)
