{{- /* Of each key the greatest version of these batches. The sticky column is
the least value over all of its versions, not the winner's. */ -}}
CREATE OR REPLACE TEMP TABLE staged AS
SELECT {{range $i, $c := .Columns}}{{if $i}}, {{end}}
{{- if eq $c $.Sticky}}min({{ident $c}}) OVER (PARTITION BY {{idents $.Key}}) AS {{ident $c}}{{else}}{{ident $c}}{{end}}
{{- end}}
FROM store.{{ident .Log}}
WHERE _batch_id IN (SELECT unnest(?::VARCHAR[])) AND _appended_at >= ?
QUALIFY row_number() OVER (PARTITION BY {{idents .Key}} ORDER BY _version DESC) = 1
