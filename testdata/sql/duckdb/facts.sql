SELECT rowid, * FROM temp.facts WHERE rowid >= ? AND rowid < ?
