{{- /* Hashes of keys that more than one row may have. A key is long, and few
are shared: a hash for each takes a fraction of the memory. */ -}}
SELECT hash({{idents .Key}}) AS hash FROM store.{{ident .Table}} WHERE {{template "on_days.sql" .}} GROUP BY hash HAVING count(*) > 1
{{- /* no line break */ -}}
