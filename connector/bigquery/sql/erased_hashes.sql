SELECT DISTINCT user_hash
FROM ({{template "erased_people.sql"}})
