INSERT INTO {{ident .Database}}.store.{{ident .Log}} ({{idents .Columns}}, _batch_id, _appended_at)
SELECT {{idents .Columns}}, ?, ?
FROM {{ident .Incoming}}
