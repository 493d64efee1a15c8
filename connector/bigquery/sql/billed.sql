{{- /* What the merges since then were billed for. */ -}}
SELECT IFNULL(SUM(bytes_billed), 0) AS bytes_billed
FROM {{table "merges"}}
WHERE merged_at >= {{timestamp .}}
