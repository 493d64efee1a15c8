{{- /* Rows in quarantine that are not resolved, by reason, of two stretches of time. Reasons
       stand in the first part of a message. */ -}}
SELECT reason, COUNTIF(published_at >= {{timestamp .Since}}) AS recent, COUNTIF(published_at < {{timestamp .Since}}) AS earlier
FROM {{table "quarantine"}}
WHERE NOT _deleted AND reason IS NOT NULL AND published_at >= {{timestamp .Before}}
GROUP BY reason
ORDER BY reason
