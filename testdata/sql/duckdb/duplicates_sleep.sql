SELECT count(*) OVER (), "user_id", "id"
FROM store."sleep"
WHERE TRUE AND hash("user_id", "id") IN (SELECT hash("user_id", "id") AS hash FROM store."sleep" WHERE TRUE GROUP BY hash HAVING count(*) > 1)
GROUP BY "user_id", "id"
HAVING count(*) > 1
ORDER BY "user_id", "id"
LIMIT 10
