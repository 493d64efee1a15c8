{{- /* Hashes of keys that more than one of the rows may have. A key is long,
and few are repeated: a hash for each takes a fraction of the memory. */ -}}
CREATE OR REPLACE TEMP TABLE repeated AS
SELECT hash({{idents .Key}}) AS hash
FROM store.{{ident .Log}} AS log
WHERE {{template "source.sql" .}}
GROUP BY hash
HAVING count(*) > 1
