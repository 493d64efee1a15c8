{{- /* What a part needs to know of the table: the literal bounds stand right at the scan, where they prune. */ -}}
(
    SELECT {{idents .Key}}, _version{{if .Sticky}}, {{ident .Sticky}}{{end}}
    FROM {{table .Table}} AS T
    WHERE {{.Part.Target.SQL "T"}}
)
{{- /* no line break */ -}}
