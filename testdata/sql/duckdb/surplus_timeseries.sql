CREATE OR REPLACE TEMP TABLE surplus AS
SELECT rowid AS row
FROM store."timeseries"
WHERE "timestamp" >= $1 AND "timestamp" < $2 AND "timestamp"::DATE IN (SELECT unnest($3::DATE[])) AND hash("user_id", "resource", "provider", "source_type", "timestamp", "discriminator") IN (SELECT hash("user_id", "resource", "provider", "source_type", "timestamp", "discriminator") AS hash FROM store."timeseries" WHERE "timestamp" >= $1 AND "timestamp" < $2 AND "timestamp"::DATE IN (SELECT unnest($3::DATE[])) GROUP BY hash HAVING count(*) > 1)
QUALIFY row_number() OVER (PARTITION BY "user_id", "resource", "provider", "source_type", "timestamp", "discriminator" ORDER BY _version DESC, rowid) > 1
