{{- /* Whatever it is: a merge that has read it cannot commit. */ -}}
UPDATE store.{{ident (fence .Table)}} SET n = n + 1
