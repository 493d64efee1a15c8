{{- /* Of each of these keys the row with the greatest version, by the number
that DuckDB gives it, and the least value of the sticky column over all. */ -}}
CREATE OR REPLACE TEMP TABLE contested AS
SELECT arg_max(log.rowid, _version) AS winner
    {{- if .Sticky}}, min({{ident .Sticky}}) AS {{ident .Sticky}}{{end}}
FROM store.{{ident .Log}} AS log
WHERE {{template "source.sql" .}} AND hash({{idents .Key}}) IN (SELECT hash FROM repeated)
GROUP BY {{idents .Key}}
