CREATE OR REPLACE TEMP TABLE erased AS
WITH users AS MATERIALIZED (
    SELECT DISTINCT log.user_id FROM store."timeseries_log" AS log WHERE log._batch_id IN (SELECT unnest($1::VARCHAR[])) AND log._appended_at >= $2
)
SELECT user_id FROM users WHERE sha256(lower(user_id)) IN (SELECT user_hash FROM store.erasures
WHERE entry = 'erase' AND erasure_id NOT IN (SELECT erasure_id FROM store.erasures WHERE entry = 'lift'))
