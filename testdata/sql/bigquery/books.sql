WITH registered AS (
    -- Each batch once; where its rows differ, that is a fault.
    SELECT batch_id, MIN(table_name) AS table_name,
        MIN(registered_at) >= TIMESTAMP '2026-11-23 00:00:00+00' AND MIN(registered_at) < TIMESTAMP '9999-12-31 23:59:59.999999+00' AS inside,
        MIN(`rows`) AS `rows`,
        MIN(`rows_decoded`) AS `rows_decoded`,
        MIN(`rows_quarantined`) AS `rows_quarantined`,
        MIN(`rows_erased`) AS `rows_erased`,
        MIN(`messages`) AS `messages`,
        MIN(`messages_landed`) AS `messages_landed`,
        MIN(`messages_partly_quarantined`) AS `messages_partly_quarantined`,
        MIN(`messages_quarantined`) AS `messages_quarantined`,
        MIN(`messages_empty`) AS `messages_empty`,
        MIN(`versions_clamped`) AS `versions_clamped`,
        MIN(`table_name`) != MAX(`table_name`)
        OR MIN(`lane`) != MAX(`lane`)
        OR MIN(`catalogue_version`) != MAX(`catalogue_version`)
        OR MIN(`appended_at`) != MAX(`appended_at`)
        OR MIN(`rows`) != MAX(`rows`)
        OR MIN(`rows_decoded`) != MAX(`rows_decoded`)
        OR MIN(`rows_quarantined`) != MAX(`rows_quarantined`)
        OR MIN(`rows_erased`) != MAX(`rows_erased`)
        OR MIN(`messages`) != MAX(`messages`)
        OR MIN(`messages_landed`) != MAX(`messages_landed`)
        OR MIN(`messages_partly_quarantined`) != MAX(`messages_partly_quarantined`)
        OR MIN(`messages_quarantined`) != MAX(`messages_quarantined`)
        OR MIN(`messages_empty`) != MAX(`messages_empty`)
        OR MIN(`versions_clamped`) != MAX(`versions_clamped`)
        OR MIN(TO_JSON_STRING(`days`)) != MAX(TO_JSON_STRING(`days`))
        OR MIN(`rows_without_day`) != MAX(`rows_without_day`)
        OR MIN(TO_JSON_STRING(`resources`)) != MAX(TO_JSON_STRING(`resources`)) AS copies_differ
    FROM `project.health_store.batches`
    GROUP BY batch_id
),
taken AS (
    SELECT m.merge_id, m.table_name, id AS batch_id
    FROM `project.health_store.merges` AS m, UNNEST(m.batch_ids) AS id
),
judged_batches AS (
    SELECT r.*, t.batch_id IS NULL AS pending,
        r.messages != r.messages_landed + r.messages_partly_quarantined + r.messages_quarantined + r.messages_empty AS messages_unaccounted,
        r.rows_decoded != IF(r.table_name = 'quarantine', 0, r.rows) + r.rows_quarantined + r.rows_erased AS rows_unaccounted,
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
    FROM `project.health_store.merges` AS m
    LEFT JOIN (
        SELECT t.merge_id, SUM(r.rows) AS rows_taken, SUM(IF(r.inside, 0, r.rows)) AS rows_beyond, LOGICAL_OR(r.inside) AS inside,
            LOGICAL_OR(r.batch_id IS NULL) AS unregistered, LOGICAL_OR(r.table_name != t.table_name) AS elsewhere
        FROM taken AS t
        LEFT JOIN registered AS r ON r.batch_id = t.batch_id
        GROUP BY t.merge_id
    ) AS t ON t.merge_id = m.merge_id
    WHERE t.inside
        OR IFNULL(t.unregistered, TRUE) AND m.merged_at >= TIMESTAMP '2026-11-23 00:00:00+00' AND m.merged_at < TIMESTAMP '9999-12-31 23:59:59.999999+00'
)
SELECT *
FROM (
    SELECT b.table_name, COUNT(*) AS batches,
        SUM(b.`rows`) AS `rows`,
        SUM(b.`rows_decoded`) AS `rows_decoded`,
        SUM(b.`rows_quarantined`) AS `rows_quarantined`,
        SUM(b.`rows_erased`) AS `rows_erased`,
        SUM(b.`messages`) AS `messages`,
        SUM(b.`messages_landed`) AS `messages_landed`,
        SUM(b.`messages_partly_quarantined`) AS `messages_partly_quarantined`,
        SUM(b.`messages_quarantined`) AS `messages_quarantined`,
        SUM(b.`messages_empty`) AS `messages_empty`,
        SUM(b.`versions_clamped`) AS `versions_clamped`,
        COUNTIF(b.pending) AS pending_batches, SUM(IF(b.pending, b.rows, 0)) AS pending_rows,
        COUNTIF(b.messages_unaccounted) AS messages_unaccounted, MIN(IF(b.messages_unaccounted, b.batch_id, NULL)) AS messages_unaccounted_example,
        COUNTIF(b.rows_unaccounted) AS rows_unaccounted, MIN(IF(b.rows_unaccounted, b.batch_id, NULL)) AS rows_unaccounted_example,
        COUNTIF(b.copies_differ) AS copies_differ, MIN(IF(b.copies_differ, b.batch_id, NULL)) AS copies_differ_example,
        COUNTIF(b.taken_twice) AS taken_twice, MIN(IF(b.taken_twice, b.batch_id, NULL)) AS taken_twice_example
    FROM judged_batches AS b
    GROUP BY b.table_name
) AS b
FULL JOIN (
    SELECT m.table_name, COUNT(*) AS merges,
        SUM(m.`rows_registered`) AS `merged_rows_registered`,
        SUM(m.`rows_applied`) AS `merged_rows_applied`,
        SUM(m.`rows_superseded`) AS `merged_rows_superseded`,
        SUM(m.`rows_stale`) AS `merged_rows_stale`,
        SUM(m.`rows_erased`) AS `merged_rows_erased`,
        SUM(m.`bytes_estimated`) AS `merged_bytes_estimated`,
        SUM(m.`bytes_billed`) AS `merged_bytes_billed`,
        SUM(m.rows_beyond) AS rows_beyond,
        COUNTIF(m.merge_unaccounted) AS merge_unaccounted, MIN(IF(m.merge_unaccounted, m.merge_id, NULL)) AS merge_unaccounted_example,
        COUNTIF(m.registry_differs) AS registry_differs, MIN(IF(m.registry_differs, m.merge_id, NULL)) AS registry_differs_example,
        COUNTIF(m.batch_unregistered) AS batch_unregistered, MIN(IF(m.batch_unregistered, m.merge_id, NULL)) AS batch_unregistered_example,
        COUNTIF(m.table_differs) AS table_differs, MIN(IF(m.table_differs, m.merge_id, NULL)) AS table_differs_example
    FROM judged_merges AS m
    GROUP BY m.table_name
) AS m USING (table_name)
ORDER BY table_name
