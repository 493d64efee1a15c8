SELECT reason, count(*) FILTER (published_at >= $1), count(*) FILTER (published_at < $1)
FROM store.quarantine
WHERE NOT _deleted AND reason IS NOT NULL AND published_at >= $2
GROUP BY reason
ORDER BY reason
