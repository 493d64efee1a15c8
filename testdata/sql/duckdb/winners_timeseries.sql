CREATE OR REPLACE TEMP TABLE winners AS
SELECT "user_id", "resource", "provider", "source_type", "timestamp", "discriminator", arg_max(rowid, _version) AS winner, max(_version) AS _version, count(*) AS versions
FROM store."timeseries_log"
WHERE _batch_id IN (SELECT unnest(?::VARCHAR[])) AND _appended_at >= ?
GROUP BY "user_id", "resource", "provider", "source_type", "timestamp", "discriminator"
