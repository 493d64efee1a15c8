DELETE FROM store."timeseries" AS T
USING surplus
WHERE T.rowid = surplus.row
