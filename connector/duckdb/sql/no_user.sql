{{- /* no line break */ -}}
(user_id IS NULL OR user_id = '')
{{- /* no line break */ -}}
