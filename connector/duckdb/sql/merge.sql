MERGE INTO store.{{ident .Table}} AS T
USING (
    SELECT {{range $i, $c := .Columns}}{{if $i}}, {{end}}
    {{- if eq $c $.Sticky}}winners{{else}}log{{end}}.{{ident $c}}
    {{- end}}
    FROM store.{{ident .Log}} AS log
    JOIN winners ON log.rowid = winners.winner
    WHERE log._batch_id IN (SELECT unnest(?::VARCHAR[])) AND log._appended_at >= ?
) AS S
ON {{on .Key}}
WHEN MATCHED AND S._version > T._version THEN UPDATE SET
    {{range $i, $c := .Values}}{{if $i}}, {{end}}{{ident $c}} =
    {{- if eq $c $.Sticky}} CASE WHEN T.{{ident $c}} IS NULL OR S.{{ident $c}} < T.{{ident $c}} THEN S.{{ident $c}} ELSE T.{{ident $c}} END
    {{- else}} S.{{ident $c}}{{end}}
    {{- end}}
{{- if .Sticky}}
WHEN MATCHED AND {{template "earlier.sql" .}} THEN UPDATE SET {{ident .Sticky}} = S.{{ident .Sticky}}
{{- end}}
WHEN NOT MATCHED THEN INSERT ({{idents .Columns}})
VALUES ({{range $i, $c := .Columns}}{{if $i}}, {{end}}S.{{ident $c}}{{end}})
