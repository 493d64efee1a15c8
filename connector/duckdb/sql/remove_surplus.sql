DELETE FROM store.{{ident .Table}} AS T
USING surplus
WHERE T.rowid = surplus.row
