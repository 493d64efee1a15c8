{{- /* Does the table hold what merged rows of the log brought? Of the keys for which it does not: what is wrong, the first of
       them, and how many there are. */ -}}
WITH logged AS (
    -- Of each key the newest version; one that was delivered twice is there twice.
    SELECT {{range $i, $c := .Columns}}{{if $i}}, {{end}}
    {{- if eq $c $.Sticky}}MIN({{ident $c}}) OVER (PARTITION BY {{idents $.Key}}) AS {{ident $c}}{{else}}{{ident $c}}{{end}}
    {{- end}}
    {{- if .Sticky}},
        MAX({{ident .Sticky}}) OVER (PARTITION BY {{idents .Key}}) AS _latest{{end}}
    FROM {{table .Log}}
    WHERE _batch_id IN UNNEST(@ids) AND _appended_at >= {{timestamp .Since}} AND _appended_at <= {{timestamp .Until}}
        AND NOT {{template "erased.sql"}} -- the table holds none of theirs
    QUALIFY RANK() OVER (PARTITION BY {{idents .Key}} ORDER BY _version DESC) = 1
),
judged AS (
    SELECT {{range .Key}}S.{{ident .}}, {{end}}
        LOGICAL_AND(T._version IS NULL) AS missing,
        LOGICAL_AND(T._version IS NULL OR S._version > T._version) AS behind,
        -- An earlier batch may have brought what the table holds: then one of
        -- the rows of this version is as good as another.
        LOGICAL_AND(IF(S._version = T._version,
            {{- range $i, $c := .Compared}}
            {{if $i}}OR {{end}}
            {{- if $c.AsText}}TO_JSON_STRING(S.{{ident $c.Name}}) IS DISTINCT FROM TO_JSON_STRING(T.{{ident $c.Name}})
            {{- else}}S.{{ident $c.Name}} IS DISTINCT FROM T.{{ident $c.Name}}{{end}}
            {{- end}}
            , NULL)) AS unequal,
        {{if .Sticky}}LOGICAL_OR(DATE(S.{{ident .Sticky}}) < DATE(S._latest) 
            OR T._version >= S._version AND ({{template "earlier.sql" .}} OR DATE(S.{{ident .Sticky}}) != DATE(T.{{ident .Sticky}}))){{else}}FALSE{{end}} AS moved
    FROM logged AS S
    LEFT JOIN (
        SELECT {{idents .Columns}}
        FROM {{table .Table}} AS T
        WHERE {{.Part.Target.SQL "T"}}
    ) AS T
    ON {{on .Key}}
    WHERE {{.Part.Source.SQL "S"}}
    GROUP BY {{range $i, $k := .Key}}{{if $i}}, {{end}}S.{{ident $k}}{{end}}
)
SELECT flaw, COUNT(*) OVER (PARTITION BY flaw) AS `keys`, COUNTIF(missing) OVER (PARTITION BY flaw) AS missing, {{idents .Key}}
FROM judged, UNNEST([IF(behind, {{literal .Behind}}, NULL), IF(unequal, {{literal .Unequal}}, NULL), IF(moved, {{literal .Moved}}, NULL)]) AS flaw
WHERE flaw IS NOT NULL
QUALIFY ROW_NUMBER() OVER (PARTITION BY flaw ORDER BY {{idents .Key}}) <= {{.Most}}
ORDER BY flaw, {{idents .Key}}
