{{- /* Of each key the row with the greatest version in these batches, by the
number that DuckDB gives it, how many versions there are, and the least value
of the sticky column over all of them. The rows themselves stay where they
are: sorting them would take several times the memory, and writing them once
more the time. */ -}}
CREATE OR REPLACE TEMP TABLE winners AS
SELECT {{idents .Key}}, arg_max(rowid, _version) AS winner, max(_version) AS _version, count(*) AS versions
    {{- if .Sticky}}, min({{ident .Sticky}}) AS {{ident .Sticky}}{{end}}
FROM store.{{ident .Log}}
WHERE _batch_id IN (SELECT unnest(?::VARCHAR[])) AND _appended_at >= ?
GROUP BY {{idents .Key}}
