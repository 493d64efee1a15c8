SELECT count(*) FROM store."timeseries_log" AS log
WHERE log._batch_id IN (SELECT unnest($1::VARCHAR[])) AND log._appended_at >= $2 AND log.user_id IN (SELECT user_id FROM erased)
