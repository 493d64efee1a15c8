SELECT user_id, '', coalesce("source_provider", ''), count(*),
    max("calendar_date")
FROM store."sleep"
WHERE NOT _deleted AND user_id IN (SELECT unnest($1::VARCHAR[]))
GROUP BY ALL
