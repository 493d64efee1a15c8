{{- /* Does no merge need the row T of the log? Its batch is merged, or nothing names the batch, and nothing will any more. No
       column of these is ever NULL. */ -}}
(T._batch_id IN (SELECT id FROM {{table "merges"}} AS m, UNNEST(m.batch_ids) AS id)
    OR T._appended_at < {{timestamp .Before}} AND T._batch_id NOT IN (SELECT b.batch_id FROM {{table "batches"}} AS b))
{{- /* no line break */ -}}
