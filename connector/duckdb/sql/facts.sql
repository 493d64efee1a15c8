{{- /* Some of the rows that were gathered, with their numbers. */ -}}
SELECT rowid, * FROM temp.facts WHERE rowid >= ? AND rowid < ?
