SELECT coalesce(sum(beyond), 0)::BIGINT
FROM (
    SELECT count(*) - 1 AS beyond
    FROM store."sleep"
    WHERE TRUE AND hash("user_id", "id") IN (SELECT hash("user_id", "id") AS hash FROM store."sleep" WHERE TRUE GROUP BY hash HAVING count(*) > 1)
    GROUP BY "user_id", "id"
)
