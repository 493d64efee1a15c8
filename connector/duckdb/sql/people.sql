{{- /* Some people by their hash, and how the rows of a table and its log spell them. A hash is computed once for each. */ -}}
WITH everybody AS MATERIALIZED (
    SELECT user_id FROM store.{{ident .Table}} UNION SELECT user_id FROM store.{{ident .Log}}
),
people AS MATERIALIZED (
    SELECT user_id, sha256(lower(user_id)) AS user_hash
    FROM everybody
    WHERE sha256(lower(user_id)) IN (SELECT unnest($1::VARCHAR[]))
)
{{- /* no line break */ -}}
