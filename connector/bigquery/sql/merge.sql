DECLARE found, superseded, stale, erased, applied, billed INT64 DEFAULT 0;
BEGIN TRANSACTION;

{{template "raise_fence.sql" .}}
IF EXISTS (
    SELECT 1 FROM {{table "merges"}} AS m, UNNEST(m.batch_ids) AS id
    WHERE m.merged_at >= {{timestamp .LedgerSince}} AND m.table_name = {{literal .Table}} AND id IN UNNEST(@ids)
) THEN
    RAISE USING MESSAGE = {{literal .Taken}};
END IF;

-- Of each key the newest version, and how many there are. Who is erased is
-- asked for within the transaction: what a folder remembers may be out of date.
CREATE TEMP TABLE source AS
SELECT {{range $i, $c := .Columns}}{{if $i}}, {{end}}
{{- if eq $c $.Sticky}}MIN({{ident $c}}) OVER (PARTITION BY {{idents $.Key}}) AS {{ident $c}}{{else}}{{ident $c}}{{end}}
{{- end}},
    COUNT(*) OVER (PARTITION BY {{idents .Key}}) AS _versions
FROM {{table .Log}}
WHERE _batch_id IN UNNEST(@ids) AND _appended_at >= {{timestamp .Since}} AND NOT {{template "erased.sql"}}
QUALIFY ROW_NUMBER() OVER (PARTITION BY {{idents .Key}} ORDER BY _version DESC) = 1;

-- What the table has of each: nothing, something older, or this or something newer.
{{- range $i, $part := .Parts}}
{{if $i}}INSERT INTO staged ({{idents $.Columns}}, _versions, _state){{else}}CREATE TEMP TABLE staged AS{{end}}
SELECT {{range $c := $.Columns}}S.{{ident $c}}, {{end}}S._versions,
    CASE
        WHEN T._version IS NULL THEN 'new'
        WHEN S._version > T._version{{if $.Sticky}} OR {{template "earlier.sql" $}}{{end}} THEN 'newer'
        ELSE 'stale'
    END AS _state
FROM source AS S
LEFT JOIN {{template "target.sql" ($.With $part)}} AS T
ON {{on $.Key}}
WHERE {{$part.Source.SQL "S"}};
{{- end}}
SET (found, superseded, stale) = (
    SELECT AS STRUCT IFNULL(SUM(_versions), 0), IFNULL(SUM(_versions - 1), 0), COUNTIF(_state = 'stale') FROM staged
);
IF found - superseded > (SELECT COUNT(*) FROM source) THEN -- that many are staged
    RAISE USING MESSAGE = {{literal .Twice}};
END IF;
-- The log is read once more only where rows are missing: those of people who
-- are erased. They are counted, and not taken to be what is missing.
IF found != @registered THEN
    SET erased = (
        SELECT COUNT(*)
        FROM {{table .Log}}
        WHERE _batch_id IN UNNEST(@ids) AND _appended_at >= {{timestamp .Since}} AND {{template "erased.sql"}}
    );
END IF;
IF found + erased != @registered THEN
    RAISE USING MESSAGE = FORMAT('%s {registered=%d, found=%d, erased=%d}', {{literal .Unbalanced}}, @registered, found, erased);
END IF;
{{range .Updates}}
MERGE INTO {{table $.Table}} AS T
USING (SELECT * FROM staged WHERE _state = 'newer') AS S
ON {{on $.Key}} AND {{.SQL "T"}}
WHEN MATCHED AND S._version > T._version THEN UPDATE SET
    {{range $i, $c := $.Values}}{{if $i}}, {{end}}{{ident $c}} =
    {{- if eq $c $.Sticky}} CASE WHEN T.{{ident $c}} IS NULL OR S.{{ident $c}} < T.{{ident $c}} THEN S.{{ident $c}} ELSE T.{{ident $c}} END
    {{- else}} S.{{ident $c}}{{end}}
    {{- end}}
{{- if $.Sticky}}
WHEN MATCHED AND {{template "earlier.sql" $}} THEN UPDATE SET {{ident $.Sticky}} = S.{{ident $.Sticky}}
{{- end}};
SET applied = applied + @@row_count;
{{end}}
{{- range .Parts}}
INSERT INTO {{table $.Table}} ({{idents $.Columns}})
SELECT {{range $i, $c := $.Columns}}{{if $i}}, {{end}}S.{{ident $c}}{{end}}
FROM staged AS S
WHERE S._state = 'new' AND {{.Source.SQL "S"}};
SET applied = applied + @@row_count;
{{end}}
IF found != applied + superseded + stale THEN
    RAISE USING MESSAGE = FORMAT('%s {found=%d, applied=%d, superseded=%d, stale=%d}',
        {{literal .Unbalanced}}, found, applied, superseded, stale);
END IF;
SET billed = @probed + @@script.bytes_billed;
INSERT INTO {{table "merges"}} (merge_id, table_name, batch_ids, merged_at, rows_registered, rows_applied, rows_superseded, rows_stale, rows_erased, bytes_estimated, bytes_billed, job_id)
VALUES (@merge_id, {{literal .Table}}, @ids, @merged_at, @registered, applied, superseded, stale, erased, @estimated, billed, @job_id);
COMMIT TRANSACTION;
SELECT @registered AS registered, applied AS applied, superseded AS superseded, stale AS stale, erased AS erased, IFNULL(@estimated, 0) AS estimated, billed AS billed;
