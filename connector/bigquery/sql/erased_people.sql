{{- /* Who is erased, by hash. No column of these is ever NULL. A row may be there twice. */ -}}
SELECT user_hash FROM {{table "erasures"}} WHERE entry = 'erase'
    AND erasure_id NOT IN (SELECT erasure_id FROM {{table "erasures"}} WHERE entry = 'lift')
{{- /* no line break */ -}}
