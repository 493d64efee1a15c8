{{- /* What registry and ledger say of the batches that were registered in a window, by table. See connector.Bookkeeper. */ -}}
WITH registered AS (
    -- Each batch once; where its rows differ, that is a fault.
    SELECT batch_id, min(table_name) AS table_name, min(registered_at) >= $1 AND min(registered_at) < $2 AS inside,
        {{- range .RegistrySums}}
        min({{ident .}}) AS {{ident .}},
        {{- end}}
        {{- range $i, $c := .Compared}}
        {{if $i}}OR {{end}}min({{ident $c.Name}}) != max({{ident $c.Name}})
        {{- end}} AS copies_differ
    FROM store.batches
    GROUP BY batch_id
),
taken AS (
    SELECT merge_id, table_name, unnest(batch_ids) AS batch_id
    FROM store.merges
),
judged_batches AS (
    SELECT r.*, t.batch_id IS NULL AS pending,
        r.messages != r.messages_landed + r.messages_partly_quarantined + r.messages_quarantined + r.messages_empty AS messages_unaccounted,
        r.rows_decoded != if(r.table_name = {{literal .Quarantine}}, 0, r.rows) + r.rows_quarantined + r.rows_erased AS rows_unaccounted,
        ifnull(t.times, 0) > 1 AS taken_twice
    FROM registered AS r
    LEFT JOIN (SELECT batch_id, count(*) AS times FROM taken GROUP BY batch_id) AS t ON t.batch_id = r.batch_id
    WHERE r.inside
),
judged_merges AS (
    -- All of their batches count, those outside of the window too.
    SELECT m.*, ifnull(t.rows_beyond, 0) AS rows_beyond,
        m.rows_registered != m.rows_applied + m.rows_superseded + m.rows_stale + m.rows_erased AS merge_unaccounted,
        m.rows_registered != ifnull(t.rows_taken, 0) AS registry_differs,
        ifnull(t.unregistered, false) AS batch_unregistered,
        ifnull(t.elsewhere, false) AS table_differs
    FROM store.merges AS m
    LEFT JOIN (
        SELECT t.merge_id, sum(r.rows) AS rows_taken, sum(if(r.inside, 0, r.rows)) AS rows_beyond, bool_or(r.inside) AS inside,
            bool_or(r.batch_id IS NULL) AS unregistered, bool_or(r.table_name != t.table_name) AS elsewhere
        FROM taken AS t
        LEFT JOIN registered AS r ON r.batch_id = t.batch_id
        GROUP BY t.merge_id
    ) AS t ON t.merge_id = m.merge_id
    WHERE t.inside OR ifnull(t.unregistered, true) AND m.merged_at >= $1 AND m.merged_at < $2
)
SELECT *
FROM (
    SELECT b.table_name, count(*) AS batches,
        {{- range .RegistrySums}}
        sum(b.{{ident .}})::BIGINT AS {{ident .}},
        {{- end}}
        count(*) FILTER (WHERE b.pending) AS pending_batches, sum(if(b.pending, b.rows, 0))::BIGINT AS pending_rows
        {{- range .BatchFaults}},
        count(*) FILTER (WHERE b.{{.}}) AS {{.}}, min(b.batch_id) FILTER (WHERE b.{{.}}) AS {{.}}_example
        {{- end}}
    FROM judged_batches AS b
    GROUP BY b.table_name
) AS b
FULL JOIN (
    SELECT m.table_name, count(*) AS merges,
        {{- range .LedgerSums}}
        sum(m.{{ident .}})::BIGINT AS {{ident (print "merged_" .)}},
        {{- end}}
        sum(m.rows_beyond)::BIGINT AS rows_beyond
        {{- range .MergeFaults}},
        count(*) FILTER (WHERE m.{{.}}) AS {{.}}, min(m.merge_id) FILTER (WHERE m.{{.}}) AS {{.}}_example
        {{- end}}
    FROM judged_merges AS m
    GROUP BY m.table_name
) AS m USING (table_name)
ORDER BY table_name
