SELECT `user_id`, `id`, `team_id`, `client_user_id`, `period_start`, `period_end`, `cycle_end`, `is_predicted`, `menstrual_flow`, `cervical_mucus`, `intermenstrual_bleeding`, `contraceptive`, `detected_deviations`, `ovulation_test`, `home_pregnancy_test`, `home_progesterone_test`, `sexual_activity`, `basal_body_temperature`, `source_provider`, `source_type`, `source_app_id`, `source_device_id`, `source_sport`, `source_workout_id`, `created_at`, `updated_at`, `_extra`, `_version`, `_version_at`, `_message_id`, `_deleted`
FROM `project.health_store.menstrual_cycle`
WHERE NOT _deleted
