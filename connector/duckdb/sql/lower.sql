{{- /* A stale row may know an earlier value of the sticky column. */ -}}
UPDATE store.{{ident .Table}} AS T
SET {{ident .Sticky}} = matched.sticky
FROM matched
WHERE T.rowid = matched.held AND NOT matched.newer AND matched.earlier
