SELECT reason, COUNTIF(published_at >= TIMESTAMP '2026-11-23 10:00:00.123456+00') AS recent, COUNTIF(published_at < TIMESTAMP '2026-11-23 10:00:00.123456+00') AS earlier
FROM `project.health_store.quarantine`
WHERE NOT _deleted AND reason IS NOT NULL AND published_at >= TIMESTAMP '2026-11-22 10:00:00.123456+00'
GROUP BY reason
ORDER BY reason
