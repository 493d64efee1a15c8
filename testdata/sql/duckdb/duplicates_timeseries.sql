SELECT count(*) OVER (), "user_id", "resource", "provider", "source_type", "timestamp", "discriminator"
FROM store."timeseries"
WHERE "timestamp" >= $1 AND "timestamp" < $2 AND "timestamp"::DATE IN (SELECT unnest($3::DATE[])) AND hash("user_id", "resource", "provider", "source_type", "timestamp", "discriminator") IN (SELECT hash("user_id", "resource", "provider", "source_type", "timestamp", "discriminator") AS hash FROM store."timeseries" WHERE "timestamp" >= $1 AND "timestamp" < $2 AND "timestamp"::DATE IN (SELECT unnest($3::DATE[])) GROUP BY hash HAVING count(*) > 1)
GROUP BY "user_id", "resource", "provider", "source_type", "timestamp", "discriminator"
HAVING count(*) > 1
ORDER BY "user_id", "resource", "provider", "source_type", "timestamp", "discriminator"
LIMIT 10
