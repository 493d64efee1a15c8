{{template "people.sql" .}}
DELETE FROM store.{{ident .Table}}
WHERE user_id IN (SELECT user_id FROM people)
