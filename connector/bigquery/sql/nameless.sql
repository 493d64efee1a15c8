{{- /* Rows that name no user, with what may tell of one. They are read in this order, and not kept. */ -}}
SELECT T.{{ident .ID}}, {{if .OfLog}}T._batch_id{{else}}''{{end}} AS batch,
    {{if .Index}}T.{{ident .Index}}{{else}}0{{end}} AS `index`, {{if .Part}}T.{{ident .Part}}{{else}}0{{end}} AS `part`,
    T.{{ident .Text}} AS `text`, {{if .Payload}}T.{{ident .Payload}}{{else}}CAST(NULL AS BYTES){{end}} AS `payload`
FROM {{table .From}} AS T
WHERE {{template "anywhere.sql" .}}IFNULL(T.user_id, '') = ''
ORDER BY 1, 2, 3, 4
