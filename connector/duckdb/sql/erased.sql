{{- /* Hashes of the people who are erased: from an erasure on until it is lifted. A row may be there twice. */ -}}
SELECT user_hash FROM store.erasures
WHERE entry = 'erase' AND erasure_id NOT IN (SELECT erasure_id FROM store.erasures WHERE entry = 'lift')
{{- /* no line break */ -}}
