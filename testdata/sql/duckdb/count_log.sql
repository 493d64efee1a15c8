SELECT coalesce(sum(versions), 0)::BIGINT AS registered, coalesce(sum(versions - 1), 0)::BIGINT AS superseded
FROM winners
