{{- /* What a statement of a merge reads of one table. It is never run, only asked for its bytes. */ -}}
SELECT {{idents .Columns}}
FROM {{table .From}} AS T
WHERE {{.Where}}
