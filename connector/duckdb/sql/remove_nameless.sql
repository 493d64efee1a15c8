DELETE FROM store.{{ident .Table}}
WHERE {{template "no_user.sql"}} AND {{ident .ID}} IN (SELECT unnest($1::VARCHAR[]))
