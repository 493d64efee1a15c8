{{- /* The log's rows of the merge's batches, but for those of people who are erased. A row may have no user. */ -}}
{{template "batches.sql"}}
{{- if .Erased}} AND (log.user_id IS NULL OR log.user_id NOT IN (SELECT user_id FROM erased)){{end}}
{{- /* no line break */ -}}
