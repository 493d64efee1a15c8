{{- /* Rows of keys that have several get the least value of the sticky column, as a fold would have made it: one of them stays. */ -}}
UPDATE store.{{ident .Table}} AS T
SET {{ident .Sticky}} = S.least
FROM (
    SELECT {{idents .Key}}, min({{ident .Sticky}}) AS least
    FROM store.{{ident .Table}}
    GROUP BY {{idents .Key}}
    HAVING count(*) > 1
) AS S
WHERE {{range $i, $k := .Key}}{{if $i}} AND {{end}}T.{{ident $k}} = S.{{ident $k}}{{end}} AND T.{{ident .Sticky}} IS DISTINCT FROM S.least
