{{- /* Is a row one of somebody who is erased? Never NULL: quarantine may not know whose row it is, and keeps it. */ -}}
(TO_HEX(SHA256(LOWER(IFNULL(user_id, '')))) IN ({{template "erased_people.sql"}}))
{{- /* no line break */ -}}
