{{- /* Rows whose key the table has: which of its rows that is, and whether it
is older. What the sticky column becomes, and whether it changes it. */ -}}
CREATE OR REPLACE TEMP TABLE matched AS
SELECT S.row, T.rowid AS held, S._version > T._version AS newer
    {{- if .Sticky}},
    CASE WHEN T.{{ident .Sticky}} IS NULL OR S.{{ident .Sticky}} < T.{{ident .Sticky}} THEN S.{{ident .Sticky}} ELSE T.{{ident .Sticky}} END AS sticky,
    sticky IS DISTINCT FROM T.{{ident .Sticky}} AS earlier{{else}}, false AS earlier{{end}}
FROM (
    SELECT log.rowid AS row, {{idents .Key}}, _version
        {{- if .Sticky}}, coalesce(contested.{{ident .Sticky}}, log.{{ident .Sticky}}) AS {{ident .Sticky}}{{end}}
    FROM store.{{ident .Log}} AS log
    ANTI JOIN passed_over ON log.rowid = passed_over.row
    {{- if .Sticky}}
    LEFT JOIN contested ON log.rowid = contested.winner
    {{- end}}
    WHERE {{template "source.sql" .}}
) AS S
JOIN store.{{ident .Table}} AS T ON {{on .Key}}
