DELETE FROM store."sleep" AS T
USING matched
WHERE T.rowid = matched.held AND matched.newer
