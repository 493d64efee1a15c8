DELETE FROM store.{{ident .Log}}
WHERE {{template "no_user.sql"}} AND {{ident .ID}} IN (SELECT unnest($1::VARCHAR[])) AND {{template "removable.sql"}}
