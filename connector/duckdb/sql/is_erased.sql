SELECT count(*) FROM ({{template "erased.sql"}})
