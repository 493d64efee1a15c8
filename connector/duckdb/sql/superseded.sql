{{- /* Rows with a newer version beside them. */ -}}
CREATE OR REPLACE TEMP TABLE passed_over AS
SELECT log.rowid AS row
FROM store.{{ident .Log}} AS log
ANTI JOIN contested ON log.rowid = contested.winner
WHERE {{template "source.sql" .}} AND hash({{idents .Key}}) IN (SELECT hash FROM repeated)
