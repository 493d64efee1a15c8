{{- /* Rows that replace one of the table, and stale ones: of which the table
holds this version or a newer one, and nothing else that they would change. */ -}}
SELECT count(*) FILTER (newer), count(*) FILTER (NOT newer AND NOT earlier)
FROM matched
