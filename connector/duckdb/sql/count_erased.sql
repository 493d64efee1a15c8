SELECT count(*) FROM store.{{ident .Log}} AS log
WHERE {{template "batches.sql"}} AND log.user_id IN (SELECT user_id FROM erased)
