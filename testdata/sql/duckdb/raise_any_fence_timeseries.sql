UPDATE store."timeseries_fence" SET n = n + 1
