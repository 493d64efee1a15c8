{{- /* What somebody has had fetched by hand, of some users. */ -}}
SELECT user_id, subject
FROM store.fetches
WHERE notice = 'command' AND NOT _deleted AND user_id IN (SELECT unnest(?::VARCHAR[]))
ORDER BY user_id, subject
