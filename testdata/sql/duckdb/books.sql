WITH registered AS (
    -- Each batch once; where its rows differ, that is a fault.
    SELECT batch_id, min(table_name) AS table_name, min(registered_at) >= $1 AND min(registered_at) < $2 AS inside,
        min("rows") AS "rows",
        min("rows_decoded") AS "rows_decoded",
        min("rows_quarantined") AS "rows_quarantined",
        min("rows_erased") AS "rows_erased",
        min("messages") AS "messages",
        min("messages_landed") AS "messages_landed",
        min("messages_partly_quarantined") AS "messages_partly_quarantined",
        min("messages_quarantined") AS "messages_quarantined",
        min("messages_empty") AS "messages_empty",
        min("versions_clamped") AS "versions_clamped",
        min("table_name") != max("table_name")
        OR min("lane") != max("lane")
        OR min("catalogue_version") != max("catalogue_version")
        OR min("appended_at") != max("appended_at")
        OR min("rows") != max("rows")
        OR min("rows_decoded") != max("rows_decoded")
        OR min("rows_quarantined") != max("rows_quarantined")
        OR min("rows_erased") != max("rows_erased")
        OR min("messages") != max("messages")
        OR min("messages_landed") != max("messages_landed")
        OR min("messages_partly_quarantined") != max("messages_partly_quarantined")
        OR min("messages_quarantined") != max("messages_quarantined")
        OR min("messages_empty") != max("messages_empty")
        OR min("versions_clamped") != max("versions_clamped")
        OR min("days") != max("days")
        OR min("rows_without_day") != max("rows_without_day")
        OR min("resources") != max("resources") AS copies_differ
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
        r.rows_decoded != if(r.table_name = 'quarantine', 0, r.rows) + r.rows_quarantined + r.rows_erased AS rows_unaccounted,
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
        sum(b."rows")::BIGINT AS "rows",
        sum(b."rows_decoded")::BIGINT AS "rows_decoded",
        sum(b."rows_quarantined")::BIGINT AS "rows_quarantined",
        sum(b."rows_erased")::BIGINT AS "rows_erased",
        sum(b."messages")::BIGINT AS "messages",
        sum(b."messages_landed")::BIGINT AS "messages_landed",
        sum(b."messages_partly_quarantined")::BIGINT AS "messages_partly_quarantined",
        sum(b."messages_quarantined")::BIGINT AS "messages_quarantined",
        sum(b."messages_empty")::BIGINT AS "messages_empty",
        sum(b."versions_clamped")::BIGINT AS "versions_clamped",
        count(*) FILTER (WHERE b.pending) AS pending_batches, sum(if(b.pending, b.rows, 0))::BIGINT AS pending_rows,
        count(*) FILTER (WHERE b.messages_unaccounted) AS messages_unaccounted, min(b.batch_id) FILTER (WHERE b.messages_unaccounted) AS messages_unaccounted_example,
        count(*) FILTER (WHERE b.rows_unaccounted) AS rows_unaccounted, min(b.batch_id) FILTER (WHERE b.rows_unaccounted) AS rows_unaccounted_example,
        count(*) FILTER (WHERE b.copies_differ) AS copies_differ, min(b.batch_id) FILTER (WHERE b.copies_differ) AS copies_differ_example,
        count(*) FILTER (WHERE b.taken_twice) AS taken_twice, min(b.batch_id) FILTER (WHERE b.taken_twice) AS taken_twice_example
    FROM judged_batches AS b
    GROUP BY b.table_name
) AS b
FULL JOIN (
    SELECT m.table_name, count(*) AS merges,
        sum(m."rows_registered")::BIGINT AS "merged_rows_registered",
        sum(m."rows_applied")::BIGINT AS "merged_rows_applied",
        sum(m."rows_superseded")::BIGINT AS "merged_rows_superseded",
        sum(m."rows_stale")::BIGINT AS "merged_rows_stale",
        sum(m."rows_erased")::BIGINT AS "merged_rows_erased",
        sum(m."bytes_estimated")::BIGINT AS "merged_bytes_estimated",
        sum(m."bytes_billed")::BIGINT AS "merged_bytes_billed",
        sum(m.rows_beyond)::BIGINT AS rows_beyond,
        count(*) FILTER (WHERE m.merge_unaccounted) AS merge_unaccounted, min(m.merge_id) FILTER (WHERE m.merge_unaccounted) AS merge_unaccounted_example,
        count(*) FILTER (WHERE m.registry_differs) AS registry_differs, min(m.merge_id) FILTER (WHERE m.registry_differs) AS registry_differs_example,
        count(*) FILTER (WHERE m.batch_unregistered) AS batch_unregistered, min(m.merge_id) FILTER (WHERE m.batch_unregistered) AS batch_unregistered_example,
        count(*) FILTER (WHERE m.table_differs) AS table_differs, min(m.merge_id) FILTER (WHERE m.table_differs) AS table_differs_example
    FROM judged_merges AS m
    GROUP BY m.table_name
) AS m USING (table_name)
ORDER BY table_name
