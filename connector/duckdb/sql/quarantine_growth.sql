{{- /* What is in quarantine, by reason: of one time, and of the time before. Reasons stand in the first part of a message. */ -}}
SELECT reason, count(*) FILTER (published_at >= $1), count(*) FILTER (published_at < $1)
FROM store.quarantine
WHERE NOT _deleted AND reason IS NOT NULL AND published_at >= $2
GROUP BY reason
ORDER BY reason
