DELETE FROM store."timeseries" AS T
USING matched
WHERE T.rowid = matched.held AND matched.newer
