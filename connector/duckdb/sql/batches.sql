{{- /* The log's rows of the merge's batches. */ -}}
log._batch_id IN (SELECT unnest($1::VARCHAR[])) AND log._appended_at >= $2
{{- /* no line break */ -}}
