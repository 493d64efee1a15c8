UPDATE `project.health_store.devices_fence` SET n = n + 1 WHERE TRUE
