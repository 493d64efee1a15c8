CREATE OR REPLACE TEMP TABLE surplus AS
SELECT rowid AS row
FROM store."sleep"
WHERE TRUE AND hash("user_id", "id") IN (SELECT hash("user_id", "id") AS hash FROM store."sleep" WHERE TRUE GROUP BY hash HAVING count(*) > 1)
QUALIFY row_number() OVER (PARTITION BY "user_id", "id" ORDER BY _version DESC, rowid) > 1
