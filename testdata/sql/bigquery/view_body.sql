SELECT `user_id`, `id`, `team_id`, `client_user_id`, `date`, `calendar_date`, `weight`, `fat`, `water_percentage`, `muscle_mass_percentage`, `visceral_fat_index`, `bone_mass_percentage`, `body_mass_index`, `lean_body_mass_kilogram`, `waist_circumference_centimeter`, `source_provider`, `source_type`, `source_app_id`, `source_device_id`, `source_sport`, `source_workout_id`, `created_at`, `updated_at`, `_extra`, `_version`, `_version_at`, `_message_id`, `_deleted`
FROM `project.health_store.body`
WHERE NOT _deleted
