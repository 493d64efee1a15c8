SELECT count(*) FROM store.{{ident (fence .Table)}}
