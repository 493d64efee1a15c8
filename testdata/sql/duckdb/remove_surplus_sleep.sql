DELETE FROM store."sleep" AS T
USING surplus
WHERE T.rowid = surplus.row
