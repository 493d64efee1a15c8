SELECT count(*)
FROM winners AS S
JOIN store."sleep" AS T ON T."user_id" = S."user_id" AND T."id" = S."id"
WHERE T._version >= S._version
  AND NOT (S."created_at" IS NOT NULL AND (T."created_at" IS NULL OR S."created_at" < T."created_at"))
