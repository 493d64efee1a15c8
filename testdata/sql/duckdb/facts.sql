SELECT * FROM temp.facts WHERE rowid >= ? AND rowid < ? ORDER BY rowid
