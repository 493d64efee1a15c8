{{- /* Rows of a log that no merge will count: their batch is merged, or will not be registered any more. */ -}}
(_batch_id IN (SELECT unnest(batch_ids) FROM store.merges)
    OR _appended_at < $2 AND _batch_id NOT IN (SELECT batch_id FROM store.batches))
{{- /* no line break */ -}}
