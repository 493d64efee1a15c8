SELECT user_id, '', coalesce("source_provider", ''), count(*),
    max("calendar_date")
FROM store."sleep"
WHERE NOT _deleted AND user_id IN (SELECT unnest($1::VARCHAR[])) AND ("calendar_date" IS NULL OR "calendar_date" >= $2::DATE AND "calendar_date" < $3::DATE)
GROUP BY ALL
