SELECT user_id, resource, coalesce("provider", ''), count(*),
    max("timestamp")
FROM store."timeseries"
WHERE NOT _deleted AND user_id IN (SELECT unnest($1::VARCHAR[])) AND resource IN (SELECT unnest($2::VARCHAR[])) AND ("timestamp" >= $3::TIMESTAMPTZ AND "timestamp" < $4::TIMESTAMPTZ)
GROUP BY ALL
