{{- /* Some of the rows that were gathered. */ -}}
SELECT * FROM temp.facts WHERE rowid >= ? AND rowid < ? ORDER BY rowid
