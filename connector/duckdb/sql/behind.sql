{{- /* Keys in the log's rows of batches that the table does not hold, or not like this: how many of each flaw, and the first. Nobody who is erased is missed. */ -}}
WITH erased AS MATERIALIZED (
    {{template "erased_users.sql" .}}
),
compared AS (
    SELECT {{range .Key}}log.{{ident .}}, {{end}}log._version, T._version AS held
        {{- if .Sticky}}, log.{{ident .Sticky}} AS sticky, T.{{ident .Sticky}} AS held_sticky{{end}},
        log._version = T._version
        {{- range .Columns}}{{if ne .Name $.Sticky}}
            AND log.{{ident .Name}}{{if eq .Type "JSON"}}::VARCHAR{{end}} IS NOT DISTINCT FROM T.{{ident .Name}}{{if eq .Type "JSON"}}::VARCHAR{{end}}
        {{- end}}{{end}} AS same
    FROM store.{{ident .Log}} AS log
    LEFT JOIN store.{{ident .Table}} AS T ON {{range $i, $k := .Key}}{{if $i}} AND {{end}}T.{{ident $k}} = log.{{ident $k}}{{end}}
    WHERE {{template "source.sql" .}}
),
judged AS MATERIALIZED (
    SELECT {{idents .Key}},
        max(held) IS NULL OR max(_version) > max(held) AS behind,
        -- An earlier batch may have brought what the table holds: then its rows
        -- of this version are as good.
        max(_version) = max(held) AND NOT coalesce(bool_or(same), FALSE) AS unequal
        {{- if .Sticky}},
        coalesce(date_trunc('day', min(sticky)) != date_trunc('day', max(sticky)), FALSE)
            OR max(_version) <= max(held) AND min(sticky) IS NOT NULL AND coalesce(min(sticky) < min(held_sticky) OR date_trunc('day', min(sticky)) != date_trunc('day', min(held_sticky)), TRUE) AS moved
        {{- end}}
    FROM compared
    GROUP BY {{idents .Key}}
)
SELECT flaw, count(*) OVER (PARTITION BY flaw), {{idents .Key}}
FROM (
    SELECT {{literal .Behind}} AS flaw, {{idents .Key}} FROM judged WHERE behind
    UNION ALL
    SELECT {{literal .Unequal}}, {{idents .Key}} FROM judged WHERE unequal
    {{- if .Sticky}}
    UNION ALL
    SELECT {{literal .Moved}}, {{idents .Key}} FROM judged WHERE moved
    {{- end}}
)
QUALIFY row_number() OVER (PARTITION BY flaw ORDER BY {{idents .Key}}) <= {{.Most}}
ORDER BY flaw, {{idents .Key}}
