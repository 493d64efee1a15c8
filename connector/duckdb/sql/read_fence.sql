SELECT coalesce(max(n), -1) FROM store.{{ident (fence .Table)}}
