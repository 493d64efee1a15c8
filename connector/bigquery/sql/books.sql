{{- /* What registry and ledger say of the batches that were registered in a window, by table. See connector.Bookkeeper. */ -}}
WITH registered AS (
    -- Each batch once; where its rows differ, that is a fault.
    SELECT batch_id, MIN(table_name) AS table_name,
        MIN(registered_at) >= {{timestamp .Since}} AND MIN(registered_at) < {{timestamp .Until}} AS inside,
        {{- range .RegistrySums}}
        MIN({{ident .}}) AS {{ident .}},
        {{- end}}
        {{- range $i, $c := .Compared}}
        {{if $i}}OR {{end}}
        {{- if $c.Repeated}}MIN(TO_JSON_STRING({{ident $c.Name}})) != MAX(TO_JSON_STRING({{ident $c.Name}}))
        {{- else}}MIN({{ident $c.Name}}) != MAX({{ident $c.Name}}){{end}}
        {{- end}} AS copies_differ
    FROM {{table "batches"}}
    GROUP BY batch_id
),
taken AS (
    SELECT m.merge_id, m.table_name, id AS batch_id
    FROM {{table "merges"}} AS m, UNNEST(m.batch_ids) AS id
),
judged_batches AS (
    SELECT r.*, t.batch_id IS NULL AS pending,
        r.messages != r.messages_landed + r.messages_partly_quarantined + r.messages_quarantined + r.messages_empty AS messages_unaccounted,
        r.rows_decoded != IF(r.table_name = {{literal .Quarantine}}, 0, r.rows) + r.rows_quarantined + r.rows_erased AS rows_unaccounted,
        IFNULL(t.times, 0) > 1 AS taken_twice
    FROM registered AS r
    LEFT JOIN (SELECT batch_id, COUNT(*) AS times FROM taken GROUP BY batch_id) AS t ON t.batch_id = r.batch_id
    WHERE r.inside
),
judged_merges AS (
    -- All of their batches count, those outside of the window too.
    SELECT m.*, IFNULL(t.rows_beyond, 0) AS rows_beyond,
        m.rows_registered != m.rows_applied + m.rows_superseded + m.rows_stale + m.rows_erased AS merge_unaccounted,
        m.rows_registered != IFNULL(t.rows_taken, 0) AS registry_differs,
        IFNULL(t.unregistered, FALSE) AS batch_unregistered,
        IFNULL(t.elsewhere, FALSE) AS table_differs
    FROM {{table "merges"}} AS m
    LEFT JOIN (
        SELECT t.merge_id, SUM(r.rows) AS rows_taken, SUM(IF(r.inside, 0, r.rows)) AS rows_beyond, LOGICAL_OR(r.inside) AS inside,
            LOGICAL_OR(r.batch_id IS NULL) AS unregistered, LOGICAL_OR(r.table_name != t.table_name) AS elsewhere
        FROM taken AS t
        LEFT JOIN registered AS r ON r.batch_id = t.batch_id
        GROUP BY t.merge_id
    ) AS t ON t.merge_id = m.merge_id
    WHERE t.inside
        OR IFNULL(t.unregistered, TRUE) AND m.merged_at >= {{timestamp .Since}} AND m.merged_at < {{timestamp .Until}}
)
SELECT *
FROM (
    SELECT b.table_name, COUNT(*) AS batches,
        {{- range .RegistrySums}}
        SUM(b.{{ident .}}) AS {{ident .}},
        {{- end}}
        COUNTIF(b.pending) AS pending_batches, SUM(IF(b.pending, b.rows, 0)) AS pending_rows
        {{- range .BatchFaults}},
        COUNTIF(b.{{.}}) AS {{.}}, MIN(IF(b.{{.}}, b.batch_id, NULL)) AS {{.}}_example
        {{- end}}
    FROM judged_batches AS b
    GROUP BY b.table_name
) AS b
FULL JOIN (
    SELECT m.table_name, COUNT(*) AS merges,
        {{- range .LedgerSums}}
        SUM(m.{{ident .}}) AS {{ident (print "merged_" .)}},
        {{- end}}
        SUM(m.rows_beyond) AS rows_beyond
        {{- range .MergeFaults}},
        COUNTIF(m.{{.}}) AS {{.}}, MIN(IF(m.{{.}}, m.merge_id, NULL)) AS {{.}}_example
        {{- end}}
    FROM judged_merges AS m
    GROUP BY m.table_name
) AS m USING (table_name)
ORDER BY table_name
