INSERT INTO `project.health_store.quarantine_fence` (n)
SELECT 0 FROM UNNEST([1]) WHERE NOT EXISTS (SELECT 1 FROM `project.health_store.quarantine_fence`)
