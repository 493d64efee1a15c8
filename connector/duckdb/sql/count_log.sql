SELECT count(*) FROM store.{{ident .Log}} AS log WHERE {{template "batches.sql"}}
