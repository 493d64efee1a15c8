{{- /* Which partitions hold a row that the merge will change? Only keys and versions are read. Rows of people who are
       erased are not left out: what the table still holds of theirs may have a partition named in which the merge then finds
       nothing to change, and once theirs are removed there is nothing to be named. */ -}}
WITH source AS (
    SELECT {{idents .Key}}, MAX(_version) AS _version
{{- if .Sticky}}, MIN({{ident .Sticky}}) AS {{ident .Sticky}}{{end}}
    FROM {{table .Log}}
    WHERE _batch_id IN UNNEST(@ids) AND _appended_at >= {{timestamp .Since}}
    GROUP BY {{idents .Key}}
)
SELECT DISTINCT {{if .Partition}}DATE(T.{{ident .Partition}}){{else}}CAST(NULL AS DATE){{end}} AS day
FROM source AS S
JOIN {{template "target.sql" .}} AS T
ON {{on .Key}}
WHERE {{.Part.Source.SQL "S"}}
  AND (S._version > T._version{{if .Sticky}} OR {{template "earlier.sql" .}}{{end}})
