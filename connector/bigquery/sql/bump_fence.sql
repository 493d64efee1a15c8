{{- /* Whatever the fence is, a merge that has read it cannot commit any more. */ -}}
UPDATE {{table (fence .Table)}} SET n = n + 1 WHERE TRUE
