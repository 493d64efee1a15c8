UPDATE `project.health_store.sleep_fence` SET n = n + 1 WHERE TRUE
