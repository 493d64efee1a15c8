DELETE FROM {{table .From}} AS T
WHERE {{.Place.SQL "T"}} AND {{template "theirs.sql" .}}{{if .OfLog}}
    AND {{template "removable.sql" .}}{{end}}
