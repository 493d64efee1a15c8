{{template "people.sql" .}}
DELETE FROM store.{{ident .Log}}
WHERE user_id IN (SELECT user_id FROM people) AND {{template "removable.sql"}}
