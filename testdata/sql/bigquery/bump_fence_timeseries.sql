UPDATE `project.health_store.timeseries_fence` SET n = n + 1 WHERE TRUE
