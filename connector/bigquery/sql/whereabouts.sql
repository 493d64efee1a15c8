{{- /* Which partitions of a table, and which days of its log, hold rows that can be removed? */ -}}
SELECT DISTINCT logged, day
FROM (
    SELECT FALSE AS logged, {{if .Partition}}DATE(T.{{ident .Partition}}){{else}}CAST(NULL AS DATE){{end}} AS day
    FROM {{table .Table}} AS T
    WHERE {{template "anywhere.sql" .}}{{template "theirs.sql" .}}
    UNION ALL
    SELECT TRUE, DATE(T._appended_at)
    FROM {{table .Log}} AS T
    WHERE {{template "anywhere.sql" .Logged}}{{template "theirs.sql" .}} AND {{template "removable.sql" .}}
)
