UPDATE store."sleep" AS T
SET "created_at" = matched.sticky
FROM matched
WHERE T.rowid = matched.held AND NOT matched.newer AND matched.earlier
