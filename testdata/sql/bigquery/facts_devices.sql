SELECT T.`user_id`, T.`id`, T.`team_id`, T.`client_user_id`, T.`provider`, T.`source_type`, T.`app_id`, T.`device_manufacturer`, T.`device_model`, T.`device_version`, T.`device_id`, T.`_extra`, T.`_version`, T.`_version_at`, T.`_message_id`, T.`_deleted`
FROM `project.health_store.devices` AS T
WHERE T.`user_id` IN UNNEST(@users)
ORDER BY T.user_id
