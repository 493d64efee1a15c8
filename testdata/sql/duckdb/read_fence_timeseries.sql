SELECT coalesce(max(n), -1) FROM store."timeseries_fence"
