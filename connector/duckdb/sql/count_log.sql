{{- /* Rows of the batches, and of them those with a newer version beside them. */ -}}
SELECT coalesce(sum(versions), 0)::BIGINT AS registered, coalesce(sum(versions - 1), 0)::BIGINT AS superseded
FROM winners
