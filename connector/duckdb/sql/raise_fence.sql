UPDATE store.{{ident (fence .Table)}} SET n = n + 1 WHERE n = ?
