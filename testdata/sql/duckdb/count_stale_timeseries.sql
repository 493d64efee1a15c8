SELECT count(*)
FROM winners AS S
JOIN store."timeseries" AS T ON T."user_id" = S."user_id" AND T."resource" = S."resource" AND T."provider" = S."provider" AND T."source_type" = S."source_type" AND T."timestamp" = S."timestamp" AND T."discriminator" = S."discriminator"
WHERE T._version >= S._version
