SELECT min(rowid)
FROM (SELECT rowid, sum(bytes) OVER (ORDER BY rowid) AS total FROM temp.facts WHERE rowid >= ? AND rowid < ?)
WHERE total > ?
