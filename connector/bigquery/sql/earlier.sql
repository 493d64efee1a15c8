{{- /* Does S bring an earlier value of the sticky column? Never NULL. */ -}}
(S.{{ident .Sticky}} IS NOT NULL AND (T.{{ident .Sticky}} IS NULL OR S.{{ident .Sticky}} < T.{{ident .Sticky}}))
{{- /* no line break */ -}}
