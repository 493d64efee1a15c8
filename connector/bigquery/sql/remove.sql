{{- /* Of keys that have several rows, only one stays: what a fold would have made of them. The rows that stay are written anew,
       for a row of several that are equal cannot be told from the others. Columns are not named: what the catalogue does not
       know stays with its row. */ -}}
DECLARE found, surplus, deleted, inserted INT64 DEFAULT 0;
BEGIN TRANSACTION;

{{template "raise_fence.sql" .}}

-- All rows of these keys, those that stay first.
{{- range $i, $days := .Updates}}
{{if $i}}INSERT INTO several{{else}}CREATE TEMP TABLE several AS{{end}}
SELECT *,{{with $.Sticky}}
    MIN(T.{{ident .}}) OVER (PARTITION BY {{idents $.Key}}) AS _least,{{end}}
    ROW_NUMBER() OVER (PARTITION BY {{idents $.Key}} ORDER BY T._version DESC) AS _nth
FROM {{table $.Table}} AS T
WHERE {{$days.SQL "T"}}
QUALIFY COUNT(*) OVER (PARTITION BY {{idents $.Key}}) > 1;
{{- end}}
SET (found, surplus) = (SELECT AS STRUCT COUNT(*), COUNTIF(_nth > 1) FROM several);
{{range .Updates}}
DELETE FROM {{table $.Table}} AS T
WHERE {{.SQL "T"}} AND EXISTS (SELECT 1 FROM several AS S WHERE {{on $.Key}});
SET deleted = deleted + @@row_count;
{{end}}
{{- range .Updates}}
INSERT INTO {{table $.Table}}
SELECT * EXCEPT ({{if $.Sticky}}_least, {{end}}_nth)
FROM {{with $.Sticky}}(SELECT * REPLACE (_least AS {{ident .}}) FROM several){{else}}several{{end}} AS S
WHERE S._nth = 1 AND {{.SQL "S"}};
SET inserted = inserted + @@row_count;
{{end}}
IF deleted != found OR deleted - inserted != surplus THEN
    RAISE USING MESSAGE = FORMAT('%s {found=%d, surplus=%d, deleted=%d, inserted=%d}',
        {{literal .Unbalanced}}, found, surplus, deleted, inserted);
END IF;
COMMIT TRANSACTION;
SELECT surplus AS removed;
