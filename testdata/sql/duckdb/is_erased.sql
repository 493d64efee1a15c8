SELECT count(*) FROM (SELECT user_hash FROM store.erasures
WHERE entry = 'erase' AND erasure_id NOT IN (SELECT erasure_id FROM store.erasures WHERE entry = 'lift'))
