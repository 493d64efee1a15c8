UPDATE store."sleep" AS T
SET "created_at" = S.least
FROM (
    SELECT "user_id", "id", min("created_at") AS least
    FROM store."sleep"
    GROUP BY "user_id", "id"
    HAVING count(*) > 1
) AS S
WHERE T."user_id" = S."user_id" AND T."id" = S."id" AND T."created_at" IS DISTINCT FROM S.least
