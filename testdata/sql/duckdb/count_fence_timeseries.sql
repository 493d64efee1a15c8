SELECT count(*) FROM store."timeseries_fence"
